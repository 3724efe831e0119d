//! How sharply the outcomes determine the parameters: gradient and observed information of the log posterior.
//!
//! The information contains all abilities and the distributions of the items of all blocks, so that the error of an
//! ability contains the error of the place of the items that it was measured with.

use super::items::BlockPosterior;
use super::linear::{Cholesky, Triangle, dot};
use super::matrix::Matrix;
use super::parameters::{ALPHA_SD, MU_SD, Parameters, THETA_SD};
use super::scale::Scale;

/// Ridges that are tried in turn for standard errors.
const RIDGES_OF_ERRORS: [f64; 6] = [0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2];

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
        Self { models, blocks, size: models + 2 * blocks + 2 * matrix.families.len() }
    }

    /// `μ` of a block is here, `α` at the next place.
    fn block(self, index: usize) -> usize {
        self.models + 2 * index
    }

    /// `μ` of a family is here, `α` at the next place.
    fn family(self, index: usize) -> usize {
        self.models + 2 * self.blocks + 2 * index
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

    /// Levenberg's and Marquardt's step uphill: Newton's with `ridge` times the diagonal added to it; none if the sum is
    /// not positive definite.
    pub(super) fn step(&self, ridge: f64) -> Option<Vec<f64>> {
        Some(Cholesky::new(self.matrix.with_ridge(ridge))?.solve(&self.gradient))
    }

    /// How much higher the objective would be at the end of Newton's step, if it were a parabola; infinite where it is
    /// curved upwards in some direction.
    pub(super) fn gain(&self) -> f64 {
        self.step(0.0).map_or(f64::INFINITY, |step| 0.5 * dot(&step, &self.gradient))
    }

    /// Standard errors of the abilities, with the means and spreads of the pools fixed as on the published scale.
    pub(super) fn theta_errors(&self, theta: &[f64], scale: &Scale) -> Vec<f64> {
        let standard = scale.theta(theta);
        let gradient = |model: usize| {
            let mut gradient = vec![0.0; self.gradient.len()];
            gradient[model] = 1.0 / scale.unit(model);
            let pool = &scale.pools[scale.component_of_model[model]];
            let share = 1.0 / (scale.unit(model) * pool.len() as f64);
            // Of (θ − m) / s with the mean m and the standard deviation s of the pool.
            for other in pool.iter().filter(|_| pool.len() > 1) {
                gradient[*other] -= share * (1.0 + standard[model] * standard[*other]);
            }
            gradient
        };
        self.errors((0..theta.len()).map(gradient))
    }

    /// Standard errors of the blocks' `α`.
    pub(super) fn alpha_errors(&self, matrix: &Matrix) -> Vec<f64> {
        let layout = Layout::new(matrix);
        let gradient = |block: usize| {
            let mut gradient = vec![0.0; layout.size];
            gradient[layout.block(block) + 1] = 1.0;
            gradient
        };
        self.errors((0..matrix.blocks.len()).map(gradient))
    }

    /// Standard errors of the figures that have these gradients. Where the information is not positive definite, which
    /// it is at a highest point, they are those with the least ridge that makes it so.
    fn errors(&self, gradients: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
        let factor = RIDGES_OF_ERRORS.iter().find_map(|ridge| Cholesky::new(self.matrix.with_ridge(*ridge)));
        let error =
            |gradient| factor.as_ref().map_or(f64::INFINITY, |factor| factor.variance(gradient).sqrt());
        gradients.map(error).collect()
    }

    fn add_items(&mut self, layout: Layout, matrix: &Matrix, posteriors: &[BlockPosterior]) {
        for (index, (block, posterior)) in matrix.blocks.iter().zip(posteriors).enumerate() {
            let own = layout.block(index);
            let own = [own, own + 1];
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
            self.add_normal((place + 1, block.alpha), (Some(centre + 1), family.alpha), ALPHA_SD);
        }
        for (index, family) in parameters.families.iter().enumerate() {
            let place = layout.family(index);
            self.add_normal((place + 1, family.alpha), (None, 0.0), ALPHA_SD);
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::irt::Aliases;
    use crate::irt::items::posteriors;
    use crate::irt::quadrature::TrialWeight;
    use crate::outcomes::Outcomes;

    /// 90 items of three blocks in two families and eight models, some outcomes missing, some with trials.
    fn matrix() -> Matrix {
        let mut rows = String::new();
        for n in 0..90_usize {
            let source = ["one/x", "one/y", "two"][n % 3];
            for model in (0..8_usize).filter(|model| (n * 7 + model * 3) % 5 > 0) {
                let chance = (n * 2_654_435_761 + model * 40_503) % 97;
                let score = if chance < 20 + 9 * model { 1.0 } else { 0.25 * (n % 2) as f64 };
                rows += &format!(
                    "{{\"id\":{n},\"text\":\"t\",\"source\":\"{source}\",\"model\":\"m{model}\",\"score\":{score},\"n\":{}}}\n",
                    1 + n % 2
                );
            }
        }
        let outcomes = Outcomes::from_reader(rows.as_bytes(), "rows").expect("readable");
        Matrix::new(&outcomes, &Aliases::default(), &BTreeSet::new())
    }

    #[test]
    fn gradient_and_information_are_derivatives_of_the_objective() {
        let (matrix, trials) = (matrix(), TrialWeight(0.3));
        let parameters = Parameters::start(&matrix);
        let at = |vector: &[f64]| {
            let parameters = parameters.with_vector(vector);
            let posteriors = posteriors(&matrix, &parameters, trials);
            let likelihood: f64 =
                posteriors.iter().flat_map(|block| &block.items).map(|item| item.log_likelihood).sum();
            let information = Information::new(&matrix, &parameters, &posteriors);
            (likelihood + parameters.log_prior(&matrix), information)
        };
        let vector = parameters.to_vector();
        let (_, information) = at(&vector);
        let h = 1e-4;
        for place in 0..vector.len() {
            let moved = |by: f64| {
                let mut moved = vector.clone();
                moved[place] += by;
                at(&moved)
            };
            let ((up, up_information), (down, down_information)) = (moved(h), moved(-h));
            let (slope, found) = ((up - down) / (2.0 * h), information.gradient[place]);
            assert!((slope - found).abs() < 0.05 + 0.01 * slope.abs(), "{place}: {slope} {found}");
            for other in 0..=place {
                let curvature =
                    (down_information.gradient[other] - up_information.gradient[other]) / (2.0 * h);
                let found = information.matrix.get(place, other);
                // Three nodes in ln a leave a tenth of the curvature in α open; steps and errors can do with that.
                let scale = information.matrix.get(place, place) * information.matrix.get(other, other);
                let near = (curvature - found).abs() < 0.1 + 0.15 * scale.sqrt();
                assert!(near, "{place}, {other}: {curvature} {found}");
            }
        }
    }

    #[test]
    fn moving_everything_together_changes_nothing_but_the_prior() {
        let matrix = matrix();
        let parameters = Parameters::start(&matrix);
        for block in posteriors(&matrix, &parameters, TrialWeight(0.3)) {
            let size = block.information.size();
            for row in 0..size {
                let sum: f64 = (0..size - 1).map(|place| block.information.get(row, place)).sum();
                assert!(sum.abs() < 1e-9, "{row}: {sum}");
            }
        }
    }
}
