//! A whole fit: rounds of solving, broken runs left out, and what is found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Aliases;
use super::fitted::Fit;
use super::items::trial_correlation;
use super::labels::SourceTasks;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::part::{Answer, answers};
use super::quadrature::TrialWeight;
use super::results::results;
use super::runs::{Run, RunId, runs};
use super::scale::Scale;
use super::solve::{ROUGH, Solution, TOLERANCE, maximum};
use crate::outcomes::Outcomes;

/// Most rounds of leaving out broken runs.
const MOST_ROUNDS: usize = 6;
/// Most updates of what the steps uphill leave as it is: spreads of items and the correlation between trials.
const MOST_UPDATES: usize = 20;
/// The same in a fit that is only to say what the next one leaves out.
const ROUGH_UPDATES: usize = 3;
/// Change of a logarithm or a correlation below which these are settled.
const SETTLED: f64 = 0.03;

/// What the fit is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Which names mean the same model.
    pub aliases: Aliases,
    /// Which labels the sources' tasks have.
    pub tasks: SourceTasks,
    /// Runs to leave out from the start.
    pub exclude: BTreeSet<RunId>,
    /// Leave broken runs in; they are reported either way.
    pub keep_broken: bool,
}

/// A run that was left out, and what it looked like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokenRun {
    /// As it was fitted when it was found.
    #[serde(flatten)]
    pub run: Run,
    /// Whether the fit is without it.
    pub excluded: bool,
}

/// Outcomes that nothing can be fitted to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// No outcome is left.
    #[error("there are no outcomes to fit: give files with rows of outcomes, and exclude fewer runs")]
    Empty,
    /// One model alone.
    #[error("all outcomes are of `{model}`: abilities and difficulties need two models or more")]
    OneModel {
        /// The model.
        model: String,
    },
}

/// One solution with everything that the next round asks about.
pub(super) struct Round {
    pub(super) matrix: Matrix,
    pub(super) scale: Scale,
    /// Parameters and information on the scale of the fit, items on the published scale.
    pub(super) solution: Solution,
    /// Abilities on the published scale.
    pub(super) theta: Vec<f64>,
    /// By model.
    pub(super) answers: Vec<Vec<Answer>>,
    pub(super) trials: TrialWeight,
    pub(super) runs: Vec<Run>,
    pub(super) usual_sd: f64,
}

/// Fits the two-parameter logistic model to `outcomes`; the same input gives the same result to the last bit, in
/// whatever order its rows come and however many threads there are.
///
/// # Errors
/// When there are no outcomes, or only one model's.
pub fn fit(outcomes: &Outcomes, options: &Options) -> Result<Fit, FitError> {
    let mut excluded = options.exclude.clone();
    let mut broken: Vec<BrokenRun> = Vec::new();
    let mut passes = 0;
    let mut before = None;
    for _ in 0..MOST_ROUNDS {
        let round = solve(outcomes, options, &excluded, before.as_ref(), (ROUGH_UPDATES, ROUGH))?;
        passes += round.solution.convergence.passes;
        let found = worst_of_each_model(&round.runs);
        let last = found.is_empty() || options.keep_broken;
        broken.extend(found.into_iter().map(|run| BrokenRun { run, excluded: !options.keep_broken }));
        before = Some(round);
        if last {
            break;
        }
        excluded.extend(broken.iter().map(|broken| broken.run.id.clone()));
    }
    let mut round = solve(outcomes, options, &excluded, before.as_ref(), (MOST_UPDATES, TOLERANCE))?;
    round.solution.convergence.passes += passes;
    Ok(results(outcomes, options, &round, broken))
}

/// The broken runs, of each model only the one that is furthest off: without it the others may look different.
fn worst_of_each_model(runs: &[Run]) -> Vec<Run> {
    let mut worst: BTreeMap<&str, &Run> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.is_broken()) {
        let known = worst.entry(&run.id.model).or_insert(run);
        if run.z < known.z {
            *known = run;
        }
    }
    worst.into_values().cloned().collect()
}

/// Solves until spreads and the correlation between trials are settled, too, and fixes the scale.
fn solve(
    outcomes: &Outcomes,
    options: &Options,
    excluded: &BTreeSet<RunId>,
    before: Option<&Round>,
    (updates, tolerance): (usize, f64),
) -> Result<Round, FitError> {
    let matrix = Matrix::new(outcomes, &options.aliases, excluded);
    match &matrix.models[..] {
        [] => return Err(FitError::Empty),
        [model] => return Err(FitError::OneModel { model: model.clone() }),
        _ => {}
    }
    let mut trials = before.map_or(TrialWeight(0.0), |round| round.trials);
    let mut start = match before {
        Some(round) if round.matrix.same_shape(&matrix) => round.solution.parameters.clone(),
        _ => Parameters::start(&matrix),
    };
    let mut passes = 0;
    for _ in 0..updates {
        let mut solution = maximum(&matrix, trials, start, ROUGH);
        passes += solution.convergence.passes;
        let correlation = trial_correlation(&matrix, &solution.posteriors);
        let change = solution.parameters.update_spreads(&matrix, &solution.posteriors);
        let settled = change.max((correlation - trials.0).abs()) < SETTLED;
        trials = TrialWeight(correlation);
        start = solution.parameters;
        if settled {
            break;
        }
    }
    let mut solution = maximum(&matrix, trials, start, tolerance);
    passes += solution.convergence.passes;
    solution.convergence.passes = passes;
    let scale = Scale::new(&matrix, &options.aliases, &solution.parameters.theta);
    scale.rescale(&mut solution.posteriors);
    let theta = scale.theta(&solution.parameters.theta);
    let answers = answers(&matrix, &solution.posteriors, trials);
    let (runs, usual_sd) = runs(&matrix, &theta, &answers);
    Ok(Round { matrix, scale, solution, theta, answers, trials, runs, usual_sd })
}
