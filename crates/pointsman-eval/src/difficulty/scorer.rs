//! Ways to tell difficulty: the classifier and the controls.

use pointsman_domain::{Ability, Difficulty};

use super::{Fitted, Rated};
use crate::linear::folds;
use crate::routing::controls::{group_means, ranks};
use crate::routing::{LENGTH, QUESTION, Role};

/// A way to tell difficulty.
pub(super) struct Scorer {
    pub(super) name: &'static str,
    pub(super) note: &'static str,
    pub(super) role: Role,
    /// What orders prompts.
    pub(super) order: Vec<f64>,
    /// The share of models that is expected to fail.
    pub(super) share: Vec<f64>,
}

/// Parts in cross-fitted means.
const FOLDS: usize = 5;

/// The classifier, heads fitted to these prompts, the length, the words of the question, and the mean of the data's own tasks.
pub(super) fn scorers(prompts: &[Rated<'_>], fitted: &[Fitted], truth: &[f64], seed: u64) -> Vec<Scorer> {
    let predicted: Vec<Ability> = prompts.iter().map(|prompt| prompt.predicted).collect();
    let lengths: Vec<f64> = prompts.iter().map(|prompt| prompt.length).collect();
    let questions: Vec<f64> = prompts.iter().map(|prompt| prompt.question).collect();
    let (means, places) = task_means(prompts, truth, seed);
    let own = by_ability("pointsman", "the predicted difficulty", &predicted);
    let fitted = fitted.iter().map(|head| by_ability(head.name, head.note, &head.abilities));
    let controls = [
        Scorer {
            name: LENGTH,
            note: "the length of the prompt; its shares are the true ones in the order of the lengths",
            role: Role::Control,
            share: in_order_of(&lengths, truth),
            order: lengths,
        },
        Scorer {
            name: QUESTION,
            note: "the words of the question, answers to choose from left out; shares as for the length",
            role: Role::Control,
            share: in_order_of(&questions, truth),
            order: questions,
        },
        Scorer {
            name: "mean by own task",
            note: "the mean of the data's own task, cross-fitted on the outcomes of the rated prompts",
            role: Role::Informed,
            order: places,
            share: means,
        },
    ];
    std::iter::once(own).chain(fitted).chain(controls).collect()
}

fn by_ability(name: &'static str, note: &'static str, abilities: &[Ability]) -> Scorer {
    Scorer {
        name,
        note,
        role: Role::Own,
        order: abilities.iter().map(|ability| f64::from(ability.0)).collect(),
        share: abilities.iter().map(|b| f64::from(Difficulty::from_ability(*b).value())).collect(),
    }
}

/// The values of `truth` handed out in the order of `scores`.
fn in_order_of(scores: &[f64], truth: &[f64]) -> Vec<f64> {
    let mut sorted = truth.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    ranks(scores).iter().map(|rank| sorted[((rank * sorted.len() as f64) as usize).min(last)]).collect()
}

/// For each prompt the mean of its source's task as learnt from four fifths of the others, and that mean's rank within the
/// prompt's own fifth (see [`crate::routing::controls::cross_fitted_means`]).
fn task_means(prompts: &[Rated<'_>], truth: &[f64], seed: u64) -> (Vec<f64>, Vec<f64>) {
    let names: Vec<String> = prompts
        .iter()
        .map(|prompt| format!("{}\n{}", prompt.source, prompt.own_task.unwrap_or_default()))
        .collect();
    let parts = folds(prompts.len(), FOLDS, seed);
    let (mut means, mut places) = (vec![0.0; prompts.len()], vec![0.0; prompts.len()]);
    for part in 0..FOLDS {
        let (own, others): (Vec<usize>, Vec<usize>) = (0..prompts.len()).partition(|row| parts[*row] == part);
        let learnt = others.iter().map(|row| (Some(names[*row].as_str()), truth[*row]));
        let found = group_means(learnt, own.iter().map(|row| Some(names[*row].as_str())));
        for ((row, mean), place) in own.iter().zip(&found).zip(ranks(&found)) {
            means[*row] = *mean;
            places[*row] = place;
        }
    }
    (means, places)
}
