//! Linear and logistic regression with a penalty on the weights: small, dense, deterministic.
//!
//! Columns are standardised before they are penalised, so a penalty means the same for every column; the intercept is
//! never penalised. The strength of the penalty can be chosen by K-fold cross-validation. Everything works on `f64` in
//! one thread; a thousand rows of four hundred columns take well under a second.

mod cholesky;
mod clusters;
mod design;
mod head;
mod kernel;
mod logistic;
mod moments;
mod ridge;
mod validation;

pub use cholesky::Cholesky;
pub use clusters::ClusterMeans;
pub use design::Design;
pub use head::{COUNT_PENALTY, HeadFit, Target, fit_head};
pub use kernel::{Kernel, KernelRidge};
pub use logistic::{logistic, logistic_by_validation, sigmoid};
pub use ridge::{ridge, ridge_by_validation};
pub use validation::{Chosen, Validation, folds};

/// What to fit to: rows of numbers, how much each row counts, and how much each column is held back.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// (rows, columns).
    pub design: &'a Design,
    /// Weight of each row, from 0; all 1 if there are none.
    pub weights: Option<&'a [f64]>,
    /// Factor of the penalty for each column, from 0 (free); all 1 if there are none.
    pub penalties: Option<&'a [f64]>,
}

impl<'a> Problem<'a> {
    /// Every row and every column counts the same.
    #[must_use]
    pub fn new(design: &'a Design) -> Self {
        Self { design, weights: None, penalties: None }
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn penalty(&self, column: usize) -> f64 {
        self.penalties.map_or(1.0, |penalties| penalties[column])
    }

    fn check(&self, targets: &[&[f64]]) -> Result<(), LinearError> {
        let (rows, columns) = (self.design.rows(), self.design.columns());
        if rows == 0 {
            return Err(LinearError::NoRows);
        }
        let lengths = [
            ("weights", self.weights.map_or(rows, <[f64]>::len), rows),
            ("penalties", self.penalties.map_or(columns, <[f64]>::len), columns),
        ];
        let targets_lengths = targets.iter().map(|target| ("targets", target.len(), rows));
        for (what, found, expected) in lengths.into_iter().chain(targets_lengths) {
            if found != expected {
                return Err(LinearError::Length { what, found, expected });
            }
        }
        let numbers = targets.iter().chain(&self.weights).chain(&self.penalties);
        let finite = numbers.flat_map(|numbers| *numbers).all(|number| number.is_finite());
        if finite && self.design.is_finite() { Ok(()) } else { Err(LinearError::NotFinite) }
    }
}

/// `intercept + Σ weight · value`, in the units of the design.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Linear {
    /// Value where every column is 0.
    pub intercept: f64,
    /// One for each column.
    pub weights: Vec<f64>,
}

impl Linear {
    /// The value for one row; columns beyond the model's count nothing.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept + self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
    }

    /// The values for all rows, in order.
    #[must_use]
    pub fn predict_all(&self, design: &Design) -> Vec<f64> {
        (0..design.rows()).map(|row| self.predict(design.row(row))).collect()
    }
}

/// Why nothing could be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinearError {
    /// There is nothing to fit to.
    #[error("there are no rows to fit to")]
    NoRows,
    /// An argument has another length than the design.
    #[error("{found} {what} where {expected} are needed")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// A number is infinite or not a number.
    #[error("a value is not finite; leave such rows out")]
    NotFinite,
    /// Columns that depend on one another, without a penalty that would settle which counts.
    #[error("the columns depend on one another; use a penalty above 0")]
    Singular,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_numbers_are_checked() {
        let design = Design::from_rows(2, [[1.0, 2.0], [3.0, 4.0]]);
        let problem = Problem::new(&design);
        assert_eq!(
            ridge(&problem, &[&[1.0]], 1.0),
            Err(LinearError::Length { what: "targets", found: 1, expected: 2 })
        );
        let weighted = Problem { weights: Some(&[1.0, f64::NAN]), ..problem };
        assert_eq!(ridge(&weighted, &[&[1.0, 2.0]], 1.0), Err(LinearError::NotFinite));
        let penalised = Problem { penalties: Some(&[1.0]), ..problem };
        assert!(matches!(logistic(&penalised, &[1.0, 0.0], 1.0), Err(LinearError::Length { .. })));
        let empty = Design::new(3);
        assert_eq!(ridge(&Problem::new(&empty), &[&[]], 1.0), Err(LinearError::NoRows));
    }
}
