//! Outcomes in the formats that others publish, for evaluation only.
//!
//! Each becomes [`Outcomes`], so that everything else works on one form. Files may be gzipped.

mod routellm;
mod routerarena;
mod routerbench;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use pointsman_domain::nearest;
use serde_json::{Map, Value};

use crate::outcomes::{self, Item, Outcome, Outcomes};

/// How the outcomes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Known by its columns, file by file.
    #[default]
    Auto,
    /// JSON lines as [`outcomes::read`] takes them.
    Pointsman,
    /// The answers in `routellm/evals` of lm-sys/RouteLLM: CSV of `prompt` and a column of `True` or `False` for each
    /// model (MMLU, GSM8K), or MT-Bench's `question.jsonl` with `judgements.jsonl`. Prompts of a
    /// `contaminated_prompts.jsonl` among the files are left out, as its authors do.
    RouteLlm,
    /// The table of withmartian/routerbench as CSV or JSON lines: `sample_id`, `prompt`, `eval_name`, and for each model
    /// its score and `MODEL|total_cost`.
    RouterBench,
    /// Prediction files of RouteWorks/RouterArena after evaluation: a JSON list of `global index`, `prompt`,
    /// `prediction` (the model), `accuracy` and `cost`; files of several models are joined.
    RouterArena,
}

impl Format {
    const ALL: [Self; 5] =
        [Self::Auto, Self::Pointsman, Self::RouteLlm, Self::RouterBench, Self::RouterArena];

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pointsman => "pointsman",
            Self::RouteLlm => "routellm",
            Self::RouterBench => "routerbench",
            Self::RouterArena => "routerarena",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let meant =
                nearest(name, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            format!("`{name}` is no format of outcomes: use {}{meant}", names.join(", "))
        })
    }
}

/// A file of outcomes that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// It cannot be read.
    #[error("{}: cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what its format says, or of no known format.
    #[error("{}: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A file of our own format cannot be read.
    #[error(transparent)]
    Own(#[from] outcomes::ReadError),
}

/// Reads files of outcomes, in order.
///
/// # Errors
/// When a file cannot be read to its end, or is not of the format. Rows of our own format that cannot be used are in
/// [`Outcomes::skipped`].
pub fn read<P: AsRef<Path>>(paths: &[P], format: Format) -> Result<Outcomes, PublishedError> {
    let mut found = Outcomes::default();
    let (mut own, mut mt_bench) = (Vec::new(), routellm::MtBench::default());
    let mut arena = routerarena::Arena::default();
    let mut left_out = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let bytes = unpacked(path).map_err(|source| PublishedError::Io { path: path.to_owned(), source })?;
        let wrong = |message: String| PublishedError::Format { path: path.to_owned(), message };
        let shape = Shape::of(&bytes).map_err(wrong)?;
        if !shape.fits(format) {
            let message = format!("this is {}, not --format {}", shape.describe(), format.as_str());
            return Err(wrong(message));
        }
        let source = stem(path);
        match shape {
            Shape::Own => own.push(path.to_owned()),
            Shape::RouteLlmTable => found.items.extend(routellm::table(&bytes, source).map_err(wrong)?),
            Shape::MtBenchQuestions => mt_bench.questions(&bytes, source).map_err(wrong)?,
            Shape::MtBenchJudgements => mt_bench.judgements(&bytes).map_err(wrong)?,
            Shape::Contaminated => left_out.extend(routellm::contaminated(&bytes).map_err(wrong)?),
            Shape::RouterBenchTable => found.items.extend(routerbench::table(&bytes).map_err(wrong)?),
            Shape::RouterBenchRows => found.items.extend(routerbench::rows(&bytes).map_err(wrong)?),
            Shape::RouterArena => arena.add(&bytes).map_err(wrong)?,
        }
    }
    found.items.extend(mt_bench.finish());
    found.items.extend(arena.finish());
    found.items.retain(|item| !left_out.iter().any(|prompt| prompt == item.prompt.subject()));
    if !own.is_empty() {
        let mut read = outcomes::read(own)?;
        read.items.append(&mut found.items);
        found = read;
    }
    Ok(found)
}

/// What a file holds, as told by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Own,
    RouteLlmTable,
    MtBenchQuestions,
    MtBenchJudgements,
    Contaminated,
    RouterBenchTable,
    RouterBenchRows,
    RouterArena,
}

impl Shape {
    fn of(bytes: &[u8]) -> Result<Self, String> {
        if bytes.first() == Some(&0x80) {
            return Err("this is a Python pickle, which only Python can read; write it as CSV first: \
                        python -c \"import pandas; pandas.read_pickle('FILE.pkl').to_csv('FILE.csv', index=False)\""
                .to_owned());
        }
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => Ok(Self::RouterArena),
            Some(b'{') => Self::of_rows(bytes),
            Some(_) => Self::of_table(bytes),
            None => Ok(Self::Own),
        }
    }

    fn of_rows(bytes: &[u8]) -> Result<Self, String> {
        let first = lines(bytes).next().map_or(Ok(Map::new()), |(line, text)| object(line, text));
        // A first line of ours that is broken is skipped like any other.
        let Ok(row) = first else { return Ok(Self::Own) };
        let has = |key: &str| row.contains_key(key);
        Ok(if has("global index") || has("global_index") {
            Self::RouterArena
        } else if has("eval_prompt") {
            Self::Contaminated
        } else if has("question_id") && has("turns") {
            Self::MtBenchQuestions
        } else if has("question_id") && has("score") {
            Self::MtBenchJudgements
        } else if has("eval_name") && row.keys().any(|key| key.ends_with(routerbench::COST)) {
            Self::RouterBenchRows
        } else {
            Self::Own
        })
    }

    fn of_table(bytes: &[u8]) -> Result<Self, String> {
        let header = csv::Reader::from_reader(bytes).headers().cloned();
        let header = header.map_err(|error| format!("neither JSON nor CSV: {error}"))?;
        let has = |name: &str| header.iter().any(|column| column == name);
        if has("eval_name") && has("prompt") {
            Ok(Self::RouterBenchTable)
        } else if has("prompt") {
            Ok(Self::RouteLlmTable)
        } else {
            Err("no known format: the first line is neither a JSON object or list nor a CSV header with `prompt`".into())
        }
    }

    fn fits(self, format: Format) -> bool {
        match format {
            Format::Auto => true,
            Format::Pointsman => self == Self::Own,
            Format::RouteLlm => matches!(
                self,
                Self::RouteLlmTable | Self::MtBenchQuestions | Self::MtBenchJudgements | Self::Contaminated
            ),
            Format::RouterBench => matches!(self, Self::RouterBenchTable | Self::RouterBenchRows),
            Format::RouterArena => self == Self::RouterArena,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Own => "JSON lines of no published format",
            Self::RouteLlmTable => "a CSV table with `prompt` and without `eval_name`, as RouteLLM's",
            Self::MtBenchQuestions | Self::MtBenchJudgements => "a part of RouteLLM's MT-Bench",
            Self::Contaminated => "RouteLLM's list of contaminated prompts",
            Self::RouterBenchTable | Self::RouterBenchRows => "a table with `eval_name`, as RouterBench's",
            Self::RouterArena => "a list of predictions, as RouterArena's",
        }
    }
}

fn unpacked(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
        return Ok(plain);
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes))
}

/// The file's name up to its first dot.
fn stem(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("-");
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

/// Lines that are not blank, with their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let numbered = bytes.split(|byte| *byte == b'\n').enumerate();
    numbered.map(|(i, line)| (i + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty())
}

fn object(line: usize, text: &[u8]) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(text).map_err(|error| format!("line {line} is not a JSON object: {error}"))
}

/// A quality as tables write it: a number from 0 to 1, or `True` or `False`.
fn quality(text: &str) -> Option<f64> {
    match text.trim() {
        "True" | "true" => Some(1.0),
        "False" | "false" => Some(0.0),
        number => number.parse().ok().filter(|quality| (0.0..=1.0).contains(quality)),
    }
}

/// As [`quality`], of a JSON value.
fn quality_of(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(correct) => Some(f64::from(u8::from(*correct))),
        Value::String(text) => quality(text),
        number => number.as_f64().filter(|quality| (0.0..=1.0).contains(quality)),
    }
}

fn outcome(score: f64, cost: Option<f64>) -> Outcome {
    Outcome { score, trials: 1, cost: cost.filter(|cost| *cost >= 0.0) }
}

/// An item; none without outcomes.
fn item(
    id: String,
    source: String,
    task: Option<String>,
    text: &str,
    outcomes: BTreeMap<Arc<str>, Outcome>,
) -> Option<Item> {
    let prompt = pointsman_domain::Prompt::from_text(text);
    (!outcomes.is_empty()).then_some(Item { id, source, task, prompt, outcomes })
}

#[cfg(test)]
mod tests;
