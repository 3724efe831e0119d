//! A linear difficulty head, fitted to the difficulties of items by penalised least squares.

use super::{Design, Linear, LinearError, Problem, Validation, ridge_by_validation};

/// What an item's difficulty was found to be, by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// `b` on the ability scale.
    pub b: f64,
    /// Variance of its error.
    pub variance: f64,
    /// How much the item counts beside its precision, above 0.
    pub weight: f64,
}

/// A head and how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadFit {
    /// The head.
    pub model: Linear,
    /// Standard deviation of an item's own difficulty around what the head says, its error of measurement taken out.
    pub residual_sd: f64,
    /// Strength of the penalty that was chosen.
    pub lambda: f64,
    /// For each item, `b` as the head says it without having been fitted to it.
    pub out_of_fold: Vec<f64>,
}

/// Least standard deviation of difficulties around what a head says: a text never says all.
const LEAST_SD: f64 = 0.2;

/// Penalty of a counted figure's weight beside that of a pooled one: they are few, and what they say carries over to sources
/// that the head was not fitted to, where the pooled ones say little.
pub const COUNT_PENALTY: f64 = 0.1;

/// Penalties to choose from, strongest first.
const LAMBDAS: [f64; 7] = [10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01];

/// Parts that the items are divided into to choose the penalty.
const FOLDS: usize = 5;

/// The head that predicts `targets` from `design` (items, columns), with a factor of the penalty for each column if they are
/// not all held back alike.
///
/// An item counts with `weight / (variance + τ²)`, where `τ` is the head's own error, found from items that were not fitted
/// to: the weighted mean of `(b − b̂)² − variance`, as in random-effects meta-analysis (DerSimonian & Laird 1986). The
/// penalty is chosen by cross-validation.
///
/// # Errors
/// When there are no items, or a number is not finite.
pub fn fit_head(
    design: &Design,
    penalties: Option<&[f64]>,
    targets: &[Target],
    seed: u64,
) -> Result<HeadFit, LinearError> {
    let b: Vec<f64> = targets.iter().map(|target| target.b).collect();
    let mut own = 1.0;
    let validation = Validation { lambdas: LAMBDAS.to_vec(), folds: FOLDS, repeats: 1, seed };
    let weights = |own: f64| -> Vec<f64> {
        targets.iter().map(|target| target.weight / (target.variance + own)).collect()
    };
    let mut chosen = None;
    for _ in 0..2 {
        let weights = weights(own);
        let problem = Problem { weights: Some(&weights), penalties, ..Problem::new(design) };
        let fit = ridge_by_validation(&problem, &[&b], &validation)?.pop().ok_or(LinearError::NoRows)?;
        own = own_variance(targets, &weights, &fit.out_of_fold);
        chosen = Some(fit);
    }
    let fit = chosen.ok_or(LinearError::NoRows)?;
    Ok(HeadFit {
        model: fit.model,
        residual_sd: own.sqrt(),
        lambda: fit.lambda,
        out_of_fold: fit.out_of_fold,
    })
}

impl HeadFit {
    /// [`Self::residual_sd`] over the first `targets` alone, which are those of the fit from its first on.
    #[must_use]
    pub fn residual_sd_of(&self, targets: &[Target]) -> f64 {
        let own = self.residual_sd * self.residual_sd;
        let weights: Vec<f64> =
            targets.iter().map(|target| target.weight / (target.variance + own)).collect();
        own_variance(targets, &weights, &self.out_of_fold).sqrt()
    }
}

/// Variance of items around their predictions, beyond that of their measurement.
fn own_variance(targets: &[Target], weights: &[f64], predicted: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let excess = targets
        .iter()
        .zip(weights)
        .zip(predicted)
        .map(|((target, weight), predicted)| weight * ((target.b - predicted).powi(2) - target.variance));
    (excess.sum::<f64>() / total).max(LEAST_SD * LEAST_SD)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Items with two columns; `b = 1 + 2·x₀`, an error of the item's own and one of measurement.
    fn items(count: usize, own: f64, measured: f64) -> (Design, Vec<Target>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        // The sum of twelve uniform numbers is nearly normal with variance 1.
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let (mut design, mut targets) = (Design::new(2), Vec::new());
        for _ in 0..count {
            let (x, noise) = (normal(), normal());
            design.push([x, noise]);
            let b = 1.0 + 2.0 * x + own * normal() + measured * normal();
            targets.push(Target { b, variance: measured * measured, weight: 1.0 });
        }
        (design, targets)
    }

    #[test]
    fn the_error_is_found_for_a_part_of_the_items() {
        let (mut design, mut targets) = items(2000, 0.5, 0.1);
        let (_, calm) = items(2000, 0.0, 0.1);
        // The same columns again, with difficulties that follow them without an error of their own.
        let (again, _) = items(2000, 0.5, 0.1);
        for (row, target) in calm.iter().enumerate() {
            design.push(again.row(row).iter().copied());
            targets.push(*target);
        }
        let head = fit_head(&design, None, &targets, 1).expect("fits");
        let (loud, all) = (head.residual_sd_of(&targets[..2000]), head.residual_sd);
        assert!(loud > all, "{loud} {all}");
    }

    #[test]
    fn the_line_and_the_error_around_it_are_found() {
        let (design, targets) = items(4000, 0.5, 1.0);
        let head = fit_head(&design, None, &targets, 1).expect("fits");
        assert!(
            (head.model.weights[0] - 2.0).abs() < 0.1 && head.model.weights[1].abs() < 0.1,
            "{:?}",
            head.model.weights
        );
        assert!((head.model.intercept - 1.0).abs() < 0.1, "{}", head.model.intercept);
        assert!((head.residual_sd - 0.5).abs() < 0.12, "{}", head.residual_sd);
        assert_eq!(head.out_of_fold.len(), 4000);
        assert_eq!(fit_head(&design, None, &targets, 1), Ok(head));
    }

    #[test]
    fn imprecise_items_count_little() {
        let (design, mut targets) = items(400, 0.3, 0.3);
        for target in targets.iter_mut().skip(1).step_by(2) {
            *target = Target { b: -50.0, variance: 1e6, ..*target };
        }
        let head = fit_head(&design, None, &targets, 1).expect("fits");
        assert!((head.model.intercept - 1.0).abs() < 0.2, "{}", head.model.intercept);
    }

    #[test]
    fn no_items_are_no_head() {
        assert_eq!(fit_head(&Design::new(2), None, &[], 1), Err(LinearError::NoRows));
    }
}
