//! Outcomes: which models answered which prompts, and how well.
//!
//! Two formats of JSON lines, gzipped or not, may be mixed freely:
//!
//! - many models a row: `{"id", "text" | "messages", "source"?, "task"?, "models": {NAME: {"correct" | "score", "n"?,
//!   "cost"?}}}`;
//! - one model a row: `{"id", "text" | "messages", "source"?, "task"?, "model", "correct" | "score", "n"?, "cost"?}`.
//!
//! Rows of the same `source` and `id` are one item. Several outcomes of a model on an item are trials of it.

mod join;
mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pointsman_domain::Prompt;

use crate::dataset::{Lines, RowError};
use join::Join;

/// A prompt with what models made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The row's `id`, unique within its source; rows without one are named `line-N`.
    pub id: String,
    /// Where the prompt comes from, such as `zeroeval/math-l5`; rows that do not say have the name of their file.
    pub source: String,
    /// The source's own name for the kind of prompt, such as `algebra:complex_arithmetic`; no label of ours.
    pub task: Option<String>,
    /// From `messages`, else from `text`.
    pub prompt: Prompt,
    /// By the model's name as written in the file; never empty.
    pub outcomes: BTreeMap<Arc<str>, Outcome>,
}

impl Item {
    /// The source without its part: `zeroeval` of `zeroeval/math-l5`.
    #[must_use]
    pub fn source_family(&self) -> &str {
        source_family(&self.source)
    }

    /// The mean score of the models, each counting once, 0 to 1.
    #[must_use]
    pub fn mean_score(&self) -> f64 {
        self.outcomes.values().map(|outcome| outcome.score).sum::<f64>() / self.outcomes.len().max(1) as f64
    }
}

/// The part of a source's name before the first `/`.
#[must_use]
pub fn source_family(source: &str) -> &str {
    source.split_once('/').map_or(source, |(family, _)| family)
}

/// How one model did on one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Mean over the trials, 0 (all wrong) to 1 (all right); `correct` is 1 or 0.
    pub score: f64,
    /// How many answers the score is the mean of, from 1.
    pub trials: u32,
    /// Mean price of an answer in US dollars.
    pub cost: Option<f64>,
}

impl Outcome {
    /// Both as trials of one model on one item. Score and cost become means over all trials; a cost that one side
    /// lacks is the other's.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let trials = self.trials.saturating_add(other.trials);
        let share = f64::from(other.trials) / f64::from(trials);
        let mean = |own: f64, others: f64| own + (others - own) * share;
        Self {
            score: mean(self.score, other.score).clamp(0.0, 1.0),
            trials,
            cost: match (self.cost, other.cost) {
                (Some(own), Some(others)) => Some(mean(own, others)),
                (own, others) => own.or(others),
            },
        }
    }
}

/// The items of one or more files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// In the order in which their first rows were read.
    pub items: Vec<Item>,
    /// The rows that cannot be used, in order.
    pub skipped: Vec<SkippedRow>,
}

/// A row that cannot be used, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}: {}", .error.line, .error.message)]
pub struct SkippedRow {
    /// The file's name as given.
    pub file: String,
    /// Line, kind and remedy.
    pub error: RowError,
}

/// A file of outcomes that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be read", .path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    source: io::Error,
}

/// Reads files of outcomes, in order; rows that cannot be used are in [`Outcomes::skipped`].
///
/// # Errors
/// When a file cannot be opened or read to its end.
pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Outcomes, ReadError> {
    let mut join = Join::default();
    for path in paths {
        let path = path.as_ref();
        let mut read = || add(&mut join, File::open(path)?, &path.display().to_string(), stem(path));
        read().map_err(|source| ReadError { path: path.to_owned(), source })?;
    }
    Ok(join.finish())
}

impl Outcomes {
    /// Reads one input; `name` stands for the file's name.
    ///
    /// # Errors
    /// When `input` cannot be read to its end.
    pub fn from_reader(input: impl Read, name: &str) -> io::Result<Self> {
        let mut join = Join::default();
        add(&mut join, input, name, stem(Path::new(name)))?;
        Ok(join.finish())
    }

    /// The names of all models, as written, sorted.
    #[must_use]
    pub fn models(&self) -> Vec<&str> {
        let names: BTreeSet<&str> =
            self.items.iter().flat_map(|item| item.outcomes.keys().map(|name| &**name)).collect();
        names.into_iter().collect()
    }
}

fn add(join: &mut Join, input: impl Read, file: &str, default_source: &str) -> io::Result<()> {
    let mut lines = Lines::new(input)?;
    while let Some((line, bytes)) = lines.next_filled()? {
        join.add(file, line, row::parse(bytes, line, default_source));
    }
    Ok(())
}

/// The file's name up to its first dot, so that `a.jsonl` and `a.jsonl.gz` are the same source.
fn stem(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("-");
    match name.split_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = r#"{"id":"1","text":"a","source":"s/x","task":"t:u","models":{"m":{"correct":true,"cost":0.25},"n":{"score":0.5,"n":4}}}
{"id":"1","text":"b","model":"m","correct":false}

{"id":"1","text":"b","model":"n","score":1,"task":"v"}
{"id":"1","text":"b","model":"m","score":1.0,"cost":0.5}
{"id":"2","text":"c"}
{"text":"d","models":{"m":null,"n":{"correct":1}}}
"#;

    fn read_rows(rows: &str) -> Outcomes {
        Outcomes::from_reader(rows.as_bytes(), "dir/mine.v2.jsonl.gz").expect("readable")
    }

    #[test]
    fn both_formats_are_read_and_joined() {
        let outcomes = read_rows(ROWS);
        let seen: Vec<_> = outcomes.items.iter().map(|item| (&*item.source, &*item.id)).collect();
        assert_eq!(seen, [("s/x", "1"), ("mine", "1"), ("mine", "line-7")]);
        let [first, second, third] = &outcomes.items[..] else { panic!("three items") };
        assert_eq!((first.source_family(), second.source_family()), ("s", "mine"));
        assert_eq!(first.outcomes["m"], Outcome { score: 1.0, trials: 1, cost: Some(0.25) });
        assert_eq!(first.outcomes["n"], Outcome { score: 0.5, trials: 4, cost: None });
        assert_eq!((first.mean_score(), first.task.as_deref()), (0.75, Some("t:u")));
        assert_eq!(second.outcomes["m"], Outcome { score: 0.5, trials: 2, cost: Some(0.5) });
        assert_eq!((second.outcomes.len(), second.task.as_deref()), (2, Some("v")));
        assert_eq!(third.outcomes.len(), 1, "a model without a value was not run");
        assert_eq!(outcomes.models(), ["m", "n"]);
        let skipped: Vec<_> = outcomes.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            skipped,
            ["dir/mine.v2.jsonl.gz:6: a row needs outcomes: `models`, or `model` with `correct` or `score`"]
        );
    }

    #[test]
    fn trials_are_weighed_by_their_number() {
        let rounds = [(0.5, 4, Some(2.0)), (1.0, 1, None), (0.0, 5, Some(1.0))];
        let rounds = rounds.map(|(score, trials, cost)| Outcome { score, trials, cost });
        let Outcome { score, trials, cost } = rounds.into_iter().reduce(Outcome::with).expect("three");
        assert!((score - 0.3).abs() < 1e-12, "{score}");
        assert_eq!((trials, cost), (10, Some(1.5)));
    }

    #[test]
    fn files_are_read_in_order_and_a_missing_one_is_named() {
        let folder = std::env::temp_dir().join(format!("pointsman-outcomes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        let path = folder.join("own.jsonl");
        std::fs::write(&path, ROWS).expect("written");
        let once = read([&path]).expect("readable");
        let twice = read([&path, &path]).expect("readable");
        assert_eq!(once.items.len(), 3);
        assert_eq!(twice.items.len(), 3, "the second reading adds trials");
        assert_eq!(twice.items[0].outcomes["n"], Outcome { score: 0.5, trials: 8, cost: None });
        std::fs::remove_dir_all(&folder).expect("removed");
        let error = read([&path]).expect_err("gone");
        assert!(error.to_string().ends_with("own.jsonl: cannot be read"), "{error}");
    }
}
