//! What is fitted, and the priors that it is fitted under.

use super::items::BlockPosterior;
use super::matrix::Matrix;
use super::quadrature::sigmoid;

// The scale of the fit is that of mean discrimination 1; [`Scale`](super::scale::Scale) gives the published one.

/// Standard deviation of the prior of `θ`, weak: it keeps the ability of a model that is always right finite.
pub(super) const THETA_SD: f64 = 3.0;
/// Standard deviation of the prior of a block's `μ` around its family's, which has none.
pub(super) const MU_SD: f64 = 2.0;
/// Standard deviation of the priors of mean log discriminations: of a block's around its family's, and of a
/// family's around 0.
pub(super) const ALPHA_SD: f64 = 0.5;
/// `σ` at the start, the least and the most that it may be. Without an end, the difficulties of a block whose outcomes
/// have nothing to do with ability would spread without one.
pub(super) const SIGMA: (f64, f64, f64) = (1.5, 0.3, 2.5);
/// The same of `ς`.
pub(super) const SPREAD: (f64, f64, f64) = (0.3, 0.1, 0.6);
/// Prior of both variances: as if so many items as at the start had been seen.
const SEEN: f64 = 5.0;

/// Rounds of the start.
const START_ROUNDS: usize = 12;

/// The distribution that the items of a block come from: `b ~ N(μ, σ²)` and `ln a ~ N(α, ς²)`.
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
            let mu = mean(b);
            BlockParameters { mu, sigma: SIGMA.0, alpha: 0.0 }
        };
        let blocks: Vec<BlockParameters> = b.iter().map(block).collect();
        let mu = family_means(matrix, &blocks, |block| block.mu);
        let family = |mu| FamilyParameters { mu, alpha: 0.0, spread: SPREAD.0 };
        Self { theta, families: mu.into_iter().map(family).collect(), blocks }
    }

    /// The numbers that Newton's steps change, in a row: all but `σ` and `ς`.
    pub(super) fn to_vector(&self) -> Vec<f64> {
        let mut vector = self.theta.clone();
        vector.extend(self.blocks.iter().flat_map(|block| [block.mu, block.alpha]));
        vector.extend(self.families.iter().flat_map(|family| [family.mu, family.alpha]));
        vector
    }

    /// The inverse of [`Parameters::to_vector`] for parameters of this shape.
    pub(super) fn with_vector(&self, vector: &[f64]) -> Self {
        let (theta, rest) = vector.split_at(self.theta.len());
        let (blocks, families) = rest.split_at(2 * self.blocks.len());
        let block =
            |(own, new): (&BlockParameters, &[f64])| BlockParameters { mu: new[0], alpha: new[1], ..*own };
        let family =
            |(own, new): (&FamilyParameters, &[f64])| FamilyParameters { mu: new[0], alpha: new[1], ..*own };
        Self {
            theta: theta.to_vec(),
            blocks: self.blocks.iter().zip(blocks.chunks_exact(2)).map(block).collect(),
            families: self.families.iter().zip(families.chunks_exact(2)).map(family).collect(),
        }
    }

    /// Empirical Bayes: `σ` of each block and `ς` of each family from its items' posteriors, by steps twice as long as
    /// those of expectation and maximisation, which are short. Returns the largest change of any of their logarithms.
    pub(super) fn update_spreads(&mut self, matrix: &Matrix, posteriors: &[BlockPosterior]) -> f64 {
        let mut change = 0.0_f64;
        let mut of_families = vec![(0.0, 0.0); self.families.len()];
        let updated = |old: f64, (count, squares): (f64, f64), (start, least, most): (f64, f64, f64)| {
            let variance = (squares * old * old + SEEN * start * start) / (count + SEEN);
            (variance / old).clamp(least, most)
        };
        for ((own, data), posterior) in self.blocks.iter_mut().zip(&matrix.blocks).zip(posteriors) {
            let sum = |index: usize| posterior.items.iter().map(|item| item.squares[index]).sum::<f64>();
            let count = posterior.items.len() as f64;
            let sigma = updated(own.sigma, (count, sum(0)), SIGMA);
            change = change.max((sigma / own.sigma).ln().abs());
            own.sigma = sigma;
            of_families[data.family].0 += count;
            of_families[data.family].1 += sum(1);
        }
        for (family, sums) in self.families.iter_mut().zip(of_families) {
            let spread = updated(family.spread, sums, SPREAD);
            change = change.max((spread / family.spread).ln().abs());
            family.spread = spread;
        }
        change
    }

    /// Logarithm of the prior density, up to a constant.
    pub(super) fn log_prior(&self, matrix: &Matrix) -> f64 {
        let normal = |value: f64, mean: f64, sd: f64| -0.5 * ((value - mean) / sd).powi(2);
        let theta: f64 = self.theta.iter().map(|theta| normal(*theta, 0.0, THETA_SD)).sum();
        let block = |block: &BlockParameters, family: &FamilyParameters| {
            normal(block.mu, family.mu, MU_SD) + normal(block.alpha, family.alpha, ALPHA_SD)
        };
        let blocks = self.blocks.iter().zip(&matrix.blocks);
        let blocks: f64 = blocks.map(|(own, data)| block(own, &self.families[data.family])).sum();
        let families: f64 = self.families.iter().map(|own| normal(own.alpha, 0.0, ALPHA_SD)).sum();
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
