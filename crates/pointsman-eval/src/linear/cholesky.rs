//! Symmetric positive definite systems.

/// `A = L · Lᵀ` of a symmetric positive definite matrix, with `L` lower triangular.
#[derive(Debug, Clone)]
pub struct Cholesky {
    size: usize,
    /// Row after row, each up to its diagonal.
    lower: Vec<f64>,
}

/// Place of row `i` in a lower triangle stored row after row.
pub(super) fn start(i: usize) -> usize {
    i * (i + 1) / 2
}

impl Cholesky {
    /// Factors a matrix of which the lower triangle is given row after row, `size · (size + 1) / 2` numbers; `None` if it
    /// is not positive definite.
    #[must_use]
    pub fn new(size: usize, mut lower: Vec<f64>) -> Option<Self> {
        for i in 0..size {
            let (done, rest) = lower.split_at_mut(start(i));
            let row = &mut rest[..=i];
            let scale = row[i].abs();
            for j in 0..i {
                let other = &done[start(j)..=start(j) + j];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let pivot = row[i] - dot(&row[..i], &row[..i]);
            if pivot.is_nan() || pivot <= scale * 1e-13 {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        Some(Self { size, lower })
    }

    /// The `x` of `A · x = b`.
    #[must_use]
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for i in 0..self.size {
            let row = self.row(i);
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..self.size).rev() {
            let row = self.row(i);
            x[i] /= row[i];
            let value = x[i];
            for (above, factor) in x[..i].iter_mut().zip(row) {
                *above -= factor * value;
            }
        }
        x
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.lower[start(i)..=start(i) + i]
    }
}

/// Four sums at a time, so that additions need not wait for one another.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_quads, a_rest) = a.as_chunks::<4>();
    let (b_quads, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in a_quads.iter().zip(b_quads) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_small_system_by_hand() {
        // [4 2; 2 3] · x = [10, 9] has x = [1.5, 2].
        let factored = Cholesky::new(2, vec![4.0, 2.0, 3.0]).expect("positive definite");
        let x = factored.solve(&[10.0, 9.0]);
        assert!((x[0] - 1.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
        assert!(Cholesky::new(2, vec![1.0, 2.0, 4.0]).is_none(), "singular");
        assert!(Cholesky::new(2, vec![1.0, 2.0, 1.0]).is_none(), "indefinite");
        assert!(Cholesky::new(0, Vec::new()).expect("nothing").solve(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_solved_solves(
            values in prop::collection::vec(-2.0..2.0f64, 49),
            b in prop::collection::vec(-5.0..5.0f64, 7),
        ) {
            // A = V Vᵀ + I.
            let entry = |i: usize, j: usize| {
                (0..7).map(|k| values[i * 7 + k] * values[j * 7 + k]).sum::<f64>() + f64::from(u8::from(i == j))
            };
            let lower = (0..7).flat_map(|i| (0..=i).map(move |j| entry(i, j))).collect();
            let x = Cholesky::new(7, lower).expect("positive definite").solve(&b);
            for (i, right) in b.iter().enumerate() {
                let left: f64 = (0..7).map(|j| entry(i, j) * x[j]).sum();
                prop_assert!((left - right).abs() < 1e-8, "{left} {right}");
            }
        }
    }
}
