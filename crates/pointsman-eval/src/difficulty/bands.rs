//! Whether a band means what it says.

use pointsman_domain::{Band, Difficulty};
use serde::{Deserialize, Serialize};

/// The prompts that a scorer puts into one band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandShare {
    /// The band.
    pub band: Band,
    /// How many prompts are put there.
    pub prompts: usize,
    /// Mean share of models that is expected to fail them.
    pub expected: f64,
    /// Mean share that does.
    pub measured: f64,
}

impl BandShare {
    /// The bands that `rows` fall into by the shares expected, the easiest first.
    pub(super) fn of(expected: &[f64], measured: &[f64], rows: &[usize]) -> Vec<Self> {
        let within = |band: Band| {
            let rows: Vec<usize> =
                rows.iter().copied().filter(|row| band_of(expected[*row]) == band).collect();
            let mean =
                |values: &[f64]| rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len().max(1) as f64;
            Self { band, prompts: rows.len(), expected: mean(expected), measured: mean(measured) }
        };
        Band::ALL.into_iter().map(within).filter(|band| band.prompts > 0).collect()
    }
}

/// The band of a share of models that fail.
#[expect(clippy::cast_possible_truncation, reason = "difficulties are f32")]
pub(super) fn band_of(share: f64) -> Band {
    Difficulty::new(share as f32).band()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_by_hand() {
        let bands = BandShare::of(&[0.1, 0.2, 0.6, 0.9], &[0.0, 0.4, 0.5, 1.0], &[0, 1, 2]);
        assert_eq!(bands.len(), 2);
        assert_eq!((bands[0].band, bands[0].prompts), (Band::Easy, 2));
        assert!((bands[0].expected - 0.15).abs() < 1e-12 && (bands[0].measured - 0.2).abs() < 1e-12);
        assert_eq!((bands[1].band, bands[1].expected, bands[1].measured), (Band::Hard, 0.6, 0.5));
    }
}
