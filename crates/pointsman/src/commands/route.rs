//! `pointsman route`: where a prompt would go, and why.

use anyhow::{Context, Result};
use pointsman_classifier::LabelsRow;
use pointsman_domain::{Candidate, Labels, Prompt, RequestFacts, TokenCount};
use pointsman_policy::{Explanation, State, UnixMicros};
use serde_json::json;

use super::{Outcome, classify};
use crate::cli::{Global, PromptArgs};
use crate::config::Config;
use crate::model;
use crate::terminal::{ASIDE, NAME, styled};

/// A prompt's labels and what the table says of them.
pub(crate) struct Routed {
    pub(crate) labels: Labels,
    pub(crate) explanation: Explanation,
}

impl Routed {
    /// The labels as they are printed; a prompt on the command line has no id.
    pub(crate) fn row(&self) -> LabelsRow<'_, ()> {
        LabelsRow::new(None, &self.labels)
    }
}

/// Labels the prompt and looks the labels up in the table `auto`.
pub(crate) fn route(args: &PromptArgs, global: &Global) -> Result<Routed> {
    let prompt = super::prompt(args)?;
    let config = Config::load(global.config.as_deref())?;
    let classifier = model::load(global, &config)?;
    let (policy, _) = config.policy(classifier.vocabulary())?;
    let labels = classifier.classify(std::slice::from_ref(&prompt))?;
    let labels = labels.into_iter().next().context("the classifier gave no labels")?;
    let facts = facts(&prompt, &labels);
    // Nothing has failed yet in a process that has just begun, so the time does not matter.
    let explanation = policy.auto().explain(&facts, &labels, &State::default(), UnixMicros(0));
    Ok(Routed { labels, explanation })
}

/// What the table needs to know of a request with this prompt and nothing else.
pub(super) fn facts(prompt: &Prompt, labels: &Labels) -> RequestFacts {
    // About four characters make a token of a backend's vocabulary; the classifier's own count is finer for other scripts.
    let characters: usize = prompt.turns().iter().map(|turn| turn.text.chars().count()).sum();
    let estimate = TokenCount(u32::try_from(characters / 4).unwrap_or(u32::MAX));
    RequestFacts { input_tokens: labels.tokens.max(estimate), ..RequestFacts::default() }
}

pub(crate) fn run(args: &PromptArgs, global: &Global) -> Result<Outcome> {
    let routed = route(args, global)?;
    let Explanation { decision, table, .. } = &routed.explanation;
    if global.json {
        let report = json!({ "table": table, "labels": routed.row(), "decision": decision });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    anstream::println!("{}", classify::describe(&routed.labels));
    anstream::println!(
        "model       {} {}",
        styled(NAME, &decision.model),
        styled(ASIDE, format_args!("({})", decision.target))
    );
    anstream::println!(
        "rule        {} {}",
        styled(NAME, &decision.rule),
        styled(ASIDE, format_args!("({})", decision.reason.as_str()))
    );
    for (label, candidate) in ["chances"].into_iter().chain(std::iter::repeat("")).zip(&decision.candidates) {
        let Candidate { model, success, cost } = candidate;
        let cost = cost.map_or_else(|| "no price".to_owned(), |cost| cost.to_string());
        anstream::println!("{label:11} {success:.2} {model} {}", styled(ASIDE, format_args!("({cost})")));
    }
    if !decision.fallbacks.is_empty() {
        let names: Vec<&str> = decision.fallbacks.iter().map(pointsman_domain::ModelName::as_str).collect();
        anstream::println!("then        {}", names.join(", "));
    }
    Ok(Outcome::Done)
}
