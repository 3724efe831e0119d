//! A share with the interval that it may really lie in.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How many of how many, with a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// How many are right.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// `count / of`; 0 of nothing is 0.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// Standard normal quantile of 0.975.
const Z: f64 = 1.959_963_984_540_054;

/// The share of `true` with Wilson's score interval (Wilson 1927), which needs no sampling and holds for small
/// numbers; 0–1 where there is nothing to count.
pub fn wilson(outcomes: impl IntoIterator<Item = bool>) -> Proportion {
    let (mut count, mut of) = (0, 0);
    for outcome in outcomes {
        count += usize::from(outcome);
        of += 1;
    }
    if of == 0 {
        return Proportion { count, of, value: 0.0, low: 0.0, high: 1.0 };
    }
    let n = of as f64;
    let value = count as f64 / n;
    let centre = value + Z * Z / (2.0 * n);
    let spread = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    let clamp = |end: f64| (end / scale).clamp(0.0, 1.0);
    Proportion {
        count,
        of,
        value,
        low: clamp(centre - spread).min(value),
        high: clamp(centre + spread).max(value),
    }
}

/// The share of `true` with the percentile bootstrap interval (Efron 1979) from `resamples` draws with replacement.
/// The same seed gives the same interval.
#[must_use]
pub fn bootstrap(outcomes: &[bool], resamples: usize, seed: u64) -> Proportion {
    let point = wilson(outcomes.iter().copied());
    if outcomes.is_empty() || resamples == 0 {
        return point;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut shares: Vec<f64> = (0..resamples)
        .map(|_| {
            let right =
                (0..outcomes.len()).filter(|_| outcomes[random.random_range(0..outcomes.len())]).count();
            right as f64 / outcomes.len() as f64
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |quantile: f64| shares[(quantile * (resamples - 1) as f64).round() as usize];
    Proportion { low: at(0.025), high: at(0.975), ..point }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(right: usize, of: usize) -> Vec<bool> {
        (0..of).map(|i| i < right).collect()
    }

    #[test]
    fn wilson_matches_published_values() {
        // Newcombe 1998, table I: 81 of 263 and 1 of 29.
        for (right, of, low, high) in [(81, 263, 0.2553, 0.3662), (1, 29, 0.0061, 0.1718)] {
            let interval = wilson(outcomes(right, of));
            assert!((interval.low - low).abs() < 1e-4 && (interval.high - high).abs() < 1e-4, "{interval:?}");
        }
    }

    #[test]
    fn the_ends_hold() {
        let nothing = wilson([]);
        assert_eq!((nothing.value, nothing.low, nothing.high), (0.0, 0.0, 1.0));
        let all = wilson(outcomes(10, 10));
        assert!(all.high == 1.0 && all.value == 1.0 && all.low > 0.69, "{all:?}");
        let none = wilson(outcomes(0, 10));
        assert!(none.low == 0.0 && none.high < 0.31, "{none:?}");
    }

    #[test]
    fn bootstrap_is_deterministic_and_near_wilson() {
        let outcomes = outcomes(350, 500);
        let interval = bootstrap(&outcomes, 2_000, 1);
        assert_eq!(interval, bootstrap(&outcomes, 2_000, 1));
        assert_ne!(bootstrap(&outcomes, 7, 1), bootstrap(&outcomes, 7, 2));
        let wilson = wilson(outcomes);
        assert!((interval.low - wilson.low).abs() < 0.01 && (interval.high - wilson.high).abs() < 0.01);
        assert_eq!(bootstrap(&[], 100, 1).of, 0);
    }
}
