//! `pointsman classify`: labels for one prompt, or for a file of them.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use pointsman_classifier::{Classifier, LabelsRow};
use pointsman_domain::Prompt;

use super::Outcome;
use crate::bulk::{self, Fields, Job};
use crate::cli::{ClassifyArgs, Global};
use crate::config::Config;
use crate::model;
use crate::terminal::{ASIDE, NAME, styled};

pub(crate) fn run(args: &ClassifyArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let classifier = model::load(global, &Config::load(global.config.as_deref())?)?;
    match (&args.prompt, &args.input) {
        (Some(prompt), _) => one(prompt, &classifier, global.json),
        (None, Some(input)) => many(input, args, &classifier, global.json),
        (None, None) => anyhow::bail!("give a prompt, or a file of them with --input"),
    }
}

fn one(prompt: &str, classifier: &Classifier, json: bool) -> Result<Outcome> {
    for labels in classifier.classify(&[Prompt::from_text(prompt)])? {
        if json {
            anstream::println!("{}", serde_json::to_string_pretty(&LabelsRow::<()>::new(None, &labels))?);
        } else {
            anstream::println!("{}", describe(&labels));
        }
    }
    Ok(Outcome::Done)
}

/// Labels in two lines for people.
pub(crate) fn describe(labels: &pointsman_domain::Labels) -> String {
    let runner_up =
        labels.runner_up().map_or(String::new(), |(task, score)| format!(", then {task} {score:.2}"));
    let mut text = format!(
        "task        {} {}\ndifficulty  {} {}",
        styled(NAME, &labels.task),
        styled(ASIDE, format_args!("({:.2}{runner_up})", labels.task_confidence)),
        styled(NAME, labels.band),
        styled(
            ASIDE,
            format_args!(
                "({}, ability {}, band {:.2} sure)",
                labels.difficulty, labels.ability, labels.band_confidence
            )
        ),
    );
    if let Some(reason) = labels.abstained {
        text += &format!("\nabstained   {reason}");
    }
    if labels.truncated() {
        text += &format!("\nread        {} of {} tokens, from both ends", labels.tokens_seen, labels.tokens);
    }
    text
}

fn many(input: &Path, args: &ClassifyArgs, classifier: &Classifier, json: bool) -> Result<Outcome> {
    let fields = Fields { text: args.text.clone(), messages: args.messages.clone(), id: args.id.clone() };
    let job = Job {
        input,
        output: &args.output,
        fields,
        prefix: &args.prefix,
        window: args.window,
        resume: args.resume,
        progress: args.progress,
    };
    let batch_tokens = classifier.batch_tokens();
    let summary = bulk::run(&job, classifier)?;
    summary.tell(batch_tokens);
    if json && args.output != Path::new("-") {
        anstream::println!("{}", serde_json::to_string_pretty(&summary)?);
    }
    Ok(Outcome::Done)
}

/// Reads everything, for prompts that are given as `-`.
pub(crate) fn read_all(path: &Path) -> Result<String> {
    let unreadable = || format!("{}: cannot be read as text", path.display());
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).with_context(unreadable)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(unreadable)
}
