//! Least squares with a penalty (Hoerl and Kennard 1970).
//!
//! Minimised is `Σ wᵢ (yᵢ − β₀ − xᵢᵀβ)² / Σ wᵢ + λ Σ pⱼ βⱼ²` over standardised columns. All that is needed of the rows is
//! their matrix of second moments, computed once for each fold: a fit without a fold takes the difference.

use super::cholesky::{Cholesky, start};
use super::design::Scale;
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
    let mut losses = vec![vec![0.0; validation.lambdas.len()]; targets.len()];
    // What each fold is predicted with: division, fold, penalty, target.
    let mut held_out: Vec<(Vec<usize>, Vec<Vec<Vec<Standard>>>)> = Vec::new();
    let mut whole = None;
    for parts in validation.divisions(rows) {
        let count = parts.iter().max().map_or(1, |most| most + 1);
        let moments = Moments::of_parts(problem, &scale, targets, &parts, count);
        let all = Moments::sum(&moments);
        let mut fits = Vec::new();
        for part in &moments {
            // A single row has no other to learn from; it is predicted from itself.
            let rest = if count > 1 { all.without(part) } else { all.clone() };
            let path: Vec<Vec<Standard>> = validation
                .lambdas
                .iter()
                .map(|lambda| rest.fit(problem, *lambda))
                .collect::<Result<_, _>>()?;
            for (i, fit) in path.iter().enumerate() {
                for (target, standard) in fit.iter().enumerate() {
                    losses[target][i] += part.squared_error(standard, target);
                }
            }
            fits.push(path);
        }
        held_out.push((parts, fits));
        whole.get_or_insert(all);
    }
    let whole = whole.ok_or(LinearError::NoRows)?;
    let total = whole.total() * held_out.len() as f64;
    let choose = |(target, mut losses): (usize, Vec<f64>)| {
        losses.iter_mut().for_each(|loss| *loss /= total.max(f64::MIN_POSITIVE));
        let best = smallest(&losses);
        let lambda = validation.lambdas.get(best).copied().unwrap_or(1.0);
        let fitted = whole.fit(problem, lambda)?;
        let mut standardised = vec![0.0; problem.design.columns()];
        let out_of_fold = (0..rows).map(|row| {
            scale.apply(problem.design.row(row), &mut standardised);
            let values = held_out.iter().filter_map(|(parts, fits)| {
                let standard = fits.get(parts[row])?.get(best)?.get(target)?;
                Some(value(standard, &standardised))
            });
            values.sum::<f64>() / held_out.len() as f64
        });
        let out_of_fold = out_of_fold.collect();
        let standard = &fitted[target];
        Ok(Chosen { model: scale.undo(standard[0], &standard[1..]), lambda, losses, out_of_fold })
    };
    losses.into_iter().enumerate().map(choose).collect()
}

/// Intercept, then weights, for standardised columns.
type Standard = Vec<f64>;

fn value(standard: &[f64], row: &[f64]) -> f64 {
    standard[0] + standard[1..].iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
}

/// Second moments of (1, standardised columns, targets), as a lower triangle row after row.
#[derive(Debug, Clone)]
struct Moments {
    columns: usize,
    targets: usize,
    lower: Vec<f64>,
}

/// Rows that are added to the moments together, so that the triangle is read and written once for all of them.
const TOGETHER: usize = 8;

impl Moments {
    fn new(columns: usize, targets: usize) -> Self {
        Self { columns, targets, lower: vec![0.0; start(1 + columns + targets)] }
    }

    /// The moments of the rows of each part.
    fn of_parts(
        problem: &Problem<'_>,
        scale: &Scale,
        targets: &[&[f64]],
        parts: &[usize],
        count: usize,
    ) -> Vec<Self> {
        let columns = problem.design.columns();
        (0..count)
            .map(|part| {
                let mut moments = Self::new(columns, targets.len());
                let rows: Vec<usize> = (0..parts.len()).filter(|row| parts[*row] == part).collect();
                for rows in rows.chunks(TOGETHER) {
                    let extended = rows.iter().map(|row| {
                        let mut extended = vec![1.0; 1 + columns + targets.len()];
                        scale.apply(problem.design.row(*row), &mut extended[1..=columns]);
                        for (to, target) in extended[1 + columns..].iter_mut().zip(targets) {
                            *to = target[*row];
                        }
                        (problem.weight(*row), extended)
                    });
                    moments.add(&extended.collect::<Vec<_>>());
                }
                moments
            })
            .collect()
    }

    fn add(&mut self, rows: &[(f64, Vec<f64>)]) {
        for i in 0..1 + self.columns + self.targets {
            let own = &mut self.lower[start(i)..=start(i) + i];
            for (weight, row) in rows {
                let factor = weight * row[i];
                for (sum, value) in own.iter_mut().zip(row) {
                    *sum += factor * value;
                }
            }
        }
    }

    fn sum(parts: &[Self]) -> Self {
        let mut sum = parts[0].clone();
        for part in &parts[1..] {
            for (sum, value) in sum.lower.iter_mut().zip(&part.lower) {
                *sum += value;
            }
        }
        sum
    }

    fn without(&self, part: &Self) -> Self {
        let lower = self.lower.iter().zip(&part.lower).map(|(all, part)| all - part).collect();
        Self { lower, ..*self }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        let (i, j) = if i < j { (j, i) } else { (i, j) };
        self.lower[start(i) + j]
    }

    fn total(&self) -> f64 {
        self.lower[0]
    }

    /// Intercept and weights for each target.
    fn fit(&self, problem: &Problem<'_>, lambda: f64) -> Result<Vec<Standard>, LinearError> {
        let total = self.total().max(f64::MIN_POSITIVE);
        let centred = |i: usize, j: usize| (self.at(i, j) - self.at(i, 0) * self.at(j, 0) / total) / total;
        let mut lower = Vec::with_capacity(start(self.columns));
        for i in 0..self.columns {
            lower.extend((0..i).map(|j| centred(i + 1, j + 1)));
            let own = centred(i + 1, i + 1);
            // A column without spread gets no weight, whatever its penalty.
            lower.push(if own > 1e-12 { own + lambda * problem.penalty(i) } else { own.max(0.0) + 1.0 });
        }
        let factored = Cholesky::new(self.columns, lower).ok_or(LinearError::Singular)?;
        let fit = |target: usize| {
            let target = 1 + self.columns + target;
            let right: Vec<f64> = (0..self.columns).map(|i| centred(i + 1, target)).collect();
            let weights = factored.solve(&right);
            let shift: f64 = weights.iter().enumerate().map(|(i, weight)| weight * self.at(i + 1, 0)).sum();
            std::iter::once((self.at(target, 0) - shift) / total).chain(weights).collect()
        };
        Ok((0..self.targets).map(fit).collect())
    }

    /// `Σ wᵢ (yᵢ − value)²` over the rows of the moments.
    fn squared_error(&self, standard: &[f64], target: usize) -> f64 {
        let target = 1 + self.columns + target;
        let cross: f64 = standard.iter().enumerate().map(|(i, weight)| weight * self.at(target, i)).sum();
        let own: f64 = standard
            .iter()
            .enumerate()
            .map(|(i, weight)| {
                let row = &self.lower[start(i)..start(i) + i];
                let off: f64 = row.iter().zip(standard).map(|(value, other)| value * other).sum();
                weight * (2.0 * off + weight * self.at(i, i))
            })
            .sum();
        (self.at(target, target) - 2.0 * cross + own).max(0.0)
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
