//! Whether a chance of success of 0.8 succeeds eight times in ten.

use serde::{Deserialize, Serialize};

/// Expected calibration error over bins of equal width, for outcomes that may be shares.
///
/// `ECE = Σ_bins (weight in bin / weight) · |mean outcome − mean chance|` (Guo et al. 2017, eq. 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The error, 0–1.
    pub ece: f64,
    /// The bins that are not empty, the lowest chances first.
    pub bins: Vec<Bin>,
}

/// Predictions of about the same chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many there are.
    pub rows: f64,
    /// Their mean chance.
    pub chance: f64,
    /// Their mean outcome.
    pub outcome: f64,
}

/// How many bins there are between 0 and 1.
const BINS: usize = 10;

impl Reliability {
    /// Compares chances with outcomes, both 0–1, each pair counted as often as its weight says.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        let mut sums = [(0.0, 0.0, 0.0); BINS];
        for (chance, outcome, weight) in pairs {
            let (rows, chances, outcomes) = &mut sums[((chance * BINS as f64) as usize).min(BINS - 1)];
            *rows += weight;
            *chances += weight * chance;
            *outcomes += weight * outcome;
        }
        let filled = sums.into_iter().filter(|(rows, ..)| *rows > 0.0);
        let bins: Vec<Bin> = filled
            .map(|(rows, chances, outcomes)| Bin { rows, chance: chances / rows, outcome: outcomes / rows })
            .collect();
        let total: f64 = bins.iter().map(|bin| bin.rows).sum();
        let gaps: f64 = bins.iter().map(|bin| bin.rows * (bin.outcome - bin.chance).abs()).sum();
        Self { ece: if total > 0.0 { gaps / total } else { 0.0 }, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // One bin has chances .32 and .38 with outcomes 0 and 1, another .9 counted twice with outcome .5.
        let found = Reliability::new([(0.32, 0.0, 1.0), (0.38, 1.0, 1.0), (0.9, 0.5, 2.0)]);
        assert!((found.ece - (2.0 * 0.15 + 2.0 * 0.4) / 4.0).abs() < 1e-12, "{found:?}");
        assert_eq!(found.bins.len(), 2);
        assert_eq!(Reliability::new([(1.0, 1.0, 1.0), (0.0, 0.0, 1.0)]).ece, 0.0);
        assert_eq!(Reliability::new([]).ece, 0.0);
    }
}
