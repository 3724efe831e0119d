//! Vectors, and symmetric positive definite systems of a few hundred unknowns.

/// Least pivot; smaller ones are rounding of a direction that nothing determines.
const LEAST_PIVOT: f64 = 1e-9;

/// The factor `L` of `A = L Lᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cholesky {
    size: usize,
    /// Lower triangle, row-major.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factorises the matrix whose lower triangle is given row by row, `size × size`.
    pub(super) fn new(mut matrix: Vec<f64>, size: usize) -> Self {
        for row in 0..size {
            let (above, rest) = matrix.split_at_mut(row * size);
            let own = &mut rest[..size];
            for column in 0..row {
                let other = &above[column * size..=column * size + column];
                own[column] = (own[column] - dot(&own[..column], other)) / other[column];
            }
            own[row] = (own[row] - dot(&own[..row], &own[..row])).max(LEAST_PIVOT).sqrt();
        }
        Self { size, factor: matrix }
    }

    /// `A⁻¹ g`.
    pub(super) fn solve(&self, g: &[f64]) -> Vec<f64> {
        let mut x = self.forward(g.to_vec());
        for row in (0..self.size).rev() {
            let own = &self.factor[row * self.size..=row * self.size + row];
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
        for row in 0..self.size {
            let own = &self.factor[row * self.size..=row * self.size + row];
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
        let cholesky = Cholesky::new(vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 2.0, 3.0], 3);
        let x = cholesky.solve(&[8.0, 18.0, 13.0]);
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
        assert!((cholesky.variance(vec![1.0, 0.0, 0.0]) - 11.0 / 32.0).abs() < 1e-12);
        assert!((cholesky.variance(vec![0.0, 0.0, 2.0]) - 4.0 * 16.0 / 32.0).abs() < 1e-12);
    }
}
