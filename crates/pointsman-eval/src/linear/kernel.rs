//! Ridge regression in a space of nearness: what a prompt is worth is what prompts near it were found to be worth.

use super::cholesky::{Cholesky, dot, start};
use super::design::{Design, Scale};
use super::validation::{folds, smallest};
use super::{LinearError, Problem};

/// How nearness falls with the distance `d` in units of the median distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// `exp(−d²)`: smooth.
    Gaussian,
    /// `exp(−d)`: nearest rows count most.
    Laplace,
}

/// Parts that rows are divided into to choose the penalty.
const FOLDS: usize = 4;

/// Penalties to choose from, strongest first, in units of the number of rows.
const LAMBDAS: [f64; 7] = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];

/// Kernel ridge regression (Saunders, Gammerman and Vovk 1998): `f(x) = mean + Σᵢ αᵢ k(x, xᵢ)` with
/// `(K + λ n I) α = y − mean`.
#[derive(Debug, Clone)]
pub struct KernelRidge {
    kernel: Kernel,
    scale: Scale,
    factors: Vec<f64>,
    /// Standardised and multiplied by the factors.
    rows: Design,
    /// Squared length of each.
    lengths: Vec<f64>,
    /// Median squared distance.
    spread: f64,
    /// For each target its mean, the weight of each row, and the penalty.
    targets: Vec<(f64, Vec<f64>, f64)>,
}

impl KernelRidge {
    /// Fits one model for each of `targets`; `factors` say how much each standardised column counts in a distance. The
    /// penalty of each is chosen by four-fold cross-validation. Time grows with the cube of the rows: a thousand take
    /// seconds.
    ///
    /// # Errors
    /// When lengths do not fit, there are no rows, or a number is not finite.
    pub fn fit(
        design: &Design,
        factors: &[f64],
        kernel: Kernel,
        targets: &[&[f64]],
        seed: u64,
    ) -> Result<Self, LinearError> {
        Problem { design, weights: None, penalties: Some(factors) }.check(targets)?;
        let scale = Scale::of(design, |_| 1.0);
        let rows = Design::from_rows(
            design.columns(),
            (0..design.rows()).map(|row| scale.place(design.row(row), factors)),
        );
        let lengths = (0..rows.rows()).map(|row| dot(rows.row(row), rows.row(row))).collect();
        let mut model = Self {
            kernel,
            scale,
            factors: factors.to_vec(),
            rows,
            lengths,
            spread: 1.0,
            targets: Vec::new(),
        };
        let triangle: Vec<f64> =
            (0..model.rows.rows()).flat_map(|row| model.distances(model.rows.row(row), row + 1)).collect();
        model.spread = median(&triangle);
        let nearness: Vec<f64> = triangle.iter().map(|distance| model.nearness(*distance)).collect();
        let chosen = choose(&nearness, design.rows(), targets, seed)?;
        let all: Vec<usize> = (0..design.rows()).collect();
        for (target, lambda) in targets.iter().zip(chosen) {
            let (mean, weights) = solve(&nearness, &all, &[target], lambda)?.remove(0);
            model.targets.push((mean, weights, lambda));
        }
        Ok(model)
    }

    /// The value of each target for a row.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        let placed = self.scale.place(row, &self.factors);
        let distances = self.distances(&placed, self.rows.rows());
        let near: Vec<f64> = distances.into_iter().map(|distance| self.nearness(distance)).collect();
        self.targets.iter().map(|(mean, weights, _)| mean + dot(weights, &near)).collect()
    }

    /// The penalty that was chosen for each target.
    pub fn penalties(&self) -> impl Iterator<Item = f64> {
        self.targets.iter().map(|(_, _, lambda)| *lambda)
    }

    /// Squared distances to the first `count` rows.
    fn distances(&self, placed: &[f64], count: usize) -> Vec<f64> {
        let own = dot(placed, placed);
        let squared = |row: usize| (own + self.lengths[row] - 2.0 * dot(placed, self.rows.row(row))).max(0.0);
        (0..count).map(squared).collect()
    }

    fn nearness(&self, squared: f64) -> f64 {
        let distance = squared / self.spread;
        match self.kernel {
            Kernel::Gaussian => (-distance).exp(),
            Kernel::Laplace => (-distance.sqrt()).exp(),
        }
    }
}

/// Of numbers above 0; 1 if there are none.
fn median(values: &[f64]) -> f64 {
    let mut positive: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
    let middle = positive.len() / 2;
    if positive.is_empty() { 1.0 } else { *positive.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

/// For each target the penalty with the least squared error on parts that were not fitted to. `nearness` is a lower triangle,
/// row after row.
fn choose(nearness: &[f64], rows: usize, targets: &[&[f64]], seed: u64) -> Result<Vec<f64>, LinearError> {
    let parts = folds(rows, FOLDS, seed);
    let mut losses = vec![vec![0.0; LAMBDAS.len()]; targets.len()];
    let at = |i: usize, j: usize| nearness[start(i.max(j)) + i.min(j)];
    for part in 0..parts.iter().max().map_or(0, |most| most + 1) {
        let (own, mut others): (Vec<usize>, Vec<usize>) = (0..rows).partition(|row| parts[*row] == part);
        if others.is_empty() {
            others.clone_from(&own);
        }
        let near: Vec<Vec<f64>> =
            own.iter().map(|row| others.iter().map(|other| at(*row, *other)).collect()).collect();
        for (place, lambda) in LAMBDAS.into_iter().enumerate() {
            for (target, (mean, weights)) in
                solve(nearness, &others, targets, lambda)?.into_iter().enumerate()
            {
                let errors = own
                    .iter()
                    .zip(&near)
                    .map(|(row, near)| mean + dot(&weights, near) - targets[target][*row]);
                losses[target][place] += errors.map(|error| error * error).sum::<f64>();
            }
        }
    }
    Ok(losses.iter().map(|losses| LAMBDAS[smallest(losses)]).collect())
}

/// Mean and weights of `rows` for each target.
fn solve(
    nearness: &[f64],
    rows: &[usize],
    targets: &[&[f64]],
    lambda: f64,
) -> Result<Vec<(f64, Vec<f64>)>, LinearError> {
    let mut lower = Vec::with_capacity(start(rows.len()));
    for (i, row) in rows.iter().enumerate() {
        lower.extend(rows[..=i].iter().map(|other| nearness[start(*row) + other]));
        if let Some(diagonal) = lower.last_mut() {
            *diagonal += lambda * rows.len() as f64;
        }
    }
    let factored = Cholesky::new(rows.len(), lower).ok_or(LinearError::Singular)?;
    let fit = |target: &&[f64]| {
        let mean = rows.iter().map(|row| target[*row]).sum::<f64>() / rows.len().max(1) as f64;
        let centred: Vec<f64> = rows.iter().map(|row| target[*row] - mean).collect();
        (mean, factored.solve(&centred))
    };
    Ok(targets.iter().map(fit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_is_learnt_and_a_blind_column_is_not() {
        let xs: Vec<f64> = (0..160).map(|i| f64::from((i * 37) % 160) / 20.0 - 4.0).collect();
        let bump = |x: f64| (-x * x).exp();
        let target: Vec<f64> = xs.iter().map(|x| bump(*x)).collect();
        let flat = vec![2.0; xs.len()];
        let design = Design::from_rows(2, xs.iter().map(|x| [*x, 0.3 * x.sin()]));
        for kernel in [Kernel::Gaussian, Kernel::Laplace] {
            let model = KernelRidge::fit(&design, &[3.0, 0.0], kernel, &[&target, &flat], 1).expect("fits");
            for x in [-2.3, -0.51, 0.07, 1.4] {
                let values = model.predict(&[x, 9.0]);
                assert!(
                    (values[0] - bump(x)).abs() < 0.15 && (values[1] - 2.0).abs() < 1e-9,
                    "{kernel:?} {x} {values:?}"
                );
            }
            assert!(model.penalties().next().expect("one") < 0.1);
        }
    }

    #[test]
    fn chance_is_held_back_to_the_mean() {
        let design = Design::from_rows(1, (0..200).map(|i| [f64::from(i)]));
        let coin: Vec<f64> = (0..200u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 31)).collect();
        let model = KernelRidge::fit(&design, &[1.0], Kernel::Laplace, &[&coin], 2).expect("fits");
        assert!((model.predict(&[77.5])[0] - 0.5).abs() < 0.25, "{:?}", model.predict(&[77.5]));
        assert_eq!(model.penalties().collect::<Vec<_>>(), [0.3]);
    }

    #[test]
    fn few_rows_and_bad_ones() {
        let one = Design::from_rows(1, [[4.0]]);
        let model = KernelRidge::fit(&one, &[1.0], Kernel::Gaussian, &[&[0.7]], 0).expect("fits");
        assert!((model.predict(&[9.0])[0] - 0.7).abs() < 1e-12);
        let fit = |factors: &[f64], target: &[f64]| {
            KernelRidge::fit(&one, factors, Kernel::Gaussian, &[target], 0).err()
        };
        assert_eq!(fit(&[1.0], &[f64::NAN]), Some(LinearError::NotFinite));
        assert!(matches!(fit(&[], &[1.0]), Some(LinearError::Length { .. })));
        assert_eq!(
            KernelRidge::fit(&Design::new(1), &[1.0], Kernel::Gaussian, &[&[]], 0).err(),
            Some(LinearError::NoRows)
        );
    }
}
