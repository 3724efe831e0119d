//! Whether an arithmetic says of prompts what the reference says.

use std::fmt;

use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_counts() {
        let perfect = Gate::perfect(Arithmetic::Int8, 1000);
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
        let gate = Gate { flips: 3, drift: 0.001, ..Gate::perfect(Arithmetic::Int8, 1000) };
        insta::assert_snapshot!(gate, @"cosine 1.000000 (lowest 1.000000), 3 of 1000 tasks differ (0.30 %), difficulty off by 0.00100 (at most 0.00000)");
    }
}
