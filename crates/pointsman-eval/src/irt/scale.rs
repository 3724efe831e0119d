//! Which models and items share a scale, and what fixes it.

use super::Aliases;
use super::items::BlockPosterior;
use super::matrix::Matrix;
use super::parameters::mean_and_sd;

/// Fewest outcomes with which a model counts in the reference pool.
const POOL_OUTCOMES: usize = 100;
/// How many robust standard deviations from the median a model of the pool may be.
const POOL_REACH: f64 = 4.0;

/// The connected components of the graph of models and blocks, largest first, each with a pool that fixes its scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    pub(super) component_of_model: Vec<usize>,
    pub(super) component_of_block: Vec<usize>,
    /// The models whose abilities have mean 0 and standard deviation 1 on the published scale, by component.
    pub(super) pools: Vec<Vec<usize>>,
    /// Their mean and standard deviation on the scale of the fit.
    moments: Vec<(f64, f64)>,
}

impl Scale {
    /// Components and pools, given abilities on any scale: the pool of a component are its models with
    /// [`POOL_OUTCOMES`] or more that are no modes of others and lie within [`POOL_REACH`] of the median; all its models
    /// if that leaves none.
    pub(super) fn new(matrix: &Matrix, aliases: &Aliases, theta: &[f64]) -> Self {
        let raw = components(matrix);
        let mut order: Vec<usize> = (0..matrix.models.len()).filter(|model| raw[*model] == *model).collect();
        let size = |root: &usize| raw.iter().filter(|of| *of == root).count();
        order.sort_by_key(|root| (std::cmp::Reverse(size(root)), *root));
        let place = |root: usize| order.iter().position(|known| *known == root).unwrap_or_default();
        let component_of_model: Vec<usize> = raw.iter().map(|root| place(*root)).collect();
        let component_of_block: Vec<usize> =
            matrix.blocks.iter().map(|block| component_of_model[block.models[0]]).collect();
        let counts = matrix.responses_by_model();
        let pool = |component: usize| {
            let is_member = |model: &usize| component_of_model[*model] == component;
            let members: Vec<usize> = (0..matrix.models.len()).filter(is_member).collect();
            let counted = |model: &usize| {
                counts[*model] >= POOL_OUTCOMES && aliases.mode_of(&matrix.models[*model]).is_none()
            };
            let counted: Vec<usize> = members.iter().copied().filter(counted).collect();
            let (median, sd) = robust(counted.iter().map(|model| theta[*model]).collect());
            let near = |model: &usize| (theta[*model] - median).abs() <= POOL_REACH * sd;
            let pool: Vec<usize> = counted.into_iter().filter(near).collect();
            if pool.is_empty() { members } else { pool }
        };
        let pools: Vec<Vec<usize>> = (0..order.len()).map(pool).collect();
        let moments = pools.iter().map(|pool| mean_and_sd(pool.iter().map(|model| theta[*model]))).collect();
        Self { component_of_model, component_of_block, pools, moments }
    }

    /// One unit of the published scale in units of the fit, for the component of `model`.
    pub(super) fn unit(&self, model: usize) -> f64 {
        self.moments[self.component_of_model[model]].1
    }

    /// Abilities on the published scale.
    pub(super) fn theta(&self, theta: &[f64]) -> Vec<f64> {
        let place = |(theta, component): (&f64, &usize)| {
            let (mean, sd) = self.moments[*component];
            (theta - mean) / sd
        };
        theta.iter().zip(&self.component_of_model).map(place).collect()
    }

    /// Moves what is known of items to the published scale.
    pub(super) fn rescale(&self, posteriors: &mut [BlockPosterior]) {
        for (block, component) in posteriors.iter_mut().zip(&self.component_of_block) {
            let (mean, sd) = self.moments[*component];
            for item in &mut block.items {
                item.b = ((item.b.0 - mean) / sd, item.b.1 / sd);
                item.ln_a.0 += sd.ln();
            }
        }
    }
}

/// Median, and median distance from it times 1.4826, which is the standard deviation of a normal distribution;
/// infinite where most values are the same.
pub(super) fn robust(mut values: Vec<f64>) -> (f64, f64) {
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let middle = median(&mut values);
    let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let sd = 1.4826 * median(&mut distances);
    (middle, if sd > 1e-9 { sd } else { f64::INFINITY })
}

/// The lowest model of each model's component. Models are joined by the items that both answered.
fn components(matrix: &Matrix) -> Vec<usize> {
    let mut root: Vec<usize> = (0..matrix.models.len()).collect();
    for block in &matrix.blocks {
        for row in &block.rows {
            let first = find(&root, block.models[row.responses[0].model]);
            for response in &row.responses[1..] {
                let (a, b) = (find(&root, first), find(&root, block.models[response.model]));
                root[a.max(b)] = a.min(b);
            }
        }
    }
    (0..root.len()).map(|model| find(&root, model)).collect()
}

fn find(root: &[usize], mut model: usize) -> usize {
    while root[model] != model {
        model = root[model];
    }
    model
}
