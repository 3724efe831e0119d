//! Asking a classifier about a data set.

use std::collections::HashMap;

use pointsman_domain::{Labels, Prompt};

use crate::dataset::Item;
use crate::perturb::Perturbation;

/// Why a classifier's answers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PredictError<E> {
    /// The classifier failed.
    #[error(transparent)]
    Classifier(#[from] E),
    /// The classifier did not give one answer for each prompt.
    #[error("the classifier gave {answers} labels for {prompts} prompts")]
    Count {
        /// How many prompts it was given.
        prompts: usize,
        /// How many labels it gave.
        answers: usize,
    },
}

/// The labels that `classify` gives the items, in order. It is called with at most `batch` prompts at a time.
///
/// # Errors
/// When `classify` fails, or gives another number of labels than it got prompts.
pub fn predict<E>(
    items: &[Item],
    batch: usize,
    classify: impl FnMut(&[Prompt]) -> Result<Vec<Labels>, E>,
) -> Result<Vec<Labels>, PredictError<E>> {
    predict_each(items, batch, |_, item| item.prompt.clone(), classify)
}

/// As [`predict`], with every prompt changed by `perturbation`. The same seed gives the same changes.
///
/// # Errors
/// As [`predict`].
pub fn predict_perturbed<E>(
    items: &[Item],
    batch: usize,
    perturbation: Perturbation,
    seed: u64,
    classify: impl FnMut(&[Prompt]) -> Result<Vec<Labels>, E>,
) -> Result<Vec<Labels>, PredictError<E>> {
    let change = |i: usize, item: &Item| perturbation.apply(&item.prompt, seed.wrapping_add(i as u64));
    predict_each(items, batch, change, classify)
}

/// Items, the labels that they had, and the labels of their paraphrases, one of each for every paraphrase.
pub type Paraphrased = (Vec<Item>, Vec<Labels>, Vec<Labels>);

/// The labels of `paraphrases` beside those of the items with the same id. Paraphrases of no item are left out.
///
/// # Errors
/// As [`predict`].
pub fn predict_paraphrased<E>(
    items: &[Item],
    labels: &[Labels],
    paraphrases: &[Item],
    batch: usize,
    classify: impl FnMut(&[Prompt]) -> Result<Vec<Labels>, E>,
) -> Result<Paraphrased, PredictError<E>> {
    let known: HashMap<&str, (&Item, &Labels)> =
        items.iter().zip(labels).map(|(item, labels)| (item.id.as_str(), (item, labels))).collect();
    let (mut said_again, mut originals, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for paraphrase in paraphrases {
        if let Some((item, labels)) = known.get(paraphrase.id.as_str()) {
            said_again.push(paraphrase.clone());
            originals.push((*item).clone());
            before.push((*labels).clone());
        }
    }
    let after = predict(&said_again, batch, classify)?;
    Ok((originals, before, after))
}

fn predict_each<E>(
    items: &[Item],
    batch: usize,
    prompt: impl Fn(usize, &Item) -> Prompt,
    mut classify: impl FnMut(&[Prompt]) -> Result<Vec<Labels>, E>,
) -> Result<Vec<Labels>, PredictError<E>> {
    let batch = batch.max(1);
    let mut labels = Vec::with_capacity(items.len());
    for (chunk, start) in items.chunks(batch).zip((0..).step_by(batch)) {
        let prompts: Vec<Prompt> = chunk.iter().zip(start..).map(|(item, i)| prompt(i, item)).collect();
        let answers = classify(&prompts)?;
        if answers.len() != prompts.len() {
            return Err(PredictError::Count { prompts: prompts.len(), answers: answers.len() });
        }
        labels.extend(answers);
    }
    Ok(labels)
}
