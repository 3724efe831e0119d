//! The highest point of the log posterior by Newton's steps with the observed information.

use serde::{Deserialize, Serialize};

use super::information::Information;
use super::items::{BlockPosterior, posteriors};
use super::linear::dot;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::quadrature::TrialWeight;

/// Most Newton steps.
const MOST_STEPS: usize = 100;
/// The fit has converged when a step promises no more than this, in units of log likelihood.
const TOLERANCE: f64 = 1e-3;
/// The longest step in any parameter.
const LONGEST_STEP: f64 = 1.0;
/// Share of what a step promises that it must bring.
const LEAST_GAIN: f64 = 1e-3;
/// How often a step is halved.
const HALVINGS: usize = 6;

/// How a fit came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Whether a further step promises no more than 0.001 of log likelihood: parameters are within a few hundredths of
    /// their standard errors of the solution.
    pub converged: bool,
    /// Passes over the outcomes, all rounds together.
    pub passes: usize,
    /// Log of the marginal likelihood times the priors, up to a constant.
    pub objective: f64,
    /// How much of it a further step promises.
    pub gain: f64,
    /// Its largest slope in any parameter.
    pub gradient: f64,
}

/// Parameters at the highest point of the objective, with what belongs to them.
pub(super) struct Solution {
    pub(super) parameters: Parameters,
    pub(super) posteriors: Vec<BlockPosterior>,
    pub(super) information: Information,
    pub(super) convergence: Convergence,
}

/// One point on the way.
struct Point {
    parameters: Parameters,
    posteriors: Vec<BlockPosterior>,
    objective: f64,
}

/// Solves from `start`.
pub(super) fn solve(matrix: &Matrix, trials: TrialWeight, start: Parameters) -> Solution {
    let mut passes = 0;
    let mut evaluate = |parameters: Parameters| {
        passes += 1;
        Point::new(matrix, trials, parameters)
    };
    let mut point = evaluate(start);
    let mut steps = 0;
    loop {
        let information = Information::new(matrix, &point.parameters, &point.posteriors);
        let step = information.newton_step();
        let gain = 0.5 * dot(&step, &information.gradient);
        steps += 1;
        let unfinished = gain >= TOLERANCE && steps <= MOST_STEPS;
        match unfinished.then(|| climb(&point, &step, gain, &mut evaluate)).flatten() {
            Some(next) => point = next,
            None => return point.finish(information, (passes, gain)),
        }
    }
}

/// The first point along `step`, halved up to [`HALVINGS`] times, that is higher by enough.
fn climb(
    from: &Point,
    step: &[f64],
    gain: f64,
    evaluate: &mut impl FnMut(Parameters) -> Point,
) -> Option<Point> {
    let vector = from.parameters.to_vector();
    let mut length = 1.0;
    for _ in 0..=HALVINGS {
        let ahead: Vec<f64> = vector
            .iter()
            .zip(step)
            .map(|(value, step)| value + (length * step).clamp(-LONGEST_STEP, LONGEST_STEP))
            .collect();
        let point = evaluate(from.parameters.with_vector(&ahead));
        if point.objective >= from.objective + LEAST_GAIN * length * gain {
            return Some(point);
        }
        length /= 2.0;
    }
    None
}

impl Point {
    fn new(matrix: &Matrix, trials: TrialWeight, parameters: Parameters) -> Self {
        let posteriors = posteriors(matrix, &parameters, trials);
        let items = posteriors.iter().flat_map(|block| &block.items);
        let likelihood: f64 = items.map(|item| item.log_likelihood).sum();
        Self { objective: parameters.log_prior(matrix) + likelihood, posteriors, parameters }
    }

    fn finish(self, information: Information, (passes, gain): (usize, f64)) -> Solution {
        let gradient = information.gradient.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
        let Self { parameters, posteriors, objective } = self;
        let convergence = Convergence { converged: gain < TOLERANCE, passes, objective, gain, gradient };
        Solution { parameters, posteriors, information, convergence }
    }
}
