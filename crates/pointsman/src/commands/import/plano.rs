//! Plano's (formerly Arch's) configuration: providers, their preferences, a default.

use anyhow::Result;
use pointsman_domain::Vocabulary;

use super::draft::Draft;
use super::place::Place;
use super::yaml::{Yaml, list, text, texts};

pub(super) fn read(root: &Yaml, draft: &mut Draft) -> Result<()> {
    let key = ["model_providers", "llm_providers"].into_iter().find(|key| !list(root, key).is_empty());
    let Some(key) = key else { anyhow::bail!("there is neither `model_providers` nor `llm_providers`") };
    let mut names: Vec<(String, String)> = Vec::new();
    for entry in list(root, key) {
        if let Some((id, name)) = provider(entry, draft) {
            for preference in list(entry, "routing_preferences") {
                prefer(preference, std::slice::from_ref(&name), draft);
            }
            names.push((id, name));
        }
    }
    for preference in list(root, "routing_preferences") {
        let wanted = texts(&preference["models"]);
        let models: Vec<String> = wanted
            .iter()
            .filter_map(|wanted| names.iter().find(|(id, _)| id == wanted).map(|(_, name)| name.clone()))
            .collect();
        prefer(preference, &models, draft);
        if !preference["selection_policy"].is_null() {
            draft.leave_out("`selection_policy`: rows are orders");
        }
    }
    for (key, why) in [
        ("prompt_guards", "there are no guards"),
        ("ratelimits", "there are no limits by user"),
        ("model_aliases", "names of models are those of [models]"),
        ("agents", "agents are not routed to"),
        ("filters", "there are no filters"),
    ] {
        if !root[key].is_null() {
            draft.leave_out(format!("`{key}`: {why}"));
        }
    }
    Ok(())
}

/// A model with its name in the file and in ours.
fn provider(entry: &Yaml, draft: &mut Draft) -> Option<(String, String)> {
    let id = text(entry, "model")?;
    let (base_url, key) = (text(entry, "base_url"), text(entry, "access_key"));
    let place = Place { id: &id, base_url: base_url.as_deref(), key: key.as_deref(), api_version: None };
    let short = id.rsplit('/').next().unwrap_or(&id).to_owned();
    let name = draft.model(&short, place, None)?;
    if entry["default"].as_bool() == Some(true) {
        draft.row("default", [name.clone()]);
    }
    Some((id, name))
}

/// Words of preferences, and the tasks or groups that they mean. The first that is found counts.
const WORDS: [(&str, &str); 18] = [
    ("code completion", "code_completion"),
    ("code edit", "code_editing"),
    ("code review", "code_editing"),
    ("refactor", "code_editing"),
    ("code generat", "code_generation"),
    ("cod", "code"),
    ("program", "code"),
    ("summar", "summarization"),
    ("translat", "translation"),
    ("extract", "extraction"),
    ("classif", "classification"),
    ("rewrit", "rewriting"),
    ("brainstorm", "brainstorming"),
    ("creative", "creative_writing"),
    ("math", "math"),
    ("reason", "reasoning"),
    ("plan", "planning"),
    ("chat", "chat"),
];

fn prefer(preference: &Yaml, models: &[String], draft: &mut Draft) {
    let name = text(preference, "name").unwrap_or_default();
    match row(&name) {
        Some(row) => {
            draft.row(&row, models.iter().cloned());
            if !preference["description"].is_null() {
                draft.leave_out("descriptions of preferences: tasks are those of the classifier");
            }
        }
        None => draft.leave_out(format!("preference `{name}`: no task of the classifier is called like it")),
    }
}

/// The task or group that a preference is named after.
fn row(name: &str) -> Option<String> {
    let name = name.to_lowercase().replace(['_', '-'], " ");
    let standard = Vocabulary::standard();
    let exact =
        standard.tasks().chain(standard.groups()).find(|task| task.as_str().replace('_', " ") == name);
    let meant = || WORDS.iter().find(|(word, _)| name.contains(word)).map(|(_, row)| (*row).to_owned());
    exact.map(ToString::to_string).or_else(meant)
}
