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
        fill_in_location(&mut information);
        BlockPosterior { items, information }
    };
    blocks.into_par_iter().map(of_block).collect()
}

/// Fills in the row of `μ` from that of the abilities and of `α`: moving all abilities and `μ` together changes nothing, so
/// that every row sums up to 0 over them. Errors of quadrature, which many items share, would otherwise outweigh the
/// little that a few linking models tell about the place of a source.
fn fill_in_location(information: &mut Triangle) {
    let (mu, alpha) = (information.size() - 2, information.size() - 1);
    for row in (0..mu).chain([alpha]) {
        let sum: f64 = (0..mu).map(|model| information.get(row, model)).sum();
        information.add(row, mu, -sum);
    }
    let sum: f64 = (0..mu).map(|model| information.get(model, mu)).sum();
    information.add(mu, mu, -sum);
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
