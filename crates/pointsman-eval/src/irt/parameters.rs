//! What is fitted, and the priors that it is fitted under.

use super::matrix::Matrix;
use super::quadrature::sigmoid;
use super::scale::Scale;

// The scale of the fit is that of mean discrimination 1; [`Parameters::standardise`] gives the published one.

/// Standard deviation of the prior of `θ`, weak: it keeps the ability of a model that is always right finite.
pub(super) const THETA_SD: f64 = 3.0;
/// Standard deviation of the prior of a block's `μ` around its family's, which has none.
pub(super) const MU_SD: f64 = 2.0;
/// Standard deviation of the priors of mean log discriminations: of a block's around its family's, and of a
/// family's around 0.
pub(super) const ALPHA_SD: f64 = 0.3;
/// Prior of a block's `σ²`: as if so many items with this variance had been seen.
pub(super) const SIGMA_PRIOR: (f64, f64) = (5.0, 2.0);
/// Prior of a family's `ς²`: as if so many items with this variance had been seen.
pub(super) const SPREAD_PRIOR: (f64, f64) = (20.0, 0.09);

/// Rounds of the start.
const START_ROUNDS: usize = 12;

/// The distribution that the items of a block come from: `b ~ N(μ, σ²)`, `ln a ~ N(α, ς²)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BlockParameters {
    pub(super) mu: f64,
    pub(super) sigma: f64,
    pub(super) alpha: f64,
}

/// What the blocks of a family have in common: the means that their `μ` and `α` are drawn to, and `ς`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FamilyParameters {
    pub(super) mu: f64,
    pub(super) alpha: f64,
    pub(super) spread: f64,
}

/// All parameters of the marginal likelihood; items are integrated out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters {
    /// `θ` by model.
    pub(super) theta: Vec<f64>,
    /// By block.
    pub(super) blocks: Vec<BlockParameters>,
    pub(super) families: Vec<FamilyParameters>,
}

impl Parameters {
    /// A start near the solution: abilities and difficulties with all discriminations 1, each in turn.
    pub(super) fn start(matrix: &Matrix) -> Self {
        let mut theta = vec![0.0; matrix.models.len()];
        let mut b: Vec<Vec<f64>> = matrix.blocks.iter().map(|block| vec![0.0; block.rows.len()]).collect();
        for _ in 0..START_ROUNDS {
            let mut of_theta = vec![(0.0, THETA_SD.powi(-2)); theta.len()];
            for (block, b) in matrix.blocks.iter().zip(&mut b) {
                for (row, b) in block.rows.iter().zip(b) {
                    let (mut slope, mut curvature) = (-0.25 * *b, 0.25);
                    for response in &row.responses {
                        let model = block.models[response.model];
                        let p = sigmoid(theta[model] - *b);
                        let (own_slope, own_curvature) = (response.score - p, p * (1.0 - p));
                        slope -= own_slope;
                        curvature += own_curvature;
                        of_theta[model].0 += own_slope;
                        of_theta[model].1 += own_curvature;
                    }
                    *b += (slope / curvature).clamp(-1.0, 1.0);
                }
            }
            for (theta, (slope, curvature)) in theta.iter_mut().zip(of_theta) {
                *theta += ((slope - *theta * THETA_SD.powi(-2)) / curvature).clamp(-1.0, 1.0);
            }
        }
        let block = |b: &Vec<f64>| {
            let (mu, sigma) = mean_and_sd(b.iter().copied());
            BlockParameters { mu, sigma: sigma.max(0.5), alpha: 0.0 }
        };
        let blocks: Vec<BlockParameters> = b.iter().map(block).collect();
        let mu = family_means(matrix, &blocks, |block| block.mu);
        let family = |mu| FamilyParameters { mu, alpha: 0.0, spread: SPREAD_PRIOR.1.sqrt() };
        Self { theta, families: mu.into_iter().map(family).collect(), blocks }
    }

    /// All numbers in a row, those above 0 as logarithms.
    pub(super) fn to_vector(&self) -> Vec<f64> {
        let mut vector = self.theta.clone();
        vector.extend(self.blocks.iter().flat_map(|block| [block.mu, block.sigma.ln(), block.alpha]));
        vector.extend(self.families.iter().flat_map(|family| [family.mu, family.alpha, family.spread.ln()]));
        vector
    }

    /// The inverse of [`Parameters::to_vector`] for parameters of this shape.
    pub(super) fn with_vector(&self, vector: &[f64]) -> Self {
        let (theta, rest) = vector.split_at(self.theta.len());
        let (blocks, families) = rest.split_at(3 * self.blocks.len());
        Self {
            theta: theta.to_vec(),
            blocks: blocks
                .chunks_exact(3)
                .map(|block| BlockParameters { mu: block[0], sigma: block[1].exp(), alpha: block[2] })
                .collect(),
            families: families
                .chunks_exact(3)
                .map(|family| FamilyParameters { mu: family[0], alpha: family[1], spread: family[2].exp() })
                .collect(),
        }
    }

    /// Moves and stretches the scale of each component so that its pool has mean 0 and standard deviation 1. The
    /// likelihood stays as it is. Returns each component's standard deviation before.
    pub(super) fn standardise(&mut self, scale: &Scale) -> Vec<f64> {
        let moments: Vec<(f64, f64)> =
            scale.pools.iter().map(|pool| mean_and_sd(pool.iter().map(|model| self.theta[*model]))).collect();
        for (theta, component) in self.theta.iter_mut().zip(&scale.component_of_model) {
            let (mean, sd) = moments[*component];
            *theta = (*theta - mean) / sd;
        }
        for (block, component) in self.blocks.iter_mut().zip(&scale.component_of_block) {
            let (mean, sd) = moments[*component];
            block.mu = (block.mu - mean) / sd;
            block.sigma /= sd;
            block.alpha += sd.ln();
        }
        for (family, component) in self.families.iter_mut().zip(&scale.component_of_family) {
            let (mean, sd) = moments[*component];
            family.mu = (family.mu - mean) / sd;
            family.alpha += sd.ln();
        }
        moments.into_iter().map(|(_, sd)| sd).collect()
    }

    /// Logarithm of the prior density, up to a constant.
    pub(super) fn log_prior(&self, matrix: &Matrix) -> f64 {
        let normal = |value: f64, mean: f64, sd: f64| -0.5 * ((value - mean) / sd).powi(2);
        let variance = |value: f64, (seen, prior): (f64, f64)| -0.5 * seen * (value.ln() + prior / value);
        let theta: f64 = self.theta.iter().map(|theta| normal(*theta, 0.0, THETA_SD)).sum();
        let block = |block: &BlockParameters, family: &FamilyParameters| {
            normal(block.mu, family.mu, MU_SD)
                + normal(block.alpha, family.alpha, ALPHA_SD)
                + variance(block.sigma.powi(2), SIGMA_PRIOR)
        };
        let blocks = self.blocks.iter().zip(&matrix.blocks);
        let blocks: f64 = blocks.map(|(own, data)| block(own, &self.families[data.family])).sum();
        let families = self.families.iter();
        let families: f64 = families
            .map(|own| normal(own.alpha, 0.0, ALPHA_SD) + variance(own.spread.powi(2), SPREAD_PRIOR))
            .sum();
        theta + blocks + families
    }
}

/// Means over the blocks of each family.
pub(super) fn family_means(
    matrix: &Matrix,
    blocks: &[BlockParameters],
    value: impl Fn(&BlockParameters) -> f64,
) -> Vec<f64> {
    let of = |family: usize| {
        let own = matrix.blocks.iter().zip(blocks).filter(|(data, _)| data.family == family);
        mean(&own.map(|(_, block)| value(block)).collect::<Vec<_>>())
    };
    (0..matrix.families.len()).map(of).collect()
}

/// The arithmetic mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Mean and standard deviation (over n); a spread of nothing counts as 1.
pub(super) fn mean_and_sd(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let mean = mean(&values);
    let variance =
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64;
    (mean, if variance > 1e-12 { variance.sqrt() } else { 1.0 })
}
