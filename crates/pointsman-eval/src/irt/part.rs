//! The ability of one model on part of its outcomes, the items being known.

use super::items::BlockPosterior;
use super::matrix::Matrix;
use super::quadrature::{TrialWeight, sigmoid};

/// Most Newton steps.
const STEPS: usize = 50;
/// The longest of them.
const LONGEST_STEP: f64 = 1.0;

/// One outcome of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    /// Index of the block.
    pub(super) block: usize,
    pub(super) score: f64,
    /// Chance of success that the fit expects.
    pub(super) expected: f64,
    weight: f64,
    /// `P = σ(slope (θ − b))` is the chance over all that the item may be like: `a / √(1 + π a² s² / 8)` with the
    /// standard deviation `s` of `b` (MacKay 1992, eq. 10).
    slope: f64,
    b: f64,
}

/// The answers of every model, by block.
pub(super) fn answers(
    matrix: &Matrix,
    posteriors: &[BlockPosterior],
    trials: TrialWeight,
) -> Vec<Vec<Answer>> {
    let mut answers = vec![Vec::new(); matrix.models.len()];
    for (index, (block, items)) in matrix.blocks.iter().zip(posteriors).enumerate() {
        for (row, item) in block.rows.iter().zip(&items.items) {
            let (a, variance) = (item.ln_a.0.exp(), item.b.1.powi(2));
            let slope = a / (1.0 + std::f64::consts::PI / 8.0 * a * a * variance).sqrt();
            for (response, expected) in row.responses.iter().zip(&item.expected) {
                answers[block.models[response.model]].push(Answer {
                    block: index,
                    score: response.score,
                    expected: *expected,
                    weight: trials.of(response.trials),
                    slope,
                    b: item.b.0,
                });
            }
        }
    }
    answers
}

/// A normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Normal {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// The most probable ability under `prior`, with the variance that the curvature there gives.
pub(super) fn ability<'a>(answers: &(impl Iterator<Item = &'a Answer> + Clone), prior: Normal) -> Normal {
    let mut theta = prior.mean;
    let mut curvature = 1.0 / prior.variance;
    for _ in 0..STEPS {
        let mut slope = (prior.mean - theta) / prior.variance;
        curvature = 1.0 / prior.variance;
        for answer in answers.clone() {
            let p = sigmoid(answer.slope * (theta - answer.b));
            slope += answer.weight * answer.slope * (answer.score - p);
            curvature += answer.weight * answer.slope.powi(2) * p * (1.0 - p);
        }
        let step = (slope / curvature).clamp(-LONGEST_STEP, LONGEST_STEP);
        theta += step;
        if step.abs() < 1e-9 {
            break;
        }
    }
    Normal { mean: theta, variance: 1.0 / curvature }
}
