//! How well outcomes are foretold.

use pointsman_policy::Discrimination;
use serde::Serialize;

use super::abilities::Fitted;
use super::observed::Observed;

/// How well chances of success foretell outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Mean of `−y ln p − (1 − y) ln(1 − p)`.
    pub log_loss: f64,
    /// Mean of `(y − p)²` (Brier 1950).
    pub brier: f64,
    /// Expected calibration error over ten bins of equal width (Naeini et al. 2015).
    pub calibration_error: f64,
}

/// Bins of the calibration error.
const BINS: usize = 10;

/// Nearest that a chance comes to 0 and 1 in the log loss.
const EDGE: f64 = 1e-4;

/// Quality over all observations, and for each prompt the sum of log losses with their number.
pub(super) fn of(
    observed: &Observed,
    fitted: &Fitted,
    slopes: &Discrimination,
) -> (Quality, Vec<(f64, f64)>) {
    let mut by_prompt = vec![(0.0, 0.0); observed.prompts.len()];
    let mut bins = [(0.0, 0.0); BINS];
    let (mut count, mut quality) = (0.0, Quality::default());
    for observation in &observed.observations {
        let chance = fitted.success(observed, observation, slopes);
        let (y, p) = (observation.score, chance.clamp(EDGE, 1.0 - EDGE));
        let loss = -y * p.ln() - (1.0 - y) * (1.0 - p).ln();
        quality.log_loss += loss;
        quality.brier += (y - chance) * (y - chance);
        count += 1.0;
        let (sum, number) = &mut by_prompt[observation.prompt];
        (*sum, *number) = (*sum + loss, *number + 1.0);
        let (sum, number) = &mut bins[bin(chance)];
        (*sum, *number) = (*sum + y - chance, *number + 1.0);
    }
    let count = f64::max(count, 1.0);
    let calibration_error = bins.iter().map(|(gap, _)| gap.abs()).sum::<f64>() / count;
    (
        Quality { log_loss: quality.log_loss / count, brier: quality.brier / count, calibration_error },
        by_prompt,
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a chance is from 0 to 1")]
fn bin(chance: f64) -> usize {
    ((chance * BINS as f64) as usize).min(BINS - 1)
}

/// How much lower the mean log loss `after` is than `before`, and the standard error of that, taking outcomes on one prompt
/// for dependent (the ratio estimator of cluster samples, Cochran 1977). Both 0 without a `before`.
pub(super) fn gain(before: &[(f64, f64)], after: &[(f64, f64)]) -> (f64, f64) {
    let pairs = || before.iter().zip(after);
    let outcomes: f64 = pairs().map(|((_, number), _)| number).sum();
    let clusters = pairs().count() as f64;
    if outcomes == 0.0 || clusters < 2.0 {
        return (0.0, 0.0);
    }
    let gain = pairs().map(|((before, _), (after, _))| before - after).sum::<f64>() / outcomes;
    let squares: f64 =
        pairs().map(|((before, number), (after, _))| (before - after - gain * number).powi(2)).sum();
    (gain, (squares * clusters / (clusters - 1.0)).sqrt() / outcomes)
}
