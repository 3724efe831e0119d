//! How good the heads are on a side of the split.

use pointsman_domain::{Ability, Difficulty};

use crate::calibrate;
use crate::corpus::Example;

/// What the heads say of one example.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    /// One logit per label.
    pub(crate) task: Vec<f32>,
    /// The ability `b` that the prompt needs.
    pub(crate) ability: f32,
}

/// Scores of a set of examples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// Examples with a task.
    pub tasks: usize,
    /// Share whose most probable label is the label or another accepted one.
    pub accuracy: f64,
    /// Unweighted mean of the labels' F1, of labels that occur.
    pub macro_f1: f64,
    /// Examples with a measured difficulty.
    pub outcomes: usize,
    /// Spearman correlation of predicted and measured failing share, averaged over sources by their size.
    pub spearman: f64,
}

/// How far the outputs of quantised weights are from those of the weights as they were fitted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rounding {
    /// Prompts compared.
    pub rows: usize,
    /// Median over the prompts of the largest error of a task logit.
    pub median: f32,
    /// Largest error of a task logit.
    pub max: f32,
    /// Prompts whose most probable label is another.
    pub flips: usize,
}

impl Rounding {
    /// Compares outputs for the same prompts.
    pub(crate) fn between(exact: &[Output], quantised: &[Output]) -> Self {
        let largest = |(a, b): (&Output, &Output)| {
            a.task.iter().zip(&b.task).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let mut errors: Vec<f32> = exact.iter().zip(quantised).map(largest).collect();
        errors.sort_by(f32::total_cmp);
        let flips = exact.iter().zip(quantised).filter(|(a, b)| argmax(&a.task) != argmax(&b.task)).count();
        Self {
            rows: errors.len(),
            median: errors.get(errors.len() / 2).copied().unwrap_or_default(),
            max: errors.last().copied().unwrap_or_default(),
            flips,
        }
    }
}

/// Compares outputs with targets.
pub(crate) fn score(examples: &[&Example], outputs: &[Output]) -> Scores {
    let pairs: Vec<(usize, usize, bool)> = examples
        .iter()
        .zip(outputs)
        .filter_map(|(example, output)| {
            let task = example.task.as_ref()?;
            let best = argmax(&output.task);
            Some((best, task.label, best == task.label || task.also.contains(&best)))
        })
        .collect();
    let (outcomes, spearman) = by_source(examples, outputs);
    Scores {
        tasks: pairs.len(),
        accuracy: ratio(pairs.iter().filter(|(.., accepted)| *accepted).count(), pairs.len()),
        macro_f1: macro_f1(&pairs),
        outcomes,
        spearman,
    }
}

fn macro_f1(pairs: &[(usize, usize, bool)]) -> f64 {
    let labels: std::collections::BTreeSet<usize> = pairs.iter().map(|(_, label, _)| *label).collect();
    let f1 = |label: usize| {
        let hits = pairs.iter().filter(|(best, truth, _)| *best == label && *truth == label).count();
        let said = pairs.iter().filter(|(best, ..)| *best == label).count();
        let due = pairs.iter().filter(|(_, truth, _)| *truth == label).count();
        ratio(2 * hits, said + due)
    };
    ratio_of(labels.iter().map(|label| f1(*label)).sum(), labels.len())
}

fn by_source(examples: &[&Example], outputs: &[Output]) -> (usize, f64) {
    let mut sources: std::collections::BTreeMap<&str, (Vec<f64>, Vec<f64>)> =
        std::collections::BTreeMap::new();
    for (example, output) in examples.iter().zip(outputs) {
        if let Some(difficulty) = example.difficulty.filter(|difficulty| difficulty.measured) {
            let (predicted, measured) = sources.entry(example.source.as_str()).or_default();
            predicted.push(Difficulty::from_ability(Ability(output.ability)).value().into());
            measured.push(difficulty.share.into());
        }
    }
    let count = sources.values().map(|(predicted, _)| predicted.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let sum = sources.values().map(|(p, m)| calibrate::spearman(p, m) * p.len() as f64).sum();
    (count, ratio_of(sum, count))
}

pub(crate) fn argmax(values: &[f32]) -> usize {
    (0..values.len()).max_by(|i, j| values[*i].total_cmp(&values[*j])).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    ratio_of(part as f64, whole)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn ratio_of(sum: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Prompt;

    use super::*;
    use crate::corpus::{DifficultyTarget, Split, TaskTarget};

    #[test]
    fn scores_are_counted_as_defined() {
        let example = |label, also: &[usize], share| Example {
            id: String::new(),
            source: "s".to_owned(),
            prompt: Prompt::default(),
            task: Some(TaskTarget { label, also: also.to_vec(), weight: 1.0 }),
            difficulty: Some(DifficultyTarget { share, weight: 1.0, measured: true }),
            language: None,
            split: Split::Dev,
        };
        let examples =
            [example(0, &[], 0.1), example(0, &[1], 0.5), example(1, &[], 0.9), example(1, &[], 0.7)];
        let output =
            |best: usize, ability| Output { task: (0..2).map(|i| f32::from(i == best)).collect(), ability };
        let outputs = [output(0, -1.0), output(1, 0.0), output(1, 2.0), output(0, 1.0)];
        let scores = score(&examples.iter().collect::<Vec<_>>(), &outputs);
        assert_eq!((scores.tasks, scores.accuracy, scores.macro_f1), (4, 0.75, 0.5));
        assert_eq!((scores.outcomes, scores.spearman), (4, 1.0));
        assert_eq!(score(&[], &[]), Scores::default());
    }

    #[test]
    fn rounding_is_the_largest_error_of_each_prompt() {
        let output = |task: [f32; 2]| Output { task: task.to_vec(), ability: 0.0 };
        let exact = [output([1.0, 0.0]), output([0.1, 0.0]), output([0.0, 2.0])];
        let quantised = [output([1.0, 0.5]), output([0.0, 0.1]), output([0.25, 2.0])];
        let rounding = Rounding::between(&exact, &quantised);
        assert_eq!((rounding.rows, rounding.median, rounding.max, rounding.flips), (3, 0.25, 0.5, 1));
        assert_eq!(Rounding::between(&[], &[]), Rounding::default());
    }
}
