//! How sharply the outcomes determine the parameters: gradient and observed information of the log posterior.
//!
//! The information of the marginal likelihood is taken as the sum over items of the outer products of their scores
//! (Berndt, Hall, Hall & Hausman 1974; "cross-product" in the item-response literature), to which the priors' part is
//! added. It contains all abilities and the distributions of the items of all blocks, so that the error of an ability
//! contains the error of the place of the items that it was measured with.

use super::linear::Cholesky;
use super::matrix::Matrix;
use super::parameters::{ALPHA_SD, MU_SD, Parameters, SIGMA_PRIOR, SPREAD_PRIOR, THETA_SD};
use super::quadrature::ItemPosterior;
use super::scale::Scale;

/// Gradient and information, in the order of [`Parameters::to_vector`].
pub(super) struct Information {
    pub(super) gradient: Vec<f64>,
    factor: Cholesky,
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

/// Sums in the making.
struct Sums {
    size: usize,
    gradient: Vec<f64>,
    /// Lower triangle, row-major.
    information: Vec<f64>,
}

impl Sums {
    fn add(&mut self, i: usize, j: usize, value: f64) {
        self.information[i.max(j) * self.size + i.min(j)] += value;
    }

    /// The score of one item.
    fn add_score(&mut self, score: &[(usize, f64)]) {
        for (n, (i, a)) in score.iter().enumerate() {
            self.gradient[*i] += a;
            for (j, b) in &score[..=n] {
                self.add(*i, *j, a * b);
            }
        }
    }

    /// `x ~ N(centre, sd²)`, where `centre` is a parameter, too, if it has a place.
    fn add_normal(&mut self, (place, x): (usize, f64), (centre, at): (Option<usize>, f64), sd: f64) {
        let precision = sd.powi(-2);
        self.gradient[place] -= precision * (x - at);
        self.add(place, place, precision);
        if let Some(centre) = centre {
            self.gradient[centre] += precision * (x - at);
            self.add(centre, centre, precision);
            self.add(place, centre, -precision);
        }
    }

    /// A variance given by the logarithm of its root, of which `seen` values around `prior` were seen before.
    fn add_variance(&mut self, place: usize, sd: f64, (seen, prior): (f64, f64)) {
        let ratio = prior / (sd * sd);
        self.gradient[place] += seen * (ratio - 1.0);
        self.add(place, place, 2.0 * seen * ratio);
    }
}

impl Information {
    pub(super) fn new(matrix: &Matrix, parameters: &Parameters, posteriors: &[Vec<ItemPosterior>]) -> Self {
        let layout = Layout::new(matrix);
        let size = layout.size;
        let mut sums = Sums { size, gradient: vec![0.0; size], information: vec![0.0; size * size] };
        add_items(&mut sums, layout, matrix, posteriors);
        add_priors(&mut sums, layout, matrix, parameters);
        Self { gradient: sums.gradient, factor: Cholesky::new(sums.information, size) }
    }

    /// The inverse of the information times `g`.
    pub(super) fn solve(&self, g: &[f64]) -> Vec<f64> {
        self.factor.solve(g)
    }

    /// Standard errors of the abilities in the unit of the fit, the pools' means and spreads being fixed.
    pub(super) fn theta_errors(&self, parameters: &Parameters, scale: &Scale) -> Vec<f64> {
        let mut standard = parameters.clone();
        let sds = standard.standardise(scale);
        let error = |model: usize| {
            let component = scale.component_of_model[model];
            let mut gradient = vec![0.0; self.gradient.len()];
            gradient[model] = 1.0;
            let pool = &scale.pools[component];
            let share = 1.0 / pool.len() as f64;
            // Of (θ − m) / s with the mean and standard deviation of the pool.
            for other in pool.iter().filter(|_| pool.len() > 1) {
                gradient[*other] -= share * (1.0 + standard.theta[model] * standard.theta[*other]);
            }
            self.factor.variance(gradient).sqrt() / sds[component]
        };
        (0..parameters.theta.len()).map(error).collect()
    }

    /// Standard errors of the blocks' `α`.
    pub(super) fn alpha_errors(&self, matrix: &Matrix) -> Vec<f64> {
        let layout = Layout::new(matrix);
        let error = |block: usize| {
            let mut gradient = vec![0.0; layout.size];
            gradient[layout.block(block) + 2] = 1.0;
            self.factor.variance(gradient).sqrt()
        };
        (0..matrix.blocks.len()).map(error).collect()
    }
}

fn add_items(sums: &mut Sums, layout: Layout, matrix: &Matrix, posteriors: &[Vec<ItemPosterior>]) {
    let mut score = Vec::new();
    for (index, (block, items)) in matrix.blocks.iter().zip(posteriors).enumerate() {
        let own = layout.block(index);
        let places = [own, own + 1, own + 2, layout.family(block.family) + 2];
        for (row, item) in block.rows.iter().zip(items) {
            let models = row.responses.iter().map(|response| block.models[response.model]);
            score.clear();
            score.extend(models.zip(item.theta_score.iter().copied()));
            score.extend(places.into_iter().zip(item.block_score));
            sums.add_score(&score);
        }
    }
}

fn add_priors(sums: &mut Sums, layout: Layout, matrix: &Matrix, parameters: &Parameters) {
    for (place, theta) in parameters.theta.iter().enumerate() {
        sums.add_normal((place, *theta), (None, 0.0), THETA_SD);
    }
    for (index, (block, data)) in parameters.blocks.iter().zip(&matrix.blocks).enumerate() {
        let (place, centre) = (layout.block(index), layout.family(data.family));
        let family = &parameters.families[data.family];
        sums.add_normal((place, block.mu), (Some(centre), family.mu), MU_SD);
        sums.add_variance(place + 1, block.sigma, SIGMA_PRIOR);
        sums.add_normal((place + 2, block.alpha), (Some(centre + 1), family.alpha), ALPHA_SD);
    }
    for (index, family) in parameters.families.iter().enumerate() {
        let place = layout.family(index);
        sums.add_normal((place + 1, family.alpha), (None, 0.0), ALPHA_SD);
        sums.add_variance(place + 2, family.spread, SPREAD_PRIOR);
    }
}
