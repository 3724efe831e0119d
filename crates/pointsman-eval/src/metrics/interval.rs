//! A figure with the interval that it may really lie in.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A figure with its 95 % bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Over the rows as they are.
    pub value: f64,
    /// The 2.5 % quantile over draws of rows; the value itself without draws.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

impl Interval {
    /// The figure `value` with the percentile interval (Efron 1979) of what it was in the draws. Draws in which it had no
    /// meaning are left out.
    #[must_use]
    pub fn of_draws(value: f64, draws: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut draws: Vec<f64> = draws.into_iter().flatten().filter(|draw| draw.is_finite()).collect();
        draws.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            let last = draws.len().checked_sub(1)?;
            draws.get((quantile * last as f64).round() as usize).copied()
        };
        Self { value, low: at(0.025).unwrap_or(value), high: at(0.975).unwrap_or(value) }
    }
}

/// How often each of `rows` rows is in each of `draws` draws of as many rows with replacement. The same seed gives the same.
pub fn resamples(rows: usize, draws: usize, seed: u64) -> impl Iterator<Item = Vec<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..draws).map(move |_| {
        let mut counts = vec![0.0; rows];
        for _ in 0..rows {
            counts[random.random_range(0..rows)] += 1.0;
        }
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_most_draws() {
        let interval = Interval::of_draws(50.0, (0..=100).map(|i| Some(f64::from(i))).chain([None]));
        assert_eq!((interval.low, interval.high), (3.0, 98.0));
        let none = Interval::of_draws(1.5, [None, Some(f64::NAN)]);
        assert_eq!((none.low, none.value, none.high), (1.5, 1.5, 1.5));
    }

    #[test]
    fn draws_have_as_many_rows_and_repeat() {
        let all: Vec<_> = resamples(50, 20, 3).collect();
        assert!(all.iter().all(|counts| counts.len() == 50 && counts.iter().sum::<f64>() == 50.0));
        assert_eq!(all, resamples(50, 20, 3).collect::<Vec<_>>());
        assert_ne!(all[0], all[1]);
        assert_eq!(resamples(0, 2, 0).collect::<Vec<_>>(), [Vec::<f64>::new(), Vec::new()]);
    }
}
