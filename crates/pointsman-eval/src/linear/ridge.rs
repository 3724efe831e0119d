//! Least squares with a penalty (Hoerl and Kennard 1970).
//!
//! Minimised is `Σ wᵢ (yᵢ − β₀ − xᵢᵀβ)² / Σ wᵢ + λ Σ pⱼ βⱼ²` over standardised columns. All that is needed of the rows is
//! their matrix of second moments, computed once for each fold: a fit without a fold takes the difference.

use super::design::Scale;
use super::moments::{Moments, Standard};
use super::validation::{Chosen, Validation, smallest};
use super::{Linear, LinearError, Problem};

/// One model for each target, with the penalty `lambda`.
///
/// # Errors
/// When lengths do not fit, a number is not finite, or `lambda` is 0 and columns depend on one another.
pub fn ridge(problem: &Problem<'_>, targets: &[&[f64]], lambda: f64) -> Result<Vec<Linear>, LinearError> {
    problem.check(targets)?;
    let scale = Scale::of(problem.design, |row| problem.weight(row));
    let mut moments = Moments::of_parts(problem, &scale, targets, &vec![0; problem.design.rows()], 1);
    let fit = moments.remove(0).fit(problem, lambda)?;
    Ok(fit.iter().map(|standard| scale.undo(standard[0], &standard[1..])).collect())
}

/// One model for each target, each with the penalty that did best in cross-validation by squared error.
///
/// # Errors
/// As [`ridge`].
pub fn ridge_by_validation(
    problem: &Problem<'_>,
    targets: &[&[f64]],
    validation: &Validation,
) -> Result<Vec<Chosen>, LinearError> {
    problem.check(targets)?;
    let rows = problem.design.rows();
    let scale = Scale::of(problem.design, |row| problem.weight(row));
    let mut whole = None;
    let mut divisions = Vec::new();
    for parts in validation.divisions(rows) {
        let count = parts.iter().max().map_or(1, |most| most + 1);
        let moments = Moments::of_parts(problem, &scale, targets, &parts, count);
        let all = Moments::sum(&moments);
        divisions.push(Division::new(parts, &moments, &all, problem, &validation.lambdas)?);
        whole.get_or_insert(all);
    }
    let whole = whole.ok_or(LinearError::NoRows)?;
    let choose = |target: usize| {
        let loss = |at: usize| {
            let errors: f64 = divisions.iter().map(|division| division.errors[at][target]).sum();
            errors / (whole.total() * divisions.len() as f64).max(f64::MIN_POSITIVE)
        };
        let losses: Vec<f64> = (0..validation.lambdas.len()).map(loss).collect();
        let best = smallest(&losses);
        let lambda = validation.lambdas.get(best).copied().unwrap_or(1.0);
        let fitted = &whole.fit(problem, lambda)?[target];
        let mut standardised = vec![0.0; problem.design.columns()];
        let out_of_fold = (0..rows).map(|row| {
            scale.apply(problem.design.row(row), &mut standardised);
            let values = divisions.iter().map(|division| division.value(row, &standardised, best, target));
            values.sum::<f64>() / divisions.len() as f64
        });
        let out_of_fold = out_of_fold.collect();
        Ok(Chosen { model: scale.undo(fitted[0], &fitted[1..]), lambda, losses, out_of_fold })
    };
    (0..targets.len()).map(choose).collect()
}

/// Fits by penalty, then target.
type Path = Vec<Vec<Standard>>;

/// Rows in parts, and what each part is predicted with.
struct Division {
    parts: Vec<usize>,
    /// By part, fitted to all others.
    paths: Vec<Path>,
    /// Squared errors over all rows by penalty, then target.
    errors: Vec<Vec<f64>>,
}

impl Division {
    fn new(
        parts: Vec<usize>,
        moments: &[Moments],
        all: &Moments,
        problem: &Problem<'_>,
        lambdas: &[f64],
    ) -> Result<Self, LinearError> {
        let mut paths: Vec<Path> = Vec::new();
        let mut errors: Vec<Vec<f64>> = vec![Vec::new(); lambdas.len()];
        for part in moments {
            // A single row has no other to learn from; it is predicted from itself.
            let rest = if moments.len() > 1 { all.without(part) } else { all.clone() };
            let path: Path =
                lambdas.iter().map(|lambda| rest.fit(problem, *lambda)).collect::<Result<_, _>>()?;
            for (sums, fits) in errors.iter_mut().zip(&path) {
                sums.resize(fits.len(), 0.0);
                for (target, (sum, fit)) in sums.iter_mut().zip(fits).enumerate() {
                    *sum += part.squared_error(fit, target);
                }
            }
            paths.push(path);
        }
        Ok(Self { parts, paths, errors })
    }

    /// What the fit without the row's part makes of it.
    fn value(&self, row: usize, standardised: &[f64], lambda: usize, target: usize) -> f64 {
        let fit = &self.paths[self.parts[row]][lambda][target];
        fit[0] + fit[1..].iter().zip(standardised).map(|(weight, value)| weight * value).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::linear::Design;

    /// Rows of uniform numbers, and `2 x₀ − x₁ + 0.5` with a little noise; later columns are chance alone.
    fn made(rows: usize, columns: usize, noise: f64) -> (Design, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut draw = || random.random_range(-1.0..1.0);
        let rows: Vec<Vec<f64>> = (0..rows).map(|_| (0..columns).map(|_| draw()).collect()).collect();
        let target = rows.iter().map(|row| 2.0 * row[0] - row[1] + 0.5 + noise * draw()).collect();
        (Design::from_rows(columns, rows), target)
    }

    #[test]
    fn one_column_by_hand() {
        // x standardised is (−1, 1) · √1: β = cov / (1 + λ) with cov(x, y) = 2 and λ = 1; intercept is the mean.
        let design = Design::from_rows(1, [[1.0], [3.0]]);
        let fit = ridge(&Problem::new(&design), &[&[0.0, 4.0]], 1.0).expect("fits");
        assert!((fit[0].predict(&[2.0]) - 2.0).abs() < 1e-12);
        assert!((fit[0].weights[0] - 1.0).abs() < 1e-12, "{fit:?}");
    }

    #[test]
    fn exact_relations_are_found_in_the_units_of_the_columns() {
        let (design, target) = made(50, 3, 0.0);
        let negated: Vec<f64> = target.iter().map(|value| -value).collect();
        let fit = ridge(&Problem::new(&design), &[&target, &negated], 0.0).expect("fits");
        for (weight, expected) in fit[0].weights.iter().zip([2.0, -1.0, 0.0]) {
            assert!((weight - expected).abs() < 1e-9, "{fit:?}");
        }
        assert!((fit[0].intercept - 0.5).abs() < 1e-9 && (fit[1].intercept + 0.5).abs() < 1e-9);
    }

    #[test]
    fn weights_are_repetitions() {
        let (design, target) = made(12, 2, 1.0);
        let weights: Vec<f64> = (0..12).map(|i| f64::from(i % 3)).collect();
        let again: Vec<usize> = (0..12).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let repeated: Vec<f64> = again.iter().map(|i| target[*i]).collect();
        let problem = Problem { weights: Some(&weights), ..Problem::new(&design) };
        let one = ridge(&problem, &[&target], 0.3).expect("fits");
        let selected = design.select(&again);
        let other = ridge(&Problem::new(&selected), &[&repeated], 0.3).expect("fits");
        assert!((one[0].intercept - other[0].intercept).abs() < 1e-9);
        assert!(one[0].weights.iter().zip(&other[0].weights).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn penalties_hold_columns_back_and_constant_columns_count_nothing() {
        let (design, target) = made(40, 2, 0.1);
        let wide = Design::from_rows(3, (0..40).map(|i| [design.row(i)[0], 7.0, design.row(i)[1]]));
        let penalties = [0.0, 1.0, 1e9];
        let problem = Problem { penalties: Some(&penalties), ..Problem::new(&wide) };
        let fit = &ridge(&problem, &[&target], 1.0).expect("fits")[0];
        assert!((fit.weights[0] - 2.0).abs() < 0.3 && fit.weights[1] == 0.0 && fit.weights[2].abs() < 1e-6);
        let twice = Design::from_rows(2, (0..40).map(|i| [design.row(i)[0]; 2]));
        assert_eq!(ridge(&Problem::new(&twice), &[&target], 0.0), Err(LinearError::Singular));
    }

    #[test]
    fn validation_shrinks_chance_and_keeps_what_holds() {
        let (design, target) = made(120, 40, 0.5);
        let chance: Vec<f64> = made(121, 2, 0.0).1.into_iter().skip(1).collect();
        let validation = Validation { repeats: 2, ..Validation::new(1) };
        let chosen =
            ridge_by_validation(&Problem::new(&design), &[&target, &chance], &validation).expect("fits");
        assert!(
            chosen[0].lambda < 0.2 && chosen[1].lambda > 1.0,
            "{} {}",
            chosen[0].lambda,
            chosen[1].lambda
        );
        let error = |predictions: &[f64], target: &[f64]| {
            let squares = predictions.iter().zip(target).map(|(p, y)| (p - y) * (p - y));
            squares.sum::<f64>() / target.len() as f64
        };
        let (inside, outside) =
            (error(&chosen[0].model.predict_all(&design), &target), error(&chosen[0].out_of_fold, &target));
        assert!(inside < outside && outside < 0.3, "{inside} {outside}");
        let single =
            ridge_by_validation(&Problem::new(&design), &[&target], &Validation::new(1)).expect("fits");
        let best = smallest(&single[0].losses);
        assert!((error(&single[0].out_of_fold, &target) - single[0].losses[best]).abs() < 1e-9);
    }

    #[test]
    fn few_rows_are_no_trouble() {
        let (design, target) = made(1, 3, 0.0);
        let one = ridge_by_validation(&Problem::new(&design), &[&target], &Validation::new(0)).expect("fits");
        assert!((one[0].model.predict(&[9.0, 9.0, 9.0]) - target[0]).abs() < 1e-9);
        let (design, target) = made(2, 3, 0.0);
        assert!(ridge_by_validation(&Problem::new(&design), &[&target], &Validation::new(0)).is_ok());
    }
}
