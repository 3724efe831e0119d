//! Recorded decisions that somebody has scored, as outcomes.

use anyhow::Result;
use pointsman_classifier::Classifier;
use pointsman_domain::Prompt;
use pointsman_eval::adapt::{Described, Names, Observed};
use pointsman_record::{Filter, Record, StoredPrompt};
use serde::Serialize;

use crate::cli::CalibrateArgs;
use crate::commands::record_file::RecordFile;
use crate::config::Config;
use crate::time;

/// What was made of a file of records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Used {
    /// Records with a score that are used.
    pub(super) scored: usize,
    /// Those of them whose prompt was recorded whole. Of the others the labels are known, so that abilities can be fitted
    /// to them and no head.
    pub(super) with_prompt: usize,
    /// Scored records without a reply or without labels, or labelled by another classifier and without a prompt to be
    /// labelled again.
    pub(super) left_out: usize,
}

/// Adds the scored records of the file that `args` name, if they do, to what was `observed`, each for the model that
/// answered then.
pub(super) fn add(
    observed: &mut Observed,
    args: &CalibrateArgs,
    config: &Config,
    classifier: &Classifier,
    names: &Names<'_>,
) -> Result<Option<Used>> {
    let Some(path) = &args.records else { return Ok(None) };
    let since_us = args.since.map_or(0, |since| since.unix_us(time::now_us()));
    let file = RecordFile::open(Some(path), config)?;
    let own_hash = classifier.card().files.weights.to_string();
    let mut used = Used::default();
    file.decisions(Filter { since_us, newest: None }, |record| {
        let Some(feedback) = record.feedback else { return Ok(()) };
        let by = record.answered.as_ref().and_then(|answered| answered.by());
        let model = by.map(|by| names.of_recorded(&by.model, &by.target));
        let described = match &record.prompt {
            Some(StoredPrompt::Full(prompt)) => Some(described(classifier, prompt)?),
            _ => labelled(&record, classifier, &own_hash),
        };
        match (model, described) {
            (Some(model), Some(described)) => {
                used.scored += 1;
                used.with_prompt += usize::from(!described.embedding.is_empty());
                observed.add(described, [(model, feedback.score, 1.0)]);
            }
            _ => used.left_out += 1,
        }
        Ok(())
    })?;
    Ok(Some(used))
}

/// What the classifier says of a prompt that was kept.
fn described(classifier: &Classifier, prompt: &Prompt) -> Result<Described> {
    let mut embedded = classifier.embed(std::slice::from_ref(prompt))?;
    let embedded = embedded.pop().ok_or_else(|| anyhow::anyhow!("the classifier gave no labels"))?;
    Ok(super::described(classifier, embedded))
}

/// What the same classifier said when the prompt came; nothing if it was another one, or if it abstained.
fn labelled(record: &Record, classifier: &Classifier, own_hash: &str) -> Option<Described> {
    let is_known = record.classifier_hash == own_hash && record.labels.abstained.is_none();
    is_known.then(|| Described {
        group: classifier.vocabulary().group_of(&record.labels.task).cloned(),
        labels: record.labels.clone(),
        embedding: Vec::new(),
    })
}
