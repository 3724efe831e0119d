//! What abstaining buys: errors among the answers that are kept, as fewer are kept.

use serde::{Deserialize, Serialize};

use super::Scored;

/// The risk–coverage curve (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017): answers are kept in order of
/// confidence, the surest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Mean risk over all coverages (AURC); lower is better.
    pub area: f64,
    /// The curve from the surest answers to all of them, thinned to at most [`RiskCoverage::POINTS`] points.
    pub points: Vec<CoveragePoint>,
}

/// What holds when answers below `threshold` are withheld.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoveragePoint {
    /// The lowest confidence that is kept.
    pub threshold: f64,
    /// Share of answers that are kept, 0–1.
    pub coverage: f64,
    /// Share of those that are wrong, 0–1.
    pub risk: f64,
}

impl RiskCoverage {
    /// How many points of the curve are kept at most.
    pub const POINTS: usize = 200;

    /// Orders predictions by confidence; those of equal confidence are kept or withheld together.
    #[must_use]
    pub fn new(predictions: &[Scored]) -> Self {
        let mut sorted = predictions.to_vec();
        sorted.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let all = sorted.len() as f64;
        let (mut wrong, mut kept, mut area) = (0usize, 0usize, 0.0f64);
        let mut points = Vec::new();
        for group in sorted.chunk_by(|a, b| a.confidence == b.confidence) {
            wrong += group.iter().filter(|prediction| !prediction.correct).count();
            kept += group.len();
            let risk = wrong as f64 / kept as f64;
            area += risk * group.len() as f64 / all;
            points.push(CoveragePoint { threshold: group[0].confidence, coverage: kept as f64 / all, risk });
        }
        Self { area, points: thin(points) }
    }

    /// The point at which at least `coverage` of the answers are kept; `None` on an empty curve.
    #[must_use]
    pub fn at(&self, coverage: f64) -> Option<CoveragePoint> {
        self.points.iter().find(|point| point.coverage >= coverage).or(self.points.last()).copied()
    }
}

/// Leaves about [`RiskCoverage::POINTS`] points, evenly spread, the first and the last always.
fn thin(points: Vec<CoveragePoint>) -> Vec<CoveragePoint> {
    let step = points.len().div_ceil(RiskCoverage::POINTS - 1).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(i, _)| i % step == 0 || *i == last)
        .map(|(_, point)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(confidence: f64, correct: bool) -> Scored {
        Scored { confidence, correct }
    }

    #[test]
    fn the_curve_by_hand() {
        let curve = RiskCoverage::new(&[
            scored(0.5, false),
            scored(0.9, true),
            scored(0.7, false),
            scored(0.7, true),
        ]);
        let points: Vec<_> = curve.points.iter().map(|p| (p.threshold, p.coverage, p.risk)).collect();
        assert_eq!(points, [(0.9, 0.25, 0.0), (0.7, 0.75, 1.0 / 3.0), (0.5, 1.0, 0.5)]);
        let area = 0.25 * 0.0 + 0.5 / 3.0 + 0.25 * 0.5;
        assert!((curve.area - area).abs() < 1e-12, "{}", curve.area);
        assert_eq!(curve.at(0.5).map(|point| point.threshold), Some(0.7));
        assert_eq!(curve.at(1.0).map(|point| point.risk), Some(0.5));
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let many: Vec<_> = (0..10_001).map(|i| scored(f64::from(i) / 10_001.0, i % 3 == 0)).collect();
        let points = RiskCoverage::new(&many).points;
        assert!(points.len() <= RiskCoverage::POINTS && points.len() > 150, "{}", points.len());
        assert_eq!(points.last().map(|point| point.coverage), Some(1.0));
        assert!(points.is_sorted_by(|a, b| a.coverage < b.coverage));
    }

    #[test]
    fn nothing_has_no_curve() {
        let curve = RiskCoverage::new(&[]);
        assert!(curve.points.is_empty() && curve.at(0.5).is_none() && curve.area == 0.0);
    }
}
