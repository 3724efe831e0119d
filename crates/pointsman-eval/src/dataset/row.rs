//! One row: JSON to [`Item`].

use std::fmt;

use pointsman_domain::{Prompt, Role, Task, Turn};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Item, Mapping};

/// A row that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: usize,
    /// The row's `id`, if that much could be read.
    pub id: Option<String>,
    /// What sort of fault it is.
    pub kind: RowErrorKind,
    /// What is wrong and what is wanted.
    pub message: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowErrorKind {
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// Text that is not a JSON object.
    MalformedJson,
    /// Neither `text` nor `messages`.
    NoPrompt,
    /// A key whose value is of the wrong type, or a label that is no label name.
    BadValue,
    /// A row of outcomes without any.
    NoOutcome,
    /// A row that contradicts an earlier one of the same `id`.
    Conflict,
}

impl RowErrorKind {
    /// The name as it appears in output rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::MalformedJson => "malformed_json",
            Self::NoPrompt => "no_prompt",
            Self::BadValue => "bad_value",
            Self::NoOutcome => "no_outcome",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for RowErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wrong with a row whose line is known to the caller.
pub(crate) type Fault = (RowErrorKind, String);

pub(super) fn parse(bytes: &[u8], line: usize, mapping: Option<&Mapping>) -> Result<Item, RowError> {
    let mut id = None;
    item(bytes, line, mapping, &mut id).map_err(|(kind, message)| RowError { line, id, kind, message })
}

fn item(
    bytes: &[u8],
    line: usize,
    mapping: Option<&Mapping>,
    id: &mut Option<String>,
) -> Result<Item, Fault> {
    let row = object(bytes)?;
    *id = read_id(&row)?;
    let (task, accepted) = match mapping {
        Some(mapping) => mapped_labels(&row, mapping)?,
        None => own_labels(&row)?,
    };
    let owned = |key| string(&row, key).map(|text| text.map(str::to_owned));
    Ok(Item {
        line,
        id: id.clone().unwrap_or_else(|| format!("line-{line}")),
        prompt: prompt(&row)?,
        task,
        accepted,
        language: owned("language")?,
        source: owned("source")?.or(owned("batch")?).or(mapping.map_or(Ok(None), |m| owned(&m.field))?),
        split: owned("split")?,
    })
}

/// The row as a JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1);
        (RowErrorKind::InvalidUtf8, message)
    })?;
    serde_json::from_str(text).map_err(|error| {
        (RowErrorKind::MalformedJson, format!("not a JSON object: {}", without_line(&error)))
    })
}

/// The one label, and every label that counts as right.
type RowLabels = (Option<Task>, Vec<Task>);

fn own_labels(row: &Map<String, Value>) -> Result<RowLabels, Fault> {
    let task = string(row, "task")?.map(|name| label("task", name)).transpose()?;
    let mut accepted: Vec<Task> = task.iter().cloned().collect();
    for key in ["tasks", "also"] {
        for name in strings(row, key)? {
            let label = label(key, name)?;
            if !accepted.contains(&label) {
                accepted.push(label);
            }
        }
    }
    Ok((task, accepted))
}

fn mapped_labels(row: &Map<String, Value>, mapping: &Mapping) -> Result<RowLabels, Fault> {
    let Mapping { field, accepted } = mapping;
    let fault = |message| (RowErrorKind::BadValue, message);
    let value = string(row, field)?.ok_or_else(|| fault(format!("the mapping needs `{field}`")))?;
    let accepted = accepted
        .get(value)
        .ok_or_else(|| fault(format!("`{field}` is `{value}`, which the mapping does not name")))?;
    let task = if let [only] = &accepted[..] { Some(only.clone()) } else { None };
    Ok((task, accepted.clone()))
}

/// The parser's message, which always places the fault on line 1 of the row, with the column alone.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// The row's `id` as text.
pub(crate) fn read_id(row: &Map<String, Value>) -> Result<Option<String>, Fault> {
    match row.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(Value::Number(id)) => Ok(Some(id.to_string())),
        Some(_) => Err(bad("id", "a string or a number")),
    }
}

/// The prompt of `messages`, else of `text`.
pub(crate) fn prompt(row: &Map<String, Value>) -> Result<Prompt, Fault> {
    match (row.get("messages"), row.get("text")) {
        (Some(Value::Array(messages)), _) => {
            messages.iter().map(turn).collect::<Result<_, _>>().map(Prompt::from_turns)
        }
        (Some(value), _) if !value.is_null() => Err(bad("messages", "an array of messages")),
        (_, Some(Value::String(text))) => Ok(Prompt::from_text(text.as_str())),
        (_, Some(value)) if !value.is_null() => Err(bad("text", "a string")),
        _ => Err((RowErrorKind::NoPrompt, "a row needs `text` or `messages`".to_owned())),
    }
}

fn turn(message: &Value) -> Result<Turn, Fault> {
    let role = message.get("role").and_then(|role| serde_json::from_value::<Role>(role.clone()).ok());
    let role =
        role.ok_or_else(|| bad("messages[].role", "system, developer, user, assistant, tool or function"))?;
    let text = match message.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(_) => return Err(bad("messages[].content", "a string or an array of parts")),
    };
    Ok(Turn { role, text })
}

/// The text under `key`; `null` is as good as absent.
pub(crate) fn string<'r>(row: &'r Map<String, Value>, key: &str) -> Result<Option<&'r str>, Fault> {
    match row.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(key, "a string")),
    }
}

fn strings<'r>(row: &'r Map<String, Value>, key: &str) -> Result<Vec<&'r str>, Fault> {
    match row.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or_else(|| bad(key, "an array of strings"))).collect()
        }
        Some(_) => Err(bad(key, "an array of strings")),
    }
}

fn label(key: &str, name: &str) -> Result<Task, Fault> {
    Task::new(name).map_err(|error| (RowErrorKind::BadValue, format!("`{key}`: {error}")))
}

/// A value of the wrong type.
pub(crate) fn bad(key: &str, wanted: &str) -> Fault {
    (RowErrorKind::BadValue, format!("`{key}` must be {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_column_counts_once() {
        let row = br#"{"id":7,"text":"x","task":"math","tasks":["math","reasoning"],"also":["open_qa","math"],"n":1}"#;
        let item = parse(row, 1, None).expect("valid");
        let names: Vec<_> = item.accepted.iter().map(Task::as_str).collect();
        assert_eq!(names, ["math", "reasoning", "open_qa"]);
        assert_eq!(item.id, "7");
        assert!(item.accepts(&Task::new("open_qa").expect("valid")));
        assert!(!item.accepts(&Task::new("chat").expect("valid")));
    }

    #[test]
    fn messages_win_over_text_and_may_have_parts() {
        let row = br#"{"text":"no","messages":[
            {"role":"developer","content":"be brief"},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"},{"type":"text","text":"b"}]},
            {"role":"assistant","content":null}]}"#;
        let prompt = parse(row, 1, None).expect("valid").prompt;
        assert_eq!(prompt.subject(), "a\nb");
        assert_eq!(prompt.context()[0].text, "be brief");
    }

    #[test]
    fn faults_are_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"[]", "malformed_json: not a JSON object: invalid type: sequence, expected a map at column 0"),
            (b"{\"text\":", "malformed_json: not a JSON object: EOF while parsing a value at column 8"),
            (b"{\"id\":\"r1\"}", "no_prompt: a row needs `text` or `messages`"),
            (b"{\"text\":null,\"messages\":null}", "no_prompt: a row needs `text` or `messages`"),
            (b"{\"text\":7}", "bad_value: `text` must be a string"),
            (b"{\"messages\":\"hi\"}", "bad_value: `messages` must be an array of messages"),
            (
                b"{\"messages\":[7]}",
                "bad_value: `messages[].role` must be system, developer, user, assistant, tool or function",
            ),
            (
                b"{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
                "bad_value: `messages[].content` must be a string or an array of parts",
            ),
            (b"{\"text\":\"x\",\"task\":3}", "bad_value: `task` must be a string"),
            (b"{\"text\":\"x\",\"also\":[3]}", "bad_value: `also` must be an array of strings"),
            (
                b"{\"text\":\"x\",\"task\":\"No\"}",
                "bad_value: `task`: `No` is not a task name: use 1-64 characters of a-z, 0-9 and _, starting with a letter",
            ),
            (b"{\"id\":[],\"text\":\"x\"}", "bad_value: `id` must be a string or a number"),
            (b"{\"text\":\"\xc3\"}", "invalid_utf8: not UTF-8 from byte 10 of the line on"),
        ];
        for (row, expected) in cases {
            let error = parse(row, 3, None).expect_err(expected);
            assert_eq!(format!("{}: {}", error.kind, error.message), *expected);
            assert_eq!(error.line, 3);
        }
        assert_eq!(parse(b"{\"id\":\"r1\"}", 1, None).expect_err("no prompt").id.as_deref(), Some("r1"));
    }
}
