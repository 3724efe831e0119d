//! How good the task labels are: a classifier's answers on a data set, and what follows from them.

mod answer;
mod folds;
mod mistakes;
mod moves;
mod predict;
mod slices;

use std::collections::BTreeMap;

use pointsman_domain::{Labels, Task, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::dataset::Item;
use crate::metrics::{
    Calibration, ClassScore, Confusion, Proportion, RiskCoverage, Scored, bootstrap, wilson,
};

pub use answer::Answer;
pub use folds::{FOLDS, Fold, FoldReport, NVIDIA, OPENROUTER};
pub use mistakes::Mistake;
pub use moves::{Move, Moves};
pub use predict::{Paraphrased, PredictError, predict, predict_paraphrased, predict_perturbed};
pub use slices::Slice;

/// What a report is about and how its figures are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The data set's name, usually its path.
    pub dataset: String,
    /// The classifier's name and version.
    pub classifier: String,
    /// Seed of bootstrap and perturbations.
    pub seed: u64,
}

/// How long classifying took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Wall-clock time of classifying, in seconds.
    pub seconds: f64,
    /// Prompts in each second.
    pub prompts_per_s: f64,
    /// Classifier tokens read in each second.
    pub tokens_per_s: f64,
}

/// Answers that the classifier would rather not have given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Abstention {
    /// How often it abstained.
    pub rate: Proportion,
    /// How often, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// How often it was right where it did not abstain.
    pub accuracy_of_rest: Proportion,
}

/// How often an unimportant change of the prompt changed the label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flips {
    /// The change: the name of a [`Perturbation`](crate::perturb::Perturbation), or `paraphrase`.
    pub perturbation: String,
    /// How many labels it changed, of how many.
    pub rate: Proportion,
    /// How often the label was still, or became, right.
    pub accuracy: Proportion,
}

/// Everything that was found out about a classifier's task labels on a data set.
///
/// A label is right if the item accepts it. For per-class figures the true class of an item is the label it got where
/// that is accepted, else its `task`, else the first label that it accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// What the report is about.
    pub provenance: Provenance,
    /// Items with at least one accepted label; everything below is about these.
    pub rows: usize,
    /// Items without any.
    pub unlabelled: usize,
    /// Rows of the data set that could not be read.
    pub unreadable: usize,
    /// How often an accepted label was given, with a bootstrap interval.
    pub accuracy: Proportion,
    /// How often exactly `task` was given, over the items that have one.
    pub accuracy_single: Proportion,
    /// How often a label of an accepted group was given, over the items whose labels have groups.
    pub accuracy_group: Option<Proportion>,
    /// Mean F1 over the classes that occur.
    pub macro_f1: f64,
    /// Figures for each class, in the vocabulary's order.
    pub classes: Vec<ClassScore>,
    /// True class against predicted class.
    pub confusion: Confusion,
    /// Whether confidences are what they say.
    pub calibration: Calibration,
    /// What abstaining would buy at every threshold.
    pub coverage: RiskCoverage,
    /// What abstaining did buy.
    pub abstention: Abstention,
    /// Accuracy and abstentions by language, the most frequent first.
    pub by_language: Vec<Slice>,
    /// Likewise by source.
    pub by_source: Vec<Slice>,
    /// Likewise by length in classifier tokens, shortest first.
    pub by_length: Vec<Slice>,
    /// The figures in coarser vocabularies of others; empty for labels that have no class there.
    #[serde(default)]
    pub folds: Vec<FoldReport>,
    /// Label flips under perturbation; empty if none was tried.
    pub flips: Vec<Flips>,
    /// How long classifying took, if it was measured.
    pub throughput: Option<Throughput>,
    /// The mistakes that the classifier was surest of.
    pub mistakes: Vec<Mistake>,
}

/// How many bootstrap draws an interval takes.
const RESAMPLES: usize = 2_000;

impl TaskReport {
    /// Works out every figure from `labels`, one for each of `items` in the same order.
    #[must_use]
    pub fn new(provenance: Provenance, vocabulary: &Vocabulary, items: &[Item], labels: &[Labels]) -> Self {
        let answers = Answer::pair(items, labels);
        let outcomes: Vec<bool> = answers.iter().map(Answer::correct).collect();
        let scored: Vec<Scored> = answers.iter().map(scored).collect();
        let pairs = answers.iter().filter_map(|answer| Some((answer.truth()?, &answer.labels.task)));
        let confusion = Confusion::new(classes(vocabulary, &answers), pairs);
        let single =
            answers.iter().filter_map(|answer| Some(answer.item.task.as_ref()? == &answer.labels.task));
        Self {
            rows: answers.len(),
            unlabelled: items.iter().filter(|item| item.accepted.is_empty()).count(),
            unreadable: 0,
            accuracy: bootstrap(&outcomes, RESAMPLES, provenance.seed),
            accuracy_single: wilson(single),
            accuracy_group: group_accuracy(vocabulary, &answers),
            macro_f1: confusion.macro_f1(),
            classes: confusion.classes(),
            calibration: Calibration::new(&scored),
            coverage: RiskCoverage::new(&scored),
            abstention: Abstention::new(&answers),
            by_language: slices::by(&answers, |answer| answer.item.language.clone()),
            by_source: slices::by(&answers, |answer| answer.item.source.clone()),
            by_length: slices::by_length(&answers),
            folds: FOLDS.iter().filter_map(|fold| FoldReport::new(fold, &answers)).collect(),
            flips: Vec::new(),
            throughput: None,
            mistakes: mistakes::surest(&answers),
            confusion,
            provenance,
        }
    }

    /// Adds how many rows of the data set could not be read.
    #[must_use]
    pub fn with_unreadable(mut self, rows: usize) -> Self {
        self.unreadable = rows;
        self
    }

    /// Adds how long classifying `labels` took.
    #[must_use]
    pub fn with_time(mut self, labels: &[Labels], seconds: f64) -> Self {
        let rate = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let tokens: f64 = labels.iter().map(|labels| f64::from(labels.tokens_seen.0)).sum();
        let (prompts_per_s, tokens_per_s) = (rate(labels.len() as f64), rate(tokens));
        self.throughput = Some(Throughput { seconds, prompts_per_s, tokens_per_s });
        self
    }

    /// Adds what became of the labels `before` of `items` under the change called `perturbation`.
    #[must_use]
    pub fn with_flips(
        mut self,
        perturbation: &str,
        items: &[Item],
        before: &[Labels],
        after: &[Labels],
    ) -> Self {
        let flipped = before.iter().zip(after).map(|(before, after)| before.task != after.task);
        let accuracy = wilson(Answer::pair(items, after).iter().map(Answer::correct));
        let perturbation = perturbation.to_owned();
        self.flips.push(Flips { perturbation, rate: wilson(flipped), accuracy });
        self
    }

    /// Adds the beginning of each mistaken prompt. Without this a report holds no text of the data set.
    #[must_use]
    pub fn with_excerpts(mut self, items: &[Item]) -> Self {
        for mistake in &mut self.mistakes {
            let item = items.iter().find(|item| item.line == mistake.line);
            mistake.excerpt = item.map(|item| mistakes::excerpt(item.prompt.subject()));
        }
        self
    }
}

/// The vocabulary, then true classes that it lacks, by name.
fn classes(vocabulary: &Vocabulary, answers: &[Answer<'_>]) -> Vec<Task> {
    let mut classes: Vec<Task> = vocabulary.tasks().cloned().collect();
    let mut others: Vec<&Task> = answers.iter().filter_map(Answer::truth).collect();
    others.sort();
    for other in others {
        if !classes.contains(other) {
            classes.push(other.clone());
        }
    }
    classes
}

fn scored(answer: &Answer<'_>) -> Scored {
    Scored { confidence: f64::from(answer.labels.task_confidence), correct: answer.correct() }
}

fn group_accuracy(vocabulary: &Vocabulary, answers: &[Answer<'_>]) -> Option<Proportion> {
    let outcome = |answer: &Answer<'_>| {
        let mut accepted =
            answer.item.accepted.iter().filter_map(|task| vocabulary.group_of(task)).peekable();
        accepted.peek()?;
        let given = vocabulary.group_of(&answer.labels.task);
        Some(accepted.any(|group| Some(group) == given))
    };
    let outcomes: Vec<bool> = answers.iter().filter_map(outcome).collect();
    (!outcomes.is_empty()).then(|| wilson(outcomes))
}

impl Abstention {
    fn new(answers: &[Answer<'_>]) -> Self {
        let mut reasons = BTreeMap::new();
        for reason in answers.iter().filter_map(|answer| answer.labels.abstained) {
            *reasons.entry(reason.as_str().to_owned()).or_insert(0) += 1;
        }
        let kept = answers.iter().filter(|answer| answer.labels.abstained.is_none());
        Self {
            rate: wilson(answers.iter().map(|answer| answer.labels.abstained.is_some())),
            reasons,
            accuracy_of_rest: wilson(kept.map(Answer::correct)),
        }
    }
}
