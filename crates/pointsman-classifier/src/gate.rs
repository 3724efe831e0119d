//! Whether an arithmetic says of prompts what the reference says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::classifier::Embedded;
use crate::engine::Arithmetic;

/// How far an arithmetic is from f32 on some prompts, as `pointsman eval engines` measures it and the card records it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What was compared with f32.
    pub arithmetic: Arithmetic,
    /// On how many prompts.
    pub prompts: usize,
    /// Mean cosine of the encoder's outputs.
    pub cosine: f64,
    /// The lowest cosine of a prompt.
    pub lowest_cosine: f64,
    /// Prompts whose task differs.
    pub flips: usize,
    /// Mean distance of the difficulties.
    pub drift: f64,
    /// The largest distance of a prompt's difficulties.
    pub largest_drift: f64,
}

impl Gate {
    /// The mean cosine that is asked for.
    pub const MIN_COSINE: f64 = 0.998;
    /// The share of prompts whose task may differ.
    pub const MAX_FLIP_SHARE: f64 = 0.005;
    /// The mean distance that difficulties may have.
    pub const MAX_DRIFT: f64 = 0.01;

    /// What the reference would have beside itself.
    #[must_use]
    pub fn perfect(arithmetic: Arithmetic, prompts: usize) -> Self {
        Self {
            arithmetic,
            prompts,
            cosine: 1.0,
            lowest_cosine: 1.0,
            flips: 0,
            drift: 0.0,
            largest_drift: 0.0,
        }
    }

    /// Holds answers against the reference's to the same prompts, in the same order. The last `hidden` values of an
    /// embedding are the encoder's output.
    #[must_use]
    pub fn between(
        arithmetic: Arithmetic,
        hidden: usize,
        reference: &[Embedded],
        answers: &[Embedded],
    ) -> Self {
        let pairs = || reference.iter().zip(answers);
        let cosines: Vec<f64> = pairs().map(|(a, b)| cosine(a, b, hidden)).collect();
        let difficulty = |answer: &Embedded| f64::from(answer.labels.difficulty.value());
        let drifts: Vec<f64> = pairs().map(|(a, b)| (difficulty(a) - difficulty(b)).abs()).collect();
        Self {
            arithmetic,
            prompts: cosines.len(),
            cosine: mean(&cosines),
            lowest_cosine: cosines.iter().copied().fold(1.0, f64::min),
            flips: pairs().filter(|(a, b)| a.labels.task != b.labels.task).count(),
            drift: mean(&drifts),
            largest_drift: drifts.iter().copied().fold(0.0, f64::max),
        }
    }

    /// In each figure the one that is further from perfect.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            arithmetic: self.arithmetic,
            prompts: self.prompts.min(other.prompts),
            cosine: self.cosine.min(other.cosine),
            lowest_cosine: self.lowest_cosine.min(other.lowest_cosine),
            flips: self.flips.max(other.flips),
            drift: self.drift.max(other.drift),
            largest_drift: self.largest_drift.max(other.largest_drift),
        }
    }

    /// Share of the prompts whose task differs.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are far below 2^52")]
    pub fn flip_share(&self) -> f64 {
        self.flips as f64 / self.prompts.max(1) as f64
    }

    /// Whether the arithmetic is accurate enough to be a default. Without prompts nothing is known.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.prompts > 0
            && self.cosine >= Self::MIN_COSINE
            && self.flip_share() <= Self::MAX_FLIP_SHARE
            && self.drift <= Self::MAX_DRIFT
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cosine {:.6} (lowest {:.6}), {} of {} tasks differ ({:.2} %), difficulty off by {:.5} (at most {:.5})",
            self.cosine,
            self.lowest_cosine,
            self.flips,
            self.prompts,
            100.0 * self.flip_share(),
            self.drift,
            self.largest_drift
        )
    }
}

/// The cosine of two outputs of the encoder: 1 for vectors of one direction; two zeros have one, a zero and another vector none.
fn cosine(a: &Embedded, b: &Embedded, hidden: usize) -> f64 {
    let output = |answer: &Embedded| {
        let from = answer.embedding.len().saturating_sub(hidden);
        answer.embedding[from..].iter().map(|value| f64::from(*value)).collect::<Vec<_>>()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (a, b) = (output(a), output(b));
    let norms = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if norms == 0.0 { f64::from(u8::from(a == b)) } else { dot(&a, &b) / norms }
}

#[expect(clippy::cast_precision_loss, reason = "counts of prompts are far below 2^52")]
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Ability, Band, Difficulty, Labels, Task, TokenCount};

    use super::*;

    fn answer(embedding: [f32; 3], task: &str, difficulty: f32) -> Embedded {
        let labels = Labels {
            task: Task::new(task).expect("a task"),
            task_confidence: 0.5,
            task_scores: Vec::new(),
            difficulty: Difficulty::new(difficulty),
            ability: Ability(0.0),
            ability_sd: 1.0,
            band: Band::Easy,
            band_confidence: 0.5,
            abstained: None,
            tokens: TokenCount(1),
            tokens_seen: TokenCount(1),
        };
        Embedded { labels, embedding: embedding.to_vec(), logits: Vec::new() }
    }

    #[test]
    fn distances_are_those_of_the_last_layer_and_the_labels() {
        // The first value belongs to another layer than the last.
        let reference = [answer([9.0, 1.0, 0.0], "chat", 0.25), answer([9.0, 0.0, 2.0], "math", 0.5)];
        let other = [answer([0.0, 1.0, 1.0], "chat", 0.5), answer([9.0, 0.0, 1.0], "coding", 0.5)];
        let of = |answers: &[Embedded]| Gate::between(Arithmetic::Int16, 2, &reference, answers);
        assert_eq!(of(&reference), Gate::perfect(Arithmetic::Int16, 2));
        let gate = of(&other);
        assert!((gate.cosine - (0.5f64.sqrt() + 1.0) / 2.0).abs() < 1e-9, "{gate}");
        assert!((gate.lowest_cosine - 0.5f64.sqrt()).abs() < 1e-9, "{gate}");
        assert_eq!((gate.flips, gate.drift, gate.largest_drift), (1, 0.125, 0.25));
        assert_eq!(of(&reference).worse(gate), gate);
    }

    #[test]
    fn what_has_no_direction_is_alike_only_to_itself() {
        let cosine = |a: [f32; 3], b: [f32; 3]| cosine(&answer(a, "chat", 0.5), &answer(b, "chat", 0.5), 2);
        assert_eq!(cosine([1.0, 0.0, 0.0], [2.0, 0.0, 0.0]), 1.0);
        assert_eq!(cosine([1.0, 0.0, 0.0], [1.0, 0.0, 1.0]), 0.0);
        assert!(cosine([1.0, f32::NAN, 0.0], [1.0, 0.0, 1.0]).is_nan());
    }

    #[test]
    fn each_threshold_counts() {
        let perfect = Gate::perfect(Arithmetic::Int16, 1000);
        assert!(perfect.passes());
        assert!(Gate { cosine: 0.998, flips: 5, drift: 0.01, ..perfect }.passes());
        for failing in [
            Gate { cosine: 0.9979, ..perfect },
            Gate { cosine: f64::NAN, ..perfect },
            Gate { flips: 6, ..perfect },
            Gate { drift: 0.011, ..perfect },
            Gate { drift: f64::NAN, ..perfect },
            Gate { prompts: 0, ..perfect },
        ] {
            assert!(!failing.passes(), "{failing}");
        }
    }

    #[test]
    fn a_gate_reads_as_a_line() {
        let gate = Gate { flips: 3, drift: 0.001, ..Gate::perfect(Arithmetic::Int16, 1000) };
        insta::assert_snapshot!(gate, @"cosine 1.000000 (lowest 1.000000), 3 of 1000 tasks differ (0.30 %), difficulty off by 0.00100 (at most 0.00000)");
    }
}
