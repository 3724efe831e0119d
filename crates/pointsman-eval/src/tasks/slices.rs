//! Accuracy by some property of the items.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::metrics::{Proportion, wilson};

/// The items that share a property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// What they share; empty for items of which it is not known.
    pub name: String,
    /// How often an accepted label was given.
    pub accuracy: Proportion,
    /// On how many of them the classifier abstained.
    #[serde(default)]
    pub abstained: usize,
}

impl Slice {
    fn of(name: String, answers: &[&Answer<'_>]) -> Self {
        let accuracy = wilson(answers.iter().map(|answer| answer.correct()));
        let abstained = answers.iter().filter(|answer| answer.labels.abstained.is_some()).count();
        Self { name, accuracy, abstained }
    }

    /// Share of the items that the classifier abstained on; 0 of nothing is 0.
    #[must_use]
    pub fn abstained_share(&self) -> f64 {
        self.abstained as f64 / self.accuracy.of.max(1) as f64
    }
}

/// Upper ends of the length buckets, in classifier tokens; the last bucket is everything longer.
const LENGTHS: [u32; 7] = [8, 16, 32, 64, 128, 256, 512];

/// Accuracy by what `property` says, the most frequent first; empty if it is known of no item.
pub(super) fn by(answers: &[Answer<'_>], property: impl Fn(&Answer<'_>) -> Option<String>) -> Vec<Slice> {
    let mut sharing: BTreeMap<String, Vec<&Answer<'_>>> = BTreeMap::new();
    for answer in answers {
        sharing.entry(property(answer).unwrap_or_default()).or_default().push(answer);
    }
    if sharing.keys().all(String::is_empty) {
        return Vec::new();
    }
    let mut slices: Vec<Slice> =
        sharing.into_iter().map(|(name, answers)| Slice::of(name, &answers)).collect();
    slices.sort_by_key(|slice| std::cmp::Reverse(slice.accuracy.of));
    slices
}

/// Accuracy by length in classifier tokens, shortest first, empty buckets left out.
pub(super) fn by_length(answers: &[Answer<'_>]) -> Vec<Slice> {
    let bucket = |tokens: u32| LENGTHS.iter().position(|end| tokens <= *end).unwrap_or(LENGTHS.len());
    let name =
        |place: usize| match (place.checked_sub(1).map(|before| LENGTHS[before] + 1), LENGTHS.get(place)) {
            (start, Some(end)) => format!("{}–{end}", start.unwrap_or(0)),
            (start, None) => format!("{}+", start.unwrap_or(0)),
        };
    (0..=LENGTHS.len())
        .map(|place| {
            let inside = answers.iter().filter(|answer| bucket(answer.labels.tokens.0) == place);
            Slice::of(name(place), &inside.collect::<Vec<_>>())
        })
        .filter(|slice| slice.accuracy.of > 0)
        .collect()
}
