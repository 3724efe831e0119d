//! How much of the range of activations is moved into the weights before both are rounded to 8 bits.
//!
//! A few inputs of a product are tens of times as large as the others, and a row of activations has one scale. Dividing those
//! inputs and multiplying their weights leaves the product as it is and both easier to round (SmoothQuant, Xiao et al. 2023).
//!
//! Models that were trained here bring their divisors along, found on prompts of their training, and weights that were rounded
//! after they were multiplied: of those nothing more is lost. For others the ranges are read off the weights: what leaves a
//! layer norm has its weight as deviation and its bias as mean, and from those follow mean and deviation of what is linear in
//! it (as in Nagel et al. 2019).

use pointsman_kernels::Mat;

/// The share of a range that goes into the weights, where ranges are measured and the weights rounded once for all. On 820
/// prompts the rounding of weights moved a logit by 0.020 in the mean, that of activations by 0.015; at 0.75 these were 0.032 and
/// 0.013, at 1 0.050 and 0.018.
pub(super) const STRENGTH_MEASURED: f32 = 0.6;
/// The same where ranges follow from the norms. On 60 prompts the cosine with f32 was 0.99918 at 0.6, 0.99895 at 0.5 and
/// 0.99844 at 0.4; ranges measured on data gave 0.99942.
#[cfg(target_arch = "x86_64")]
pub(super) const STRENGTH_OF_NORMS: f32 = 0.6;
/// Divisors stay this near to their median, so that an input that weights hardly use does not take all of the range.
const LARGEST_DIVISOR: f32 = 100.0;
/// The least of a divisor, as [`LARGEST_DIVISOR`].
const LEAST_DIVISOR: f32 = 0.02;
/// Deviations from the mean that count as range.
#[cfg(target_arch = "x86_64")]
const DEVIATIONS: f32 = 4.0;
/// The largest magnitude of a GELU's negative outputs.
#[cfg(target_arch = "x86_64")]
const GELU_DIP: f32 = 0.17;

/// A layer norm's weight and bias, read as deviation and mean of each of its outputs.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Moments<'a> {
    pub(super) deviations: &'a [f32],
    pub(super) means: &'a [f32],
}

#[cfg(target_arch = "x86_64")]
impl Moments<'_> {
    /// The range of each output.
    pub(super) fn ranges(self) -> Vec<f32> {
        let outputs = self.means.iter().zip(self.deviations);
        outputs.map(|(mean, deviation)| mean.abs() + DEVIATIONS * deviation.abs()).collect()
    }

    /// The range of `gelu(weights · x + bias)` for each output, with `x` what leaves the norm.
    pub(super) fn ranges_after_gelu(self, weights: Mat<'_>, bias: &[f32]) -> Vec<f32> {
        let (outputs, inputs) = weights.shape();
        let range = |output: usize| {
            let (mut mean, mut variance) = (bias[output], 0.0);
            for input in 0..inputs {
                let weight = weights.get(output, input);
                mean += weight * self.means[input];
                variance += (weight * self.deviations[input]).powi(2);
            }
            // A GELU passes what is well above 0 as it is.
            (mean + DEVIATIONS * f32::sqrt(variance)).max(GELU_DIP)
        };
        (0..outputs).map(range).collect()
    }
}

/// A divisor for each input of `weights` (outputs × inputs) whose activations have these ranges.
pub(super) fn divisors(ranges: &[f32], weights: Mat<'_>, strength: f32) -> Vec<f32> {
    let (outputs, inputs) = weights.shape();
    let largest =
        |input: usize| (0..outputs).fold(1e-5, |a: f32, output| a.max(weights.get(output, input).abs()));
    let mut divisors: Vec<f32> = (0..inputs)
        .map(|input| ranges[input].max(1e-3).powf(strength) / largest(input).powf(1.0 - strength))
        .collect();
    let mut sorted = divisors.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[inputs / 2];
    divisors.iter_mut().for_each(|d| *d = (*d / median).clamp(LEAST_DIVISOR, LARGEST_DIVISOR));
    divisors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_inputs_are_divided_and_divisors_stay_near_their_median() {
        let weights = [1.0, 1.0, 1.0, -1.0, 0.5, 1e-9];
        let divisors = divisors(&[1.0, 32.0, 1.0], Mat::new(&weights, 2, 3), 0.6);
        assert_eq!(divisors[0], 1.0);
        assert!((divisors[1] - 8.0).abs() < 1e-3, "{divisors:?}");
        assert_eq!(divisors[2], 1.0);
        let wide = super::divisors(&[1.0, 1e9, 1e-9], Mat::new(&weights, 2, 3), 0.6);
        assert_eq!((wide[1], wide[2]), (LARGEST_DIVISOR, LEAST_DIVISOR));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn ranges_follow_from_the_norm() {
        let moments = Moments { deviations: &[1.0, 2.0], means: &[-3.0, 0.5] };
        assert_eq!(moments.ranges(), [7.0, 8.5]);
        // Mean -3 + 2 · 0.5 + 1 = -1, deviation √(1 + 16); the second output is far below 0.
        let weights = [1.0, 2.0, 0.0, 0.0];
        let ranges = moments.ranges_after_gelu(Mat::new(&weights, 2, 2), &[1.0, -9.0]);
        assert!((ranges[0] - (4.0 * 17f32.sqrt() - 1.0)).abs() < 1e-4, "{ranges:?}");
        assert_eq!(ranges[1], GELU_DIP);
    }
}
