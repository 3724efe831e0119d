//! Whether a confidence of 0.8 is right eight times in ten.

use serde::{Deserialize, Serialize};

use super::Scored;

/// Expected calibration error with the bins that it is computed from.
///
/// `ECE = Σ_bins (rows in bin / rows) · |accuracy − mean confidence|` over [`Calibration::BINS`] bins of equal width,
/// as in Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error, 0–1.
    pub ece: f64,
    /// The bins, lowest confidence first, empty ones included.
    pub bins: Vec<ReliabilityBin>,
}

/// Predictions whose confidence lies in `low ..= high`; the lower end belongs to the bin below, but for 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower end of the confidences.
    pub low: f64,
    /// Upper end of the confidences.
    pub high: f64,
    /// How many predictions are in it.
    pub rows: usize,
    /// Their mean confidence; `None` if there are none.
    pub confidence: Option<f64>,
    /// The share that is right; `None` if there are none.
    pub accuracy: Option<f64>,
}

impl Calibration {
    /// Number of bins, as in the paper.
    pub const BINS: usize = 15;

    /// Compares confidences with outcomes. Confidences outside 0–1 count as the nearer end.
    #[must_use]
    pub fn new(predictions: &[Scored]) -> Self {
        let mut sums = vec![(0usize, 0.0f64, 0usize); Self::BINS];
        for prediction in predictions {
            let confidence = prediction.confidence.clamp(0.0, 1.0);
            let place = (confidence * Self::BINS as f64).ceil() as usize;
            let (rows, total, right) = &mut sums[place.saturating_sub(1).min(Self::BINS - 1)];
            *rows += 1;
            *total += confidence;
            *right += usize::from(prediction.correct);
        }
        let edge = |i: usize| i as f64 / Self::BINS as f64;
        let mean = |sum: f64, rows: usize| (rows > 0).then(|| sum / rows as f64);
        let bins: Vec<_> = sums
            .into_iter()
            .enumerate()
            .map(|(i, (rows, total, right))| ReliabilityBin {
                low: edge(i),
                high: edge(i + 1),
                rows,
                confidence: mean(total, rows),
                accuracy: mean(right as f64, rows),
            })
            .collect();
        let gap = |bin: &ReliabilityBin| Some(bin.rows as f64 * (bin.accuracy? - bin.confidence?).abs());
        let ece = bins.iter().filter_map(gap).sum::<f64>() / predictions.len().max(1) as f64;
        Self { ece, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(confidence: f64, correct: bool) -> Scored {
        Scored { confidence, correct }
    }

    #[test]
    fn ece_by_hand() {
        // One bin holds 0.9, 0.92 (one right of two), another 0.35 (wrong).
        let calibration = Calibration::new(&[scored(0.90, true), scored(0.92, false), scored(0.35, false)]);
        let expected = (2.0 * (0.5f64 - 0.91).abs() + 0.35) / 3.0;
        assert!((calibration.ece - expected).abs() < 1e-12, "{}", calibration.ece);
        assert_eq!(calibration.bins.len(), 15);
        assert_eq!(calibration.bins.iter().map(|bin| bin.rows).sum::<usize>(), 3);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        for (confidence, bin) in [(0.0, 0), (1.0 / 15.0, 0), (0.07, 1), (1.0, 14), (-3.0, 0), (7.0, 14)] {
            let calibration = Calibration::new(&[scored(confidence, true)]);
            assert_eq!(calibration.bins[bin].rows, 1, "{confidence}");
        }
        assert_eq!(Calibration::new(&[scored(f64::NAN, true)]).bins[0].rows, 1);
    }

    #[test]
    fn honest_confidence_has_no_error() {
        let mut predictions = Vec::new();
        for tenths in 1..10 {
            for i in 0..1_000 {
                predictions.push(scored(f64::from(tenths) / 10.0, i < tenths * 100));
            }
        }
        assert!(Calibration::new(&predictions).ece < 1e-9);
        assert_eq!(Calibration::new(&[]).ece, 0.0);
    }
}
