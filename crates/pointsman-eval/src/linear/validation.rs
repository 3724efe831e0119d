//! How strong the penalty should be, found on rows that were not fitted to.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Linear;

/// How the penalty is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Penalties to choose from, strongest first.
    pub lambdas: Vec<f64>,
    /// Parts that the rows are divided into, each predicted from the others; at least 2.
    pub folds: usize,
    /// How many times that is done, each time with other parts.
    pub repeats: usize,
    /// Seed of the division.
    pub seed: u64,
}

impl Validation {
    /// Five folds, once, over penalties from 30 down to 10⁻⁴ in steps of √10.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let lambdas = (0..12).map(|step| 10f64.powf(1.5 - 0.5 * f64::from(step))).collect();
        Self { lambdas, folds: 5, repeats: 1, seed }
    }

    /// The part that each of `rows` rows belongs to in each repeat.
    pub(super) fn divisions(&self, rows: usize) -> Vec<Vec<usize>> {
        (0..self.repeats.max(1)).map(|i| folds(rows, self.folds, self.seed.wrapping_add(i as u64))).collect()
    }
}

/// A model with the penalty that did best on rows which were not fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Fitted to all rows.
    pub model: Linear,
    /// The penalty.
    pub lambda: f64,
    /// Mean loss on rows that were not fitted to, for each penalty in the order of [`Validation::lambdas`].
    pub losses: Vec<f64>,
    /// For each row the model's value (before any link function) when the row's part was not fitted to, with the chosen
    /// penalty; the mean over repeats.
    pub out_of_fold: Vec<f64>,
}

/// Divides `rows` rows into `folds` parts of equal size, give or take one, by chance.
#[must_use]
pub fn folds(rows: usize, folds: usize, seed: u64) -> Vec<usize> {
    let folds = folds.clamp(2, rows.max(2));
    let mut parts: Vec<usize> = (0..rows).map(|row| row % folds).collect();
    parts.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    parts
}

/// Index of the smallest loss, the first of equals; losses that are no number are passed over.
pub(super) fn smallest(losses: &[f64]) -> usize {
    let found = losses.iter().enumerate().filter(|(_, loss)| loss.is_finite());
    found.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_repeatable() {
        for (rows, count) in [(10, 5), (11, 5), (3, 5), (1, 5), (0, 5), (7, 1)] {
            let parts = folds(rows, count, 3);
            assert_eq!(parts, folds(rows, count, 3));
            let most = parts.iter().copied().max().unwrap_or(0);
            let sizes: Vec<_> = (0..=most).map(|part| parts.iter().filter(|p| **p == part).count()).collect();
            assert!(sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0) <= 1, "{sizes:?}");
        }
        assert_ne!(folds(100, 5, 1), folds(100, 5, 2));
    }

    #[test]
    fn the_smallest_loss_is_a_number() {
        assert_eq!(smallest(&[f64::NAN, 2.0, 1.0, 1.0]), 2);
        assert_eq!(smallest(&[f64::INFINITY]), 0);
    }
}
