//! What the classifier says about a prompt.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ability, Band, Difficulty, Task, TokenCount};

/// Why a prompt was not given a label that can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbstainReason {
    /// The best task's confidence is below the threshold on the model's card.
    LowConfidence,
    /// The prompt's language is not among those that the model was found good at.
    UnsupportedLanguage,
    /// The prompt is not human language or code: gibberish, base64, binary-looking text.
    NotLanguage,
    /// There is no visible character.
    Empty,
    /// No label came in time, or the classifier was not there to ask.
    Unavailable,
}

impl AbstainReason {
    /// The name as it appears in records, headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowConfidence => "low_confidence",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::NotLanguage => "not_language",
            Self::Empty => "empty",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for AbstainReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One prompt's task and difficulty, with what is needed to judge how far to trust them.
///
/// Task and difficulty are always filled in, also when the classifier abstains: they are then its best guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// The most probable task.
    pub task: Task,
    /// Calibrated probability of `task`, 0–1.
    pub task_confidence: f32,
    /// Calibrated probability of every task in the vocabulary's order; they add up to 1.
    pub task_scores: Vec<(Task, f32)>,
    /// Share of the reference pool expected to fail.
    pub difficulty: Difficulty,
    /// The same on the ability scale.
    pub ability: Ability,
    /// Standard error of `ability`, in the same unit; 0 in labels that were written before there was one.
    #[serde(default)]
    pub ability_sd: f32,
    /// The band of `difficulty`.
    pub band: Band,
    /// Probability that `band` is right, 0–1.
    pub band_confidence: f32,
    /// Why the labels should not be relied on, if they should not.
    pub abstained: Option<AbstainReason>,
    /// Length of the prompt in the classifier's tokens, context and special tokens included. Beyond the classifier's
    /// counting limit it is estimated from the density of tokens at either end.
    pub tokens: TokenCount,
    /// How many of `tokens` the classifier read.
    pub tokens_seen: TokenCount,
}

impl Labels {
    /// Whether a part of the prompt was left out because it is longer than the classifier's window.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.tokens_seen < self.tokens
    }

    /// The second most probable task with its probability.
    #[must_use]
    pub fn runner_up(&self) -> Option<&(Task, f32)> {
        self.task_scores.iter().filter(|(task, _)| *task != self.task).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_up_is_the_second_best() {
        let task = |name| Task::new(name).expect("well formed");
        let labels = Labels {
            task: task("math"),
            task_confidence: 0.6,
            task_scores: vec![(task("chat"), 0.1), (task("math"), 0.6), (task("reasoning"), 0.3)],
            difficulty: Difficulty::new(0.3),
            ability: Difficulty::new(0.3).ability(),
            ability_sd: 0.5,
            band: Band::Medium,
            band_confidence: 0.7,
            abstained: None,
            tokens: TokenCount(12),
            tokens_seen: TokenCount(12),
        };
        assert_eq!(labels.runner_up().map(|(task, _)| task.as_str()), Some("reasoning"));
        assert!(!labels.truncated());
    }

    #[test]
    fn labels_without_the_error_of_their_ability_can_be_read() {
        let labels: Labels = serde_json::from_str(
            r#"{"task":"math","task_confidence":1.0,"task_scores":[],"difficulty":0.5,"ability":0.0,"band":"hard",
            "band_confidence":1.0,"abstained":null,"tokens":1,"tokens_seen":1}"#,
        )
        .expect("readable");
        assert!(labels.ability_sd.abs() < f32::EPSILON);
    }
}
