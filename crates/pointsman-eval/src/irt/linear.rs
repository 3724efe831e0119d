//! Vectors, and symmetric positive definite systems of a few hundred unknowns.

/// Share of the diagonal below which a pivot counts as not positive.
const LEAST_PIVOT: f64 = 1e-8;

/// A symmetric matrix by its lower triangle, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Triangle {
    size: usize,
    /// `size × size`; what is above the diagonal is not used.
    values: Vec<f64>,
}

impl Triangle {
    /// All zeros.
    pub(super) fn new(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds to the entry at `i`, `j` and at `j`, `i`.
    pub(super) fn add(&mut self, i: usize, j: usize, value: f64) {
        self.values[i.max(j) * self.size + i.min(j)] += value;
    }

    /// The same with `share` of the diagonal (of 1, where that is less) added to the diagonal.
    pub(super) fn with_ridge(&self, share: f64) -> Self {
        let mut ridged = self.clone();
        for place in (0..self.size).map(|row| row * self.size + row) {
            ridged.values[place] += share * self.values[place].abs().max(1.0);
        }
        ridged
    }

    /// The entry at `i`, `j`.
    pub(super) fn get(&self, i: usize, j: usize) -> f64 {
        self.values[i.max(j) * self.size + i.min(j)]
    }

    /// Adds a matrix whose places are `places` here.
    pub(super) fn add_at(&mut self, places: &[usize], other: &Self) {
        for (row, i) in places.iter().enumerate() {
            for (column, j) in places[..=row].iter().enumerate() {
                self.add(*i, *j, other.values[row * other.size + column]);
            }
        }
    }
}

/// The factor `L` of `A = L Lᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cholesky(Triangle);

impl Cholesky {
    /// The factor; none if the matrix is not positive definite.
    pub(super) fn new(mut matrix: Triangle) -> Option<Self> {
        let size = matrix.size;
        for row in 0..size {
            let (above, rest) = matrix.values.split_at_mut(row * size);
            let own = &mut rest[..size];
            let least = LEAST_PIVOT * own[row].abs();
            for column in 0..row {
                let other = &above[column * size..=column * size + column];
                own[column] = (own[column] - dot(&own[..column], other)) / other[column];
            }
            let pivot = own[row] - dot(&own[..row], &own[..row]);
            if pivot.is_nan() || pivot <= least {
                return None;
            }
            own[row] = pivot.sqrt();
        }
        Some(Self(matrix))
    }

    /// The row of the factor, up to the diagonal.
    fn row(&self, row: usize) -> &[f64] {
        &self.0.values[row * self.0.size..=row * self.0.size + row]
    }

    /// `A⁻¹ g`.
    pub(super) fn solve(&self, g: &[f64]) -> Vec<f64> {
        let mut x = self.forward(g.to_vec());
        for row in (0..x.len()).rev() {
            let own = self.row(row);
            x[row] /= own[row];
            let known = x[row];
            x[..row].iter_mut().zip(own).for_each(|(x, l)| *x -= l * known);
        }
        x
    }

    /// `gᵀ A⁻¹ g`.
    pub(super) fn variance(&self, g: Vec<f64>) -> f64 {
        let y = self.forward(g);
        dot(&y, &y)
    }

    /// `L⁻¹ g`.
    fn forward(&self, mut g: Vec<f64>) -> Vec<f64> {
        for row in 0..g.len() {
            let own = self.row(row);
            g[row] = (g[row] - dot(&own[..row], &g)) / own[row];
        }
        g
    }
}

/// Sum of products over the shorter of both, in eight sums so that they can be worked out side by side.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, b) = (a[..length].chunks_exact(8), b[..length].chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_by_hand() {
        let numbers: Vec<f64> = (1..=19).map(f64::from).collect();
        assert!((dot(&numbers, &numbers) - 2470.0).abs() < 1e-9);
        assert!((dot(&numbers, &[2.0; 30]) - 380.0).abs() < 1e-9);
        assert!(dot(&[], &numbers).abs() < 1e-9);
    }

    #[test]
    fn a_system_by_hand() {
        // [[4, 2, 0], [2, 5, 2], [0, 2, 3]] has determinant 32.
        let mut matrix = Triangle::new(3);
        for (i, j, value) in [(0, 0, 4.0), (0, 1, 2.0), (1, 1, 5.0), (2, 1, 2.0), (2, 2, 3.0)] {
            matrix.add(i, j, value);
        }
        let cholesky = Cholesky::new(matrix.clone()).expect("positive definite");
        let x = cholesky.solve(&[8.0, 18.0, 13.0]);
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
        assert!((cholesky.variance(vec![1.0, 0.0, 0.0]) - 11.0 / 32.0).abs() < 1e-12);
        assert!((cholesky.variance(vec![0.0, 0.0, 2.0]) - 4.0 * 16.0 / 32.0).abs() < 1e-12);

        matrix.add(2, 2, -3.0);
        assert_eq!(Cholesky::new(matrix.clone()), None);
        assert!(Cholesky::new(matrix.with_ridge(1.0)).is_some());
        let mut scattered = Triangle::new(4);
        scattered.add_at(&[3, 0], &Triangle { size: 2, values: vec![1.0, 0.0, 2.0, 3.0] });
        let expected = [(3, 3, 1.0), (0, 3, 2.0), (0, 0, 3.0)];
        let mut by_hand = Triangle::new(4);
        expected.into_iter().for_each(|(i, j, value)| by_hand.add(i, j, value));
        assert_eq!(scattered, by_hand);
    }
}
