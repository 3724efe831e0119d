//! The highest point of the log posterior by Newton's steps with the observed information.

use serde::{Deserialize, Serialize};

use super::information::Information;
use super::items::{BlockPosterior, posteriors};
use super::linear::dot;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::quadrature::TrialWeight;

/// Most Newton steps.
const MOST_STEPS: usize = 60;
/// The fit has converged when a step promises no more than this, in units of log likelihood.
pub(super) const TOLERANCE: f64 = 0.05;
/// The same for a fit that is only to say what the next one leaves out.
pub(super) const ROUGH: f64 = 1.0;
/// The longest step in any parameter.
const LONGEST_STEP: f64 = 1.0;
/// Share of what a step promises that it must bring.
const LEAST_GAIN: f64 = 1e-3;
/// Factor of the ridge after a success, and after a failure.
const RIDGE_DOWN: f64 = 1.0 / 32.0;
const RIDGE_UP: f64 = 8.0;
/// The ridge of the first step, of the last before the fit is given up, and below which there is none.
const FIRST_RIDGE: f64 = 1e-4;
const LARGEST_RIDGE: f64 = 1e6;
const LEAST_RIDGE: f64 = 1e-9;

/// How a fit came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Whether a further step promises less than 0.05 of log likelihood: parameters are within a few hundredths of
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
    information: Information,
    objective: f64,
    /// What Newton's step from here promises.
    gain: f64,
}

/// Climbs from `start` until a step promises less than `tolerance`.
pub(super) fn maximum(matrix: &Matrix, trials: TrialWeight, start: Parameters, tolerance: f64) -> Solution {
    let mut passes = 0;
    let mut evaluate = |parameters: Parameters| {
        passes += 1;
        Point::new(matrix, trials, parameters)
    };
    let mut point = evaluate(start);
    let mut ridge = FIRST_RIDGE;
    for _ in 0..MOST_STEPS {
        if point.gain < tolerance {
            break;
        }
        match climb(&point, &mut ridge, &mut evaluate) {
            Some(next) => point = next,
            None => break,
        }
    }
    point.finish(passes)
}

/// The first point that is better, the ridge being lowered after each success and raised until there is one.
fn climb(from: &Point, ridge: &mut f64, evaluate: &mut impl FnMut(Parameters) -> Point) -> Option<Point> {
    let vector = from.parameters.to_vector();
    while *ridge < LARGEST_RIDGE {
        if let Some(step) = from.information.step(*ridge) {
            let longest = step.iter().fold(LONGEST_STEP, |longest: f64, step| longest.max(step.abs()));
            let length = LONGEST_STEP / longest;
            let ahead: Vec<f64> =
                vector.iter().zip(&step).map(|(value, step)| value + length * step).collect();
            let point = evaluate(from.parameters.with_vector(&ahead));
            if point.is_better_than(from, length * dot(&step, &from.information.gradient)) {
                *ridge = if *ridge > LEAST_RIDGE { *ridge * RIDGE_DOWN } else { 0.0 };
                return Some(point);
            }
        }
        *ridge = (RIDGE_UP * *ridge).max(LEAST_RIDGE);
    }
    None
}

impl Point {
    fn new(matrix: &Matrix, trials: TrialWeight, parameters: Parameters) -> Self {
        let posteriors = posteriors(matrix, &parameters, trials);
        let items = posteriors.iter().flat_map(|block| &block.items);
        let likelihood: f64 = items.map(|item| item.log_likelihood).sum();
        let information = Information::new(matrix, &parameters, &posteriors);
        let objective = parameters.log_prior(matrix) + likelihood;
        Self { objective, gain: information.gain(), information, posteriors, parameters }
    }

    /// Whether this is higher than `other` by enough of what the slope `promised`. Close to the highest point, where
    /// errors of quadrature are as large as what is left to gain, half of what a step promises is as good.
    fn is_better_than(&self, other: &Self, promised: f64) -> bool {
        self.objective >= other.objective + LEAST_GAIN * promised || self.gain < 0.5 * other.gain.min(1.0)
    }

    fn finish(self, passes: usize) -> Solution {
        let Self { parameters, posteriors, information, objective, gain } = self;
        let gradient = information.gradient.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
        let convergence = Convergence { converged: gain < TOLERANCE, passes, objective, gain, gradient };
        Solution { parameters, posteriors, information, convergence }
    }
}
