//! Rows of numbers.

/// A table of numbers, row after row: (rows, columns).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Design {
    columns: usize,
    values: Vec<f64>,
}

impl Design {
    /// A table without rows yet.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// A table of `columns` columns with these rows.
    #[must_use]
    pub fn from_rows<R: AsRef<[f64]>>(columns: usize, rows: impl IntoIterator<Item = R>) -> Self {
        let mut design = Self::new(columns);
        for row in rows {
            design.push(row.as_ref().iter().copied());
        }
        design
    }

    /// Adds a row; it is cut, or filled up with zeros, to the number of columns.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        let end = self.values.len() + self.columns;
        self.values.extend(row.into_iter().take(self.columns));
        self.values.resize(end, 0.0);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// How many columns there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The row at `index`, which must be below [`Design::rows`].
    #[must_use]
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// The rows at these indices, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::from_rows(self.columns, rows.iter().map(|row| self.row(*row)))
    }

    pub(super) fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}

/// Mean and standard deviation of each column, by row weights.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) mean: Vec<f64>,
    /// 0 for a column that never changes.
    pub(super) deviation: Vec<f64>,
}

impl Scale {
    pub(super) fn of(design: &Design, weight: impl Fn(usize) -> f64) -> Self {
        let columns = design.columns();
        let total: f64 = (0..design.rows()).map(&weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let mut mean = vec![0.0; columns];
        for row in 0..design.rows() {
            let share = weight(row) / total;
            for (mean, value) in mean.iter_mut().zip(design.row(row)) {
                *mean += share * value;
            }
        }
        let mut deviation = vec![0.0; columns];
        for row in 0..design.rows() {
            let share = weight(row) / total;
            for ((square, value), mean) in deviation.iter_mut().zip(design.row(row)).zip(&mean) {
                *square += share * (value - mean) * (value - mean);
            }
        }
        for (square, mean) in deviation.iter_mut().zip(&mean) {
            let spread = square.sqrt();
            *square = if spread > 1e-9 * (1.0 + mean.abs()) { spread } else { 0.0 };
        }
        Self { mean, deviation }
    }

    /// Writes `row` standardised; columns that never change become 0.
    pub(super) fn apply(&self, row: &[f64], into: &mut [f64]) {
        for (((to, value), mean), deviation) in into.iter_mut().zip(row).zip(&self.mean).zip(&self.deviation)
        {
            *to = if *deviation > 0.0 { (value - mean) / deviation } else { 0.0 };
        }
    }

    /// `row` standardised and multiplied by `factors`.
    pub(super) fn place(&self, row: &[f64], factors: &[f64]) -> Vec<f64> {
        let mut placed = vec![0.0; row.len()];
        self.apply(row, &mut placed);
        placed.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
        placed
    }

    /// Turns weights for standardised columns into weights for the columns as they are.
    pub(super) fn undo(&self, intercept: f64, weights: &[f64]) -> super::Linear {
        let scaled = weights.iter().zip(&self.deviation);
        let weights: Vec<f64> = scaled
            .map(|(weight, deviation)| if *deviation > 0.0 { weight / deviation } else { 0.0 })
            .collect();
        let shift: f64 = weights.iter().zip(&self.mean).map(|(weight, mean)| weight * mean).sum();
        super::Linear { intercept: intercept - shift, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_and_filled() {
        let design = Design::from_rows(2, [&[1.0][..], &[2.0, 3.0, 4.0]]);
        assert_eq!((design.rows(), design.row(0), design.row(1)), (2, &[1.0, 0.0][..], &[2.0, 3.0][..]));
        assert_eq!(design.select(&[1, 1, 0]).row(2), [1.0, 0.0]);
        assert_eq!(Design::new(0).rows(), 0);
    }

    #[test]
    fn scale_by_hand() {
        // Weights 1, 1, 2 on 0, 4, 2: mean 2, variance (4 + 4 + 0) / 4 = 2.
        let design = Design::from_rows(2, [[0.0, 7.0], [4.0, 7.0], [2.0, 7.0]]);
        let scale = Scale::of(&design, |row| [1.0, 1.0, 2.0][row]);
        assert_eq!((scale.mean[0], scale.deviation[1]), (2.0, 0.0));
        assert!((scale.deviation[0] - 2f64.sqrt()).abs() < 1e-12);
        let mut row = [9.0; 2];
        scale.apply(&[4.0, 7.0], &mut row);
        assert!((row[0] - 2f64.sqrt()).abs() < 1e-12 && row[1] == 0.0);
        let linear = scale.undo(1.0, &[3.0, 5.0]);
        assert!((linear.predict(&[4.0, 7.0]) - (1.0 + 3.0 * 2f64.sqrt())).abs() < 1e-12);
    }
}
