//! From the heads' outputs to probabilities and a place on the ability scale.

use candle_core::cpu::erf::erf_f64;
use pointsman_domain::{Ability, Band, Difficulty};
use serde::{Deserialize, Serialize};

/// Constants fitted on rows that the weights were not fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Divisor of the task logits (Guo et al. 2017).
    pub temperature: f64,
    /// Task confidence below which the model abstains, 0–1.
    pub abstain_below: f32,
    /// How the ability head is read.
    pub ability: AbilityCalibration,
}

/// `ability = shift + scale · raw`, and how far that is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbilityCalibration {
    /// Slope.
    pub scale: f64,
    /// Ability at a raw output of zero.
    pub shift: f64,
    /// Standard deviation of the fitted minus the predicted ability.
    pub residual_sd: f64,
}

/// Difficulty on its three scales, with the confidence in the band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// On the ability scale.
    pub ability: Ability,
    /// Its standard error.
    pub ability_sd: f32,
    /// As a share of the reference pool.
    pub difficulty: Difficulty,
    /// In four steps.
    pub band: Band,
    /// Probability that the band is right, 0–1.
    pub band_confidence: f32,
}

impl Default for Calibration {
    /// Leaves the heads' outputs as they are and never abstains.
    fn default() -> Self {
        Self { temperature: 1.0, abstain_below: 0.0, ability: AbilityCalibration::default() }
    }
}

impl Default for AbilityCalibration {
    fn default() -> Self {
        Self { scale: 1.0, shift: 0.0, residual_sd: 1.0 }
    }
}

impl Calibration {
    /// `softmax(logits / temperature)`; the probabilities add up to 1.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "probabilities are reported as f32")]
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let scaled = logits.iter().map(|logit| f64::from(*logit) / self.temperature);
        let most = scaled.clone().fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = scaled.map(|logit| (logit - most).exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        exponentials.iter().map(|exponential| (exponential / sum) as f32).collect()
    }

    /// Reads the ability head's output.
    ///
    /// The confidence is the mass that `N(ability, residual_sd²)` has between the edges of the band.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "abilities and probabilities are reported as f32")]
    pub fn place(&self, raw: f32) -> Placement {
        let AbilityCalibration { scale, shift, residual_sd } = self.ability;
        let mean = shift + scale * f64::from(raw);
        let ability = Ability(mean as f32);
        let difficulty = Difficulty::from_ability(ability);
        let band = difficulty.band();
        let (low, high) = edges(band);
        let mass = normal_cdf((high - mean) / residual_sd) - normal_cdf((low - mean) / residual_sd);
        Placement { ability, ability_sd: residual_sd as f32, difficulty, band, band_confidence: mass as f32 }
    }
}

/// The abilities between which a band lies.
fn edges(band: Band) -> (f64, f64) {
    let at = |share| f64::from(Difficulty::new(share).ability().0);
    match band {
        Band::Easy => (f64::NEG_INFINITY, at(0.25)),
        Band::Medium => (at(0.25), at(0.5)),
        Band::Hard => (at(0.5), at(0.75)),
        Band::Expert => (at(0.75), f64::INFINITY),
    }
}

/// `Φ(z) = ½ (1 + erf(z / √2))`.
fn normal_cdf(z: f64) -> f64 {
    0.5 * (1.0 + erf_f64(z * std::f64::consts::FRAC_1_SQRT_2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_temperature(temperature: f64) -> Calibration {
        Calibration { temperature, ..Calibration::default() }
    }

    #[test]
    fn probabilities_are_those_of_the_formula() {
        // e^(1/2) / (e^(1/2) + 1) = 0.622459…
        let [first, second] = with_temperature(2.0).probabilities(&[1.0, 0.0])[..] else {
            panic!("two labels")
        };
        assert!((first - 0.622_459_3).abs() < 1e-6 && (first + second - 1.0).abs() < 1e-6);
        assert_eq!(with_temperature(1.0).probabilities(&[1e30, -1e30]), [1.0, 0.0]);
    }

    #[test]
    fn the_band_and_its_confidence_follow_the_ability() {
        let ability = AbilityCalibration { scale: 2.0, shift: -1.0, residual_sd: 0.5 };
        let place = |raw| Calibration { ability, ..Calibration::default() }.place(raw);
        let middle = place(0.5);
        assert_eq!((middle.ability, middle.difficulty.value()), (Ability(0.0), 0.5));
        assert_eq!((middle.band, middle.ability_sd), (Band::Hard, 0.5));
        // Φ(1.2965 / 0.5) − Φ(0), with 1.2965 = ln 3 / κ.
        assert!((middle.band_confidence - 0.495_244).abs() < 1e-4, "{}", middle.band_confidence);
        assert_eq!((place(-3.0).band, place(4.0).band), (Band::Easy, Band::Expert));
        assert!(place(-9.0).band_confidence > 0.999 && place(9.0).band_confidence > 0.999);
    }

    proptest! {
        #[test]
        fn any_output_gives_probabilities(
            logits in proptest::collection::vec(-50f32..50.0, 2..20),
            temperature in 0.1f64..8.0,
            raw in -20f32..20.0,
        ) {
            let probabilities = with_temperature(temperature).probabilities(&logits);
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            let placement = Calibration::default().place(raw);
            prop_assert!((0.0..=1.0).contains(&placement.band_confidence));
            prop_assert_eq!(placement.difficulty.band(), placement.band);
        }
    }
}
