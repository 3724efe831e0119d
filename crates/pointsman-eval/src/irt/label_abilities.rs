//! Abilities by task label and group: what a model can do there, drawn towards what it can do at large.

use std::collections::BTreeMap;

use pointsman_domain::Task;
use rayon::prelude::*;

use super::labels::SourceTasks;
use super::matrix::Matrix;
use super::part::{Answer, Normal, ability};

/// An ability at one label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LabelAbility {
    pub(super) theta: f64,
    pub(super) se: f64,
    pub(super) items: usize,
}

/// By model, then label or group.
pub(super) type LabelAbilities = Vec<BTreeMap<Task, LabelAbility>>;

/// Start of the variance of a model's abilities between labels.
const START_VARIANCE: f64 = 0.25;
/// Rounds in which that variance is estimated.
const ROUNDS: usize = 12;

/// The labels of each block: its label, and its label's group.
pub(super) fn labels_of_blocks(matrix: &Matrix, tasks: &SourceTasks) -> Vec<[Option<Task>; 2]> {
    let of = |task: &str| {
        let label = tasks.label(task).cloned();
        let group = label.as_ref().and_then(|label| tasks.group(label)).cloned();
        [label, group]
    };
    matrix.blocks.iter().map(|block| of(&block.task)).collect()
}

/// Abilities at the labels (`level` 0) or groups (`level` 1) of the blocks, and their standard deviation around the
/// models' abilities at large, by empirical Bayes.
pub(super) fn label_abilities(
    theta: &[f64],
    answers: &[Vec<Answer>],
    labels: &[[Option<Task>; 2]],
    level: usize,
) -> (LabelAbilities, f64) {
    let by_label: Vec<BTreeMap<&Task, Vec<Answer>>> = answers
        .iter()
        .map(|answers| {
            let mut parts: BTreeMap<&Task, Vec<Answer>> = BTreeMap::new();
            for answer in answers {
                if let Some(label) = &labels[answer.block][level] {
                    parts.entry(label).or_default().push(*answer);
                }
            }
            parts
        })
        .collect();
    let mut variance = START_VARIANCE;
    let mut abilities = LabelAbilities::new();
    for _ in 0..ROUNDS {
        let at = |theta: f64, answers: &Vec<Answer>| {
            let found = ability(&answers.iter(), Normal { mean: theta, variance });
            LabelAbility { theta: found.mean, se: found.variance.sqrt(), items: answers.len() }
        };
        abilities = by_label
            .par_iter()
            .zip(theta)
            .map(|(parts, theta)| {
                parts.iter().map(|(label, part)| ((*label).clone(), at(*theta, part))).collect()
            })
            .collect();
        variance = between(theta, &abilities).unwrap_or(variance);
    }
    (abilities, variance.sqrt())
}

/// Mean squared distance from the abilities at large, errors included, over models that have more than one label.
fn between(theta: &[f64], abilities: &LabelAbilities) -> Option<f64> {
    let squares: Vec<f64> = abilities
        .iter()
        .zip(theta)
        .filter(|(labels, _)| labels.len() > 1)
        .flat_map(|(labels, theta)| {
            labels.values().map(move |label| (label.theta - theta).powi(2) + label.se.powi(2))
        })
        .collect();
    (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).max(1e-4))
}
