//! One row: JSON to an [`Item`] of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Item, Outcome};
use crate::dataset::row::{Fault, bad, object, prompt, read_id, string};
use crate::dataset::{RowError, RowErrorKind};

pub(super) fn parse(bytes: &[u8], line: usize, default_source: &str) -> Result<Item, RowError> {
    let mut id = None;
    item(bytes, line, default_source, &mut id).map_err(|(kind, message)| RowError { line, id, kind, message })
}

fn item(bytes: &[u8], line: usize, default_source: &str, id: &mut Option<String>) -> Result<Item, Fault> {
    let row = object(bytes)?;
    *id = read_id(&row)?;
    Ok(Item {
        id: id.clone().unwrap_or_else(|| format!("line-{line}")),
        source: string(&row, "source")?.unwrap_or(default_source).to_owned(),
        task: string(&row, "task")?.map(str::to_owned),
        prompt: prompt(&row)?,
        outcomes: match row.get("models") {
            None | Some(Value::Null) => one_model(&row)?,
            Some(Value::Object(models)) => many_models(models)?,
            Some(_) => return Err(bad("models", "an object of outcomes by model name")),
        },
    })
}

fn no_outcome() -> Fault {
    let message = "a row needs outcomes: `models`, or `model` with `correct` or `score`";
    (RowErrorKind::NoOutcome, message.to_owned())
}

fn one_model(row: &Map<String, Value>) -> Result<BTreeMap<Arc<str>, Outcome>, Fault> {
    let name = string(row, "model")?.ok_or_else(no_outcome)?;
    let outcome = outcome(row)?.ok_or_else(no_outcome)?;
    Ok(BTreeMap::from([(name.into(), outcome)]))
}

/// A model whose value, or whose outcome in it, is `null` was not run.
fn many_models(models: &Map<String, Value>) -> Result<BTreeMap<Arc<str>, Outcome>, Fault> {
    let mut outcomes = BTreeMap::new();
    for (name, value) in models {
        let found = match value {
            Value::Null => None,
            Value::Object(fields) => outcome(fields)
                .map_err(|(kind, message)| (kind, format!("`models` of `{name}`: {message}")))?,
            _ => return Err(bad(&format!("models.{name}"), "an object with `correct` or `score`")),
        };
        if let Some(found) = found {
            outcomes.insert(name.as_str().into(), found);
        }
    }
    if outcomes.is_empty() { Err(no_outcome()) } else { Ok(outcomes) }
}

fn outcome(fields: &Map<String, Value>) -> Result<Option<Outcome>, Fault> {
    let score = match (present(fields, "score"), present(fields, "correct")) {
        (Some(score), _) => score.as_f64().filter(|score| (0.0..=1.0).contains(score)).ok_or_else(|| {
            bad("score", "a number from 0 to 1: divide by the highest score that can be had")
        })?,
        (None, Some(Value::Bool(correct))) => f64::from(u8::from(*correct)),
        (None, Some(correct)) => correct
            .as_f64()
            .filter(|correct| *correct == 0.0 || *correct == 1.0)
            .ok_or_else(|| bad("correct", "true or false; shares go to `score`"))?,
        (None, None) => return Ok(None),
    };
    let trials = match present(fields, "n") {
        None => 1,
        Some(n) => n
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n > 0)
            .ok_or_else(|| bad("n", "the number of answers that the score is the mean of, from 1"))?,
    };
    let cost = present(fields, "cost")
        .map(|cost| cost.as_f64().filter(|cost| *cost >= 0.0).ok_or_else(|| bad("cost", "dollars, from 0")))
        .transpose()?;
    Ok(Some(Outcome { score, trials, cost }))
}

fn present<'f>(fields: &'f Map<String, Value>, key: &str) -> Option<&'f Value> {
    fields.get(key).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_is_wanted() {
        let cases = [
            (
                r#"[1]"#,
                "malformed_json: not a JSON object: invalid type: sequence, expected a map at column 0",
            ),
            (r#"{"model":"m","correct":true}"#, "no_prompt: a row needs `text` or `messages`"),
            (
                r#"{"text":"t"}"#,
                "no_outcome: a row needs outcomes: `models`, or `model` with `correct` or `score`",
            ),
            (
                r#"{"text":"t","models":{"m":null,"n":{}}}"#,
                "no_outcome: a row needs outcomes: `models`, or `model` with `correct` or `score`",
            ),
            (
                r#"{"text":"t","models":[]}"#,
                "bad_value: `models` must be an object of outcomes by model name",
            ),
            (
                r#"{"text":"t","models":{"m":1}}"#,
                "bad_value: `models.m` must be an object with `correct` or `score`",
            ),
            (
                r#"{"text":"t","models":{"m":{"score":70}}}"#,
                "bad_value: `models` of `m`: `score` must be a number from 0 to 1: divide by the highest score that can be had",
            ),
            (
                r#"{"text":"t","model":"m","correct":0.5}"#,
                "bad_value: `correct` must be true or false; shares go to `score`",
            ),
            (
                r#"{"text":"t","model":"m","score":1,"n":0}"#,
                "bad_value: `n` must be the number of answers that the score is the mean of, from 1",
            ),
            (r#"{"text":"t","model":"m","score":1,"cost":-1}"#, "bad_value: `cost` must be dollars, from 0"),
            (r#"{"text":"t","model":7,"score":1}"#, "bad_value: `model` must be a string"),
        ];
        for (row, expected) in cases {
            let error = parse(row.as_bytes(), 3, "s").expect_err(expected);
            assert_eq!(format!("{}: {}", error.kind, error.message), expected);
            assert_eq!(error.line, 3);
        }
    }
}
