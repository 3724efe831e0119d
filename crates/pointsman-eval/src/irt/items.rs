//! All items at given parameters.

use rayon::prelude::*;

use super::linear::Triangle;
use super::matrix::{Block, Matrix};
use super::parameters::Parameters;
use super::quadrature::{Evidence, ItemPosterior, Prior, TrialWeight};

/// The items of one block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BlockPosterior {
    pub(super) items: Vec<ItemPosterior>,
    /// Observed information in the abilities of the block's models and in `μ` and `α`.
    pub(super) information: Triangle,
}

/// The posteriors of all items. They do not depend on the number of threads.
pub(super) fn posteriors(
    matrix: &Matrix,
    parameters: &Parameters,
    trials: TrialWeight,
) -> Vec<BlockPosterior> {
    let blocks: Vec<(&Block, Prior)> = matrix
        .blocks
        .iter()
        .zip(&parameters.blocks)
        .map(|(block, own)| (block, Prior { block: *own, spread: parameters.families[block.family].spread }))
        .collect();
    let of_block = |(block, prior): (&Block, Prior)| {
        let mut information = Triangle::new(block.models.len() + 2);
        let mut theta = Vec::new();
        let items = block.rows.iter().map(|row| {
            let models = row.responses.iter().map(|response| block.models[response.model]);
            theta.clear();
            theta.extend(models.map(|model| parameters.theta[model]));
            Evidence { prior, responses: &row.responses, theta: &theta, trials }.posterior(&mut information)
        });
        let items = items.collect();
        balance(&mut information);
        BlockPosterior { items, information }
    };
    blocks.into_par_iter().map(of_block).collect()
}

/// Makes every row of the information sum up to 0 over the abilities and `μ`, as it must: moving all of them together changes
/// nothing. What is in the way is the error of quadrature in the abilities' part. It is small for an item but the same
/// in many, and would outweigh the little that a few linking models tell about the place of a source. The entry of `μ` itself,
/// a posterior variance, is far more exact and stays; the others change in proportion to their part in it.
fn balance(information: &mut Triangle) {
    let (mu, alpha) = (information.size() - 2, information.size() - 1);
    let row: Vec<f64> = (0..mu).map(|model| information.get(model, mu)).collect();
    let total: f64 = row.iter().sum();
    if total >= 0.0 {
        return;
    }
    let shares: Vec<f64> = row.iter().map(|entry| entry / total).collect();
    for fixed in [mu, alpha] {
        let sum: f64 = (0..mu).map(|model| information.get(fixed, model)).sum();
        let excess = sum + information.get(fixed, mu);
        shares.iter().enumerate().for_each(|(model, share)| information.add(fixed, model, -excess * share));
    }
    let excess: Vec<f64> =
        (0..mu).map(|row| (0..=mu).map(|place| information.get(row, place)).sum()).collect();
    let all: f64 = excess.iter().sum();
    for i in 0..mu {
        for j in 0..=i {
            let surplus = excess[i] * shares[j] + shares[i] * excess[j] - all * shares[i] * shares[j];
            information.add(i, j, -surplus);
        }
    }
}

/// Intra-class correlation of several answers of a model to one item, 0 to 1: the `ρ` at which squared residuals of
/// mean scores of `n` answers have their expectation `p (1 − p) (1 + (n − 1) ρ) / n`; 0 where nothing was tried twice.
pub(super) fn trial_correlation(matrix: &Matrix, posteriors: &[BlockPosterior]) -> f64 {
    let (mut surplus, mut repeated) = (0.0, 0.0);
    for (block, items) in matrix.blocks.iter().zip(posteriors) {
        for (row, item) in block.rows.iter().zip(&items.items) {
            let answers = row.responses.iter().zip(&item.expected);
            for (response, p) in answers.filter(|(response, _)| response.trials > 1) {
                let (n, variance) = (f64::from(response.trials), p * (1.0 - p));
                surplus += (response.score - p).powi(2) - variance / n;
                repeated += variance * (n - 1.0) / n;
            }
        }
    }
    if repeated > 0.0 { (surplus / repeated).clamp(0.0, 1.0) } else { 0.0 }
}
