//! The router controller's configuration of NVIDIA's LLM router blueprint: policies with a model for each class.

use anyhow::Result;

use super::draft::Draft;
use super::place::Place;
use super::yaml::{Yaml, list, text};

/// Classes of its task router, and the rows for them.
const ROWS: [(&str, &[&str]); 12] = [
    ("brainstorming", &["brainstorming"]),
    ("chatbot", &["chat"]),
    ("classification", &["classification"]),
    ("closed qa", &["closed_qa"]),
    ("code generation", &["code"]),
    ("extraction", &["extraction"]),
    ("open qa", &["open_qa"]),
    ("other", &["default"]),
    ("rewrite", &["rewriting"]),
    ("summarization", &["summarization"]),
    ("text generation", &["creative_writing", "text_writing"]),
    ("unknown", &["unsure"]),
];

pub(super) fn read(root: &Yaml, draft: &mut Draft) -> Result<()> {
    let policies = list(root, "policies");
    anyhow::ensure!(!policies.is_empty(), "there are no `policies`");
    for policy in policies {
        let name = text(policy, "name").unwrap_or_default();
        let models = list(policy, "llms");
        if models.iter().any(|model| class_rows(model).is_some()) {
            models.iter().for_each(|model| class(model, draft));
        } else {
            draft.leave_out(format!("policy `{name}`: its classes are no tasks of the classifier"));
        }
    }
    Ok(())
}

fn class_rows(model: &Yaml) -> Option<&'static [&'static str]> {
    let name = text(model, "name")?.to_lowercase().replace(['_', '-'], " ");
    ROWS.iter().find(|(class, _)| *class == name).map(|(_, rows)| *rows)
}

fn class(model: &Yaml, draft: &mut Draft) {
    let name = text(model, "name").unwrap_or_default();
    let (Some(rows), Some(id)) = (class_rows(model), text(model, "model")) else {
        draft.leave_out(format!("class `{name}`: no task of the classifier is called like it"));
        return;
    };
    let (base_url, key) = (text(model, "api_base"), text(model, "api_key"));
    let place = Place { id: &id, base_url: base_url.as_deref(), key: key.as_deref(), api_version: None };
    let short = id.rsplit('/').next().unwrap_or(&id);
    if let Some(name) = draft.model(short, place, None) {
        rows.iter().for_each(|row| draft.row(row, [name.clone()]));
    }
}
