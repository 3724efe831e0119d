//! Second moments of rows, from which least squares are solved and judged.

use super::cholesky::{Cholesky, start};
use super::design::Scale;
use super::{LinearError, Problem};

/// Intercept, then weights, for standardised columns.
pub(super) type Standard = Vec<f64>;

/// Second moments of (1, standardised columns, targets), as a lower triangle row after row.
#[derive(Debug, Clone)]
pub(super) struct Moments {
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
    pub(super) fn of_parts(
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

    pub(super) fn sum(parts: &[Self]) -> Self {
        let mut sum = parts[0].clone();
        for part in &parts[1..] {
            for (sum, value) in sum.lower.iter_mut().zip(&part.lower) {
                *sum += value;
            }
        }
        sum
    }

    pub(super) fn without(&self, part: &Self) -> Self {
        let lower = self.lower.iter().zip(&part.lower).map(|(all, part)| all - part).collect();
        Self { lower, ..*self }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        let (i, j) = if i < j { (j, i) } else { (i, j) };
        self.lower[start(i) + j]
    }

    pub(super) fn total(&self) -> f64 {
        self.lower[0]
    }

    /// Intercept and weights for each target.
    pub(super) fn fit(&self, problem: &Problem<'_>, lambda: f64) -> Result<Vec<Standard>, LinearError> {
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
    pub(super) fn squared_error(&self, standard: &[f64], target: usize) -> f64 {
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
