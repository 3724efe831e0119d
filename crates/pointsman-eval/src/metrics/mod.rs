//! Figures over predictions, each beside where its definition comes from.
//!
//! Everything here works on plain slices; what is predicted, and by whom, does not matter.

mod calibration;
mod confusion;
mod coverage;
mod interval;
mod proportion;

pub use calibration::{Calibration, ReliabilityBin};
pub use confusion::{ClassScore, Confusion};
pub use coverage::{CoveragePoint, RiskCoverage};
pub use interval::{Interval, resamples};
pub use proportion::{Proportion, bootstrap, wilson};

/// A prediction as the confidence metrics see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Probability that the classifier gave its answer, 0–1.
    pub confidence: f64,
    /// Whether the answer was right.
    pub correct: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_scored() -> impl Strategy<Value = Vec<Scored>> {
        let one =
            (0.0..=1.0f64, any::<bool>()).prop_map(|(confidence, correct)| Scored { confidence, correct });
        prop::collection::vec(one, 0..300)
    }

    proptest! {
        #[test]
        fn figures_are_shares_and_do_not_depend_on_order(scored in any_scored()) {
            let reversed: Vec<_> = scored.iter().rev().copied().collect();
            let (curve, other) = (RiskCoverage::new(&scored), RiskCoverage::new(&reversed));
            prop_assert!((curve.area - other.area).abs() < 1e-12);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&curve.area));
            let (ece, again) = (Calibration::new(&scored).ece, Calibration::new(&reversed).ece);
            prop_assert!((ece - again).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&ece));
            let share = wilson(scored.iter().map(|one| one.correct));
            prop_assert!(0.0 <= share.low && share.low <= share.value);
            prop_assert!(share.value <= share.high && share.high <= 1.0);
            let wrong = scored.iter().filter(|one| !one.correct).count();
            let last = curve.points.last().map_or(0.0, |point| point.risk);
            prop_assert!((last - wrong as f64 / scored.len().max(1) as f64).abs() < 1e-12);
        }
    }
}
