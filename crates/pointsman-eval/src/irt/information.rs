//! How sharply the outcomes determine the parameters: gradient and observed information of the log posterior.
//!
//! The information contains all abilities and the distributions of the items of all blocks, so that the error of an
//! ability contains the error of the place of the items that it was measured with.

use super::items::BlockPosterior;
use super::linear::{Cholesky, Triangle};
use super::matrix::Matrix;
use super::parameters::{ALPHA_SD, MU_SD, Parameters, SIGMA_PRIOR, SPREAD_PRIOR, THETA_SD};
use super::scale::Scale;

/// Ridges with which a matrix that is not positive definite is tried again, as shares of its diagonal.
const RIDGES: [f64; 8] = [0.0, 0.01, 0.1, 1.0, 10.0, 1e3, 1e6, 1e12];

/// Gradient and negative matrix of second derivatives, in the order of [`Parameters::to_vector`].
pub(super) struct Information {
    pub(super) gradient: Vec<f64>,
    matrix: Triangle,
}

/// Where parameters are in the vector.
#[derive(Debug, Clone, Copy)]
struct Layout {
    models: usize,
    blocks: usize,
    size: usize,
}

impl Layout {
    fn new(matrix: &Matrix) -> Self {
        let (models, blocks) = (matrix.models.len(), matrix.blocks.len());
        Self { models, blocks, size: models + 3 * blocks + 3 * matrix.families.len() }
    }

    /// `μ`, `ln σ`, `α` of a block are here and at the next two places.
    fn block(self, index: usize) -> usize {
        self.models + 3 * index
    }

    /// `μ`, `α`, `ln ς` of a family are here and at the next two places.
    fn family(self, index: usize) -> usize {
        self.models + 3 * self.blocks + 3 * index
    }
}

impl Information {
    pub(super) fn new(matrix: &Matrix, parameters: &Parameters, posteriors: &[BlockPosterior]) -> Self {
        let layout = Layout::new(matrix);
        let mut sums = Self { gradient: vec![0.0; layout.size], matrix: Triangle::new(layout.size) };
        sums.add_items(layout, matrix, posteriors);
        sums.add_priors(layout, matrix, parameters);
        sums
    }

    /// Newton's step uphill; steeper where the matrix is not positive definite, as it may be far from the solution.
    pub(super) fn newton_step(&self) -> Vec<f64> {
        self.factor().map_or_else(|| vec![0.0; self.gradient.len()], |factor| factor.solve(&self.gradient))
    }

    /// Standard errors of the abilities, with the means and spreads of the pools fixed as on the published scale.
    pub(super) fn theta_errors(&self, parameters: &Parameters, scale: &Scale) -> Vec<f64> {
        let mut standard = parameters.clone();
        let sds = standard.standardise(scale);
        let gradient = |model: usize| {
            let mut gradient = vec![0.0; self.gradient.len()];
            gradient[model] = 1.0;
            let pool = &scale.pools[scale.component_of_model[model]];
            let share = 1.0 / pool.len() as f64;
            // Of (θ − m) / s with the mean m and the standard deviation s of the pool.
            for other in pool.iter().filter(|_| pool.len() > 1) {
                gradient[*other] -= share * (1.0 + standard.theta[model] * standard.theta[*other]);
            }
            gradient
        };
        let models = 0..parameters.theta.len();
        let errors = self.errors(models.map(gradient));
        errors
            .iter()
            .zip(&scale.component_of_model)
            .map(|(error, component)| error / sds[*component])
            .collect()
    }

    /// Standard errors of the blocks' `α`.
    pub(super) fn alpha_errors(&self, matrix: &Matrix) -> Vec<f64> {
        let layout = Layout::new(matrix);
        let gradient = |block: usize| {
            let mut gradient = vec![0.0; layout.size];
            gradient[layout.block(block) + 2] = 1.0;
            gradient
        };
        self.errors((0..matrix.blocks.len()).map(gradient))
    }

    /// Standard errors of the figures that have these gradients.
    fn errors(&self, gradients: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
        let factor = self.factor();
        let error =
            |gradient| factor.as_ref().map_or(f64::INFINITY, |factor| factor.variance(gradient).sqrt());
        gradients.map(error).collect()
    }

    fn factor(&self) -> Option<Cholesky> {
        RIDGES.iter().find_map(|ridge| Cholesky::new(self.matrix.with_ridge(*ridge)))
    }

    fn add_items(&mut self, layout: Layout, matrix: &Matrix, posteriors: &[BlockPosterior]) {
        for (index, (block, posterior)) in matrix.blocks.iter().zip(posteriors).enumerate() {
            let own = layout.block(index);
            let own = [own, own + 1, own + 2, layout.family(block.family) + 2];
            let places: Vec<usize> = block.models.iter().copied().chain(own).collect();
            self.matrix.add_at(&places, &posterior.information);
            for (row, item) in block.rows.iter().zip(&posterior.items) {
                for (response, slope) in row.responses.iter().zip(&item.theta_score) {
                    self.gradient[block.models[response.model]] += slope;
                }
                for (place, slope) in own.iter().zip(item.block_score) {
                    self.gradient[*place] += slope;
                }
            }
        }
    }

    fn add_priors(&mut self, layout: Layout, matrix: &Matrix, parameters: &Parameters) {
        for (place, theta) in parameters.theta.iter().enumerate() {
            self.add_normal((place, *theta), (None, 0.0), THETA_SD);
        }
        for (index, (block, data)) in parameters.blocks.iter().zip(&matrix.blocks).enumerate() {
            let (place, centre) = (layout.block(index), layout.family(data.family));
            let family = &parameters.families[data.family];
            self.add_normal((place, block.mu), (Some(centre), family.mu), MU_SD);
            self.add_variance(place + 1, block.sigma, SIGMA_PRIOR);
            self.add_normal((place + 2, block.alpha), (Some(centre + 1), family.alpha), ALPHA_SD);
        }
        for (index, family) in parameters.families.iter().enumerate() {
            let place = layout.family(index);
            self.add_normal((place + 1, family.alpha), (None, 0.0), ALPHA_SD);
            self.add_variance(place + 2, family.spread, SPREAD_PRIOR);
        }
    }

    /// Adds the prior `x ~ N(centre, sd²)`, where `centre` is a parameter, too, if it has a place.
    fn add_normal(&mut self, (place, x): (usize, f64), (centre, at): (Option<usize>, f64), sd: f64) {
        let precision = sd.powi(-2);
        self.gradient[place] -= precision * (x - at);
        self.matrix.add(place, place, precision);
        if let Some(centre) = centre {
            self.gradient[centre] += precision * (x - at);
            self.matrix.add(centre, centre, precision);
            self.matrix.add(place, centre, -precision);
        }
    }

    /// Adds the prior of a variance, a parameter by the logarithm of its root, of which `seen` values around `prior`
    /// were seen before.
    fn add_variance(&mut self, place: usize, sd: f64, (seen, prior): (f64, f64)) {
        let ratio = prior / (sd * sd);
        self.gradient[place] += seen * (ratio - 1.0);
        self.matrix.add(place, place, 2.0 * seen * ratio);
    }
}
