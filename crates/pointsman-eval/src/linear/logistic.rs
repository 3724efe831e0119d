//! Logistic regression with a penalty, by iteratively reweighted least squares (Green 1984).
//!
//! Minimised is `Σ wᵢ H(yᵢ, σ(ηᵢ)) / Σ wᵢ + λ/2 Σ pⱼ βⱼ²` with `ηᵢ = β₀ + xᵢᵀβ`, `H` the cross-entropy and standardised
//! columns. Targets may be shares, 0 to 1.

use super::cholesky::{Cholesky, start};
use super::design::Scale;
use super::validation::{Chosen, Validation, smallest};
use super::{Linear, LinearError, Problem};

/// Newton steps at most; five to eight are usual.
const STEPS: usize = 50;

/// `1 / (1 + e^−η)`.
#[must_use]
pub fn sigmoid(eta: f64) -> f64 {
    1.0 / (1.0 + (-eta).exp())
}

/// The model whose value is the log odds of `target`, with the penalty `lambda`.
///
/// # Errors
/// When lengths do not fit, a number is not finite, or `lambda` is 0 and columns depend on one another or part the
/// outcomes without error.
pub fn logistic(problem: &Problem<'_>, target: &[f64], lambda: f64) -> Result<Linear, LinearError> {
    problem.check(&[target])?;
    let rows = Rows::new(problem, target);
    let fitted = rows.fit(problem, lambda, |_| true, rows.nothing())?;
    Ok(rows.scale.undo(fitted[0], &fitted[1..]))
}

/// As [`logistic`], with the penalty that did best in cross-validation by cross-entropy.
///
/// # Errors
/// As [`logistic`].
pub fn logistic_by_validation(
    problem: &Problem<'_>,
    target: &[f64],
    validation: &Validation,
) -> Result<Chosen, LinearError> {
    problem.check(&[target])?;
    let rows = Rows::new(problem, target);
    let count = problem.design.rows();
    let divisions = validation.divisions(count);
    // For each penalty: values of rows that were not fitted to, the sum over divisions.
    let mut values = vec![vec![0.0; count]; validation.lambdas.len()];
    let mut losses = vec![0.0; validation.lambdas.len()];
    for parts in &divisions {
        for part in 0..parts.iter().max().map_or(1, |most| most + 1) {
            let mut fitted = rows.nothing();
            let learns = |row: usize| parts[row] != part || count == 1;
            for (i, lambda) in validation.lambdas.iter().enumerate() {
                fitted = rows.fit(problem, *lambda, learns, fitted)?;
                for row in (0..count).filter(|row| parts[*row] == part) {
                    let eta = rows.value(&fitted, row);
                    values[i][row] += eta;
                    losses[i] += rows.weights[row] * cross_entropy(target[row], eta);
                }
            }
        }
    }
    let total = rows.weights.iter().sum::<f64>() * divisions.len() as f64;
    losses.iter_mut().for_each(|loss| *loss /= total.max(f64::MIN_POSITIVE));
    let best = smallest(&losses);
    let lambda = validation.lambdas.get(best).copied().unwrap_or(1.0);
    let fitted = rows.fit(problem, lambda, |_| true, rows.nothing())?;
    let sums = values.into_iter().nth(best).unwrap_or_default();
    let out_of_fold = sums.into_iter().map(|sum| sum / divisions.len() as f64).collect();
    Ok(Chosen { model: rows.scale.undo(fitted[0], &fitted[1..]), lambda, losses, out_of_fold })
}

/// `−y ln σ(η) − (1 − y) ln(1 − σ(η))`, exact for large `|η|` too.
fn cross_entropy(target: f64, eta: f64) -> f64 {
    eta.max(0.0) - target * eta + (-eta.abs()).exp().ln_1p()
}

/// Standardised rows with a leading 1.
struct Rows<'a> {
    scale: Scale,
    width: usize,
    values: Vec<f64>,
    weights: Vec<f64>,
    target: &'a [f64],
}

impl<'a> Rows<'a> {
    fn new(problem: &Problem<'_>, target: &'a [f64]) -> Self {
        let scale = Scale::of(problem.design, |row| problem.weight(row));
        let width = 1 + problem.design.columns();
        let mut values = vec![1.0; width * problem.design.rows()];
        for (row, into) in values.chunks_exact_mut(width).enumerate() {
            scale.apply(problem.design.row(row), &mut into[1..]);
        }
        let weights = (0..problem.design.rows()).map(|row| problem.weight(row)).collect();
        Self { scale, width, values, weights, target }
    }

    fn nothing(&self) -> Vec<f64> {
        vec![0.0; self.width]
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    fn value(&self, fitted: &[f64], row: usize) -> f64 {
        self.row(row).iter().zip(fitted).map(|(value, weight)| value * weight).sum()
    }

    /// Newton's method from `fitted`, with steps halved until the loss falls, over the rows that `learns` names.
    fn fit(
        &self,
        problem: &Problem<'_>,
        lambda: f64,
        learns: impl Fn(usize) -> bool,
        mut fitted: Vec<f64>,
    ) -> Result<Vec<f64>, LinearError> {
        let rows: Vec<usize> = (0..self.weights.len()).filter(|row| learns(*row)).collect();
        let total = rows.iter().map(|row| self.weights[*row]).sum::<f64>().max(f64::MIN_POSITIVE);
        let penalty: Vec<f64> =
            (0..self.width).map(|i| if i == 0 { 0.0 } else { lambda * problem.penalty(i - 1) }).collect();
        let loss = |fitted: &[f64]| {
            let entropy: f64 = rows
                .iter()
                .map(|row| self.weights[*row] * cross_entropy(self.target[*row], self.value(fitted, *row)))
                .sum();
            let held: f64 =
                fitted.iter().zip(&penalty).map(|(weight, penalty)| penalty * weight * weight).sum();
            entropy / total + held / 2.0
        };
        let mut now = loss(&fitted);
        for _ in 0..STEPS {
            let step = self.newton_step(&rows, total, &penalty, &fitted)?;
            let mut size = 1.0;
            let (next, then) = loop {
                let next: Vec<f64> = fitted.iter().zip(&step).map(|(old, step)| old + size * step).collect();
                let then = loss(&next);
                if then <= now || size < 1e-6 {
                    break (next, then);
                }
                size /= 2.0;
            };
            let gain = now - then;
            if then <= now {
                (fitted, now) = (next, then);
            }
            if gain < 1e-10 * (1.0 + now.abs()) {
                break;
            }
        }
        Ok(fitted)
    }

    fn newton_step(
        &self,
        rows: &[usize],
        total: f64,
        penalty: &[f64],
        fitted: &[f64],
    ) -> Result<Vec<f64>, LinearError> {
        let mut gradient: Vec<f64> =
            fitted.iter().zip(penalty).map(|(weight, penalty)| -penalty * weight).collect();
        let mut hessian = vec![0.0; start(self.width)];
        for chunk in rows.chunks(8) {
            let scaled: Vec<(f64, &[f64])> = chunk
                .iter()
                .map(|row| {
                    let share = self.weights[*row] / total;
                    let p = sigmoid(self.value(fitted, *row));
                    let residual = share * (self.target[*row] - p);
                    for (sum, value) in gradient.iter_mut().zip(self.row(*row)) {
                        *sum += residual * value;
                    }
                    (share * p * (1.0 - p), self.row(*row))
                })
                .collect();
            for i in 0..self.width {
                let own = &mut hessian[start(i)..=start(i) + i];
                for (curvature, row) in &scaled {
                    let factor = curvature * row[i];
                    for (sum, value) in own.iter_mut().zip(*row) {
                        *sum += factor * value;
                    }
                }
            }
        }
        for (i, penalty) in penalty.iter().enumerate() {
            let own = &mut hessian[start(i) + i];
            // A column without spread has no curvature and gets no weight; certainty everywhere has none either.
            *own = if *own > 1e-12 || *penalty > 0.0 { *own + penalty } else { 1.0 };
        }
        let factored = Cholesky::new(self.width, hessian).ok_or(LinearError::Singular)?;
        Ok(factored.solve(&gradient))
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::linear::Design;

    fn made(rows: usize, columns: usize) -> (Design, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let rows: Vec<Vec<f64>> =
            (0..rows).map(|_| (0..columns).map(|_| random.random_range(-2.0..2.0)).collect()).collect();
        let draw = |row: &Vec<f64>| {
            f64::from(u8::from(random.random::<f64>() < sigmoid(1.5 * row[0] - 0.7 * row[1] + 0.3)))
        };
        let target = rows.iter().map(draw).collect();
        (Design::from_rows(columns, rows), target)
    }

    #[test]
    fn without_columns_that_matter_the_intercept_is_the_log_odds() {
        let design = Design::from_rows(1, [[5.0]; 4]);
        let fit = logistic(&Problem::new(&design), &[1.0, 1.0, 1.0, 0.0], 0.5).expect("fits");
        assert!((fit.predict(&[5.0]) - 3f64.ln()).abs() < 1e-6, "{fit:?}");
        let shares = logistic(&Problem::new(&design), &[0.75; 4], 0.0).expect("fits");
        assert!((shares.predict(&[5.0]) - 3f64.ln()).abs() < 1e-6, "shares are targets too");
    }

    #[test]
    fn the_gradient_vanishes_at_the_fit() {
        let (design, target) = made(200, 3);
        let lambda = 0.05;
        let fit = logistic(&Problem::new(&design), &target, lambda).expect("fits");
        let scale = Scale::of(&design, |_| 1.0);
        let mut row = [0.0; 3];
        let mut gradient = [0.0; 3];
        for (i, outcome) in target.iter().enumerate() {
            scale.apply(design.row(i), &mut row);
            let residual = outcome - sigmoid(fit.predict(design.row(i)));
            gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += residual * value / 200.0);
        }
        for ((gradient, weight), deviation) in gradient.iter().zip(&fit.weights).zip(&scale.deviation) {
            assert!((gradient - lambda * weight * deviation).abs() < 1e-5, "{gradient}");
        }
    }

    #[test]
    fn parameters_of_made_data_come_back() {
        let (design, target) = made(4_000, 2);
        let fit = logistic(&Problem::new(&design), &target, 0.0).expect("fits");
        let expected = [(fit.intercept, 0.3), (fit.weights[0], 1.5), (fit.weights[1], -0.7)];
        assert!(expected.iter().all(|(found, made)| (found - made).abs() < 0.15), "{fit:?}");
    }

    #[test]
    fn separable_outcomes_stay_finite_under_a_penalty() {
        let design = Design::from_rows(1, (0..10).map(|i| [f64::from(i)]));
        let target: Vec<f64> = (0..10).map(|i| f64::from(u8::from(i > 4))).collect();
        let fit = logistic(&Problem::new(&design), &target, 0.01).expect("fits");
        assert!(fit.predict(&[9.0]) > 1.0 && fit.predict(&[9.0]) < 50.0);
    }

    #[test]
    fn validation_prefers_what_predicts() {
        let (design, target) = made(150, 12);
        let chosen =
            logistic_by_validation(&Problem::new(&design), &target, &Validation::new(2)).expect("fits");
        let best = smallest(&chosen.losses);
        assert!(chosen.losses[best] < 0.6 && chosen.losses[best] < chosen.losses[0], "{:?}", chosen.losses);
        let entropy = target.iter().zip(&chosen.out_of_fold).map(|(y, eta)| cross_entropy(*y, *eta));
        assert!((entropy.sum::<f64>() / 150.0 - chosen.losses[best]).abs() < 1e-9);
        let again =
            logistic_by_validation(&Problem::new(&design), &target, &Validation::new(2)).expect("fits");
        assert_eq!(again, chosen);
    }
}
