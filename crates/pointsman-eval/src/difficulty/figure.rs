//! Figures of a scorer on some prompts.

use pointsman_domain::Band;
use serde::{Deserialize, Serialize};

use super::bands::band_of;
use super::scorer::Scorer;
use super::{Reliability, pairwise_accuracy, spearman};

/// A figure of a scorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Rank correlation with the share of models that fail.
    Spearman,
    /// Share of pairs of prompts of the source that are put in the right order.
    Pairwise,
    /// Mean distance between the predicted band and that of the share, in bands.
    BandError,
    /// Expected calibration error of the chance of success, against the share of models that succeed.
    Ece,
}

impl Figure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Spearman, Self::Pairwise, Self::BandError, Self::Ece];

    /// The name in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Spearman => "Spearman",
            Self::Pairwise => "pairs in order",
            Self::BandError => "bands off",
            Self::Ece => "ECE",
        }
    }

    pub(super) fn of(self, scorer: &Scorer, truth: &[f64], rows: &[usize]) -> Option<f64> {
        let pick = |values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<f64>>();
        match self {
            Self::Spearman => spearman(&pick(&scorer.order), &pick(truth)),
            Self::Pairwise => pairwise_accuracy(&pick(&scorer.order), &pick(truth)),
            Self::BandError if rows.is_empty() => None,
            Self::BandError => {
                let off = rows.iter().map(|row| band(scorer.share[*row]).abs_diff(band(truth[*row])) as f64);
                Some(off.sum::<f64>() / rows.len() as f64)
            }
            Self::Ece if rows.is_empty() => None,
            Self::Ece => {
                let pairs = rows.iter().map(|row| (1.0 - scorer.share[*row], 1.0 - truth[*row], 1.0));
                Some(Reliability::new(pairs).ece)
            }
        }
    }
}

/// The place of a share's band among the four.
fn band(share: f64) -> usize {
    let band = band_of(share);
    Band::ALL.iter().position(|other| *other == band).unwrap_or(0)
}
