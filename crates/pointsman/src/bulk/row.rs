//! One row: its id and prompt, or what is wrong with it.

use std::borrow::Cow;
use std::fmt;

use pointsman_domain::Prompt;
use pointsman_upstream::openai::Messages;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which fields or columns are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The text to be labelled; `text` unless it is named.
    pub(crate) text: Option<String>,
    /// A conversation as in OpenAI's API; `messages` unless it is named.
    pub(crate) messages: Option<String>,
    /// What the row is called in the output; `id` unless it is named.
    pub(crate) id: Option<String>,
}

impl Fields {
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("text")
    }

    pub(super) fn messages(&self) -> &str {
        self.messages.as_deref().unwrap_or("messages")
    }

    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or("id")
    }
}

/// What a row is known by.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    pub(super) id: Value,
    /// The line of the input, or the row of its table, counted from 1.
    pub(super) line: u64,
}

/// A row that can be labelled.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) prompt: Prompt,
}

/// What is written for a row that cannot be labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BadRow {
    pub(super) id: Value,
    pub(super) error: Box<RowError>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RowError {
    /// A word for programs.
    pub(super) kind: Cow<'static, str>,
    pub(super) message: String,
    /// That of the [`Key`].
    pub(super) line: u64,
}

impl Key {
    /// The row with this wrong with it.
    pub(super) fn bad(self, kind: &'static str, message: impl Into<String>) -> BadRow {
        let error = RowError { kind: kind.into(), message: message.into(), line: self.line };
        BadRow { id: self.id, error: Box::new(error) }
    }
}

/// Reads a row from a line of JSON.
pub(super) fn parse(bytes: &[u8], fields: &Fields, line: u64) -> Result<Row, BadRow> {
    let key = |id: Value| Key { id, line };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to() + 1;
        key(Value::Null)
            .bad("invalid_utf8", format!("byte {place} of the line is not UTF-8; re-encode the file"))
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = Wanted(fields).deserialize(&mut reader).and_then(|found| reader.end().map(|()| found));
    let found = found.map_err(|error| {
        // The id of a row whose other fields are wrong is still worth reporting.
        let whole = serde_json::from_str::<Value>(text).ok();
        let kind = if whole.is_some() { "invalid_row" } else { "malformed_json" };
        let id = whole.and_then(|row| row.get(fields.id()).cloned()).unwrap_or(Value::Null);
        key(id).bad(kind, error.to_string())
    })?;
    let key = key(found.id);
    match (found.messages, found.text) {
        (Some(messages), _) => match conversation(messages) {
            Ok(prompt) => Ok(Row { key, prompt }),
            Err(message) => {
                Err(key.bad("invalid_row", format!("`{}` is no conversation: {message}", fields.messages())))
            }
        },
        (None, Some(text)) => Ok(Row { key, prompt: Prompt::from_text(text) }),
        (None, None) => {
            let message = format!("there is neither `{}` nor `{}`", fields.text(), fields.messages());
            Err(key.bad("invalid_row", message))
        }
    }
}

/// A conversation from a list of messages, or from a string that holds such a list as JSON.
pub(super) fn conversation(messages: Value) -> Result<Prompt, String> {
    let messages: Result<Messages, serde_json::Error> = match messages {
        Value::String(json) => serde_json::from_str(&json),
        list => serde_json::from_value(list),
    };
    messages.map(Messages::into_prompt).map_err(|error| error.to_string())
}

/// The fields of an object that are read; the others are passed over.
struct Wanted<'f>(&'f Fields);

#[derive(Default)]
struct Found {
    id: Value,
    text: Option<String>,
    messages: Option<Value>,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}` or `{}`", self.0.text(), self.0.messages())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0.text() {
                found.text = map.next_value()?;
            } else if key == self.0.messages() {
                found.messages = map.next_value()?;
            } else if key == self.0.id() {
                found.id = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USUAL: Fields = Fields { text: None, messages: None, id: None };

    #[test]
    fn good_rows_are_read_with_their_id() {
        let row = parse(br#"{"id": 7, "text": "hi", "extra": {"text": 1}}"#, &USUAL, 1).expect("good");
        assert_eq!(row, Row { key: Key { id: json!(7), line: 1 }, prompt: Prompt::from_text("hi") });
        let chat = json!([{"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]}]);
        for messages in [chat.clone(), json!(chat.to_string())] {
            let line = json!({"id": "c", "messages": messages, "text": null}).to_string();
            let row = parse(line.as_bytes(), &USUAL, 1).expect("good");
            assert_eq!((row.prompt.subject(), row.prompt.context().len()), ("hi", 1), "{line}");
        }
    }

    #[test]
    fn fields_may_have_other_names() {
        let fields =
            Fields { text: Some("prompt".into()), messages: Some("chat".into()), id: Some("key".into()) };
        let row = parse(br#"{"key": "a", "prompt": "hi", "text": 5, "id": 1}"#, &fields, 1).expect("good");
        assert_eq!(row, Row { key: Key { id: json!("a"), line: 1 }, prompt: Prompt::from_text("hi") });
        let error = parse(br#"{"key": "a", "text": "hi"}"#, &fields, 1).expect_err("no prompt");
        assert_eq!(error.error.message, "there is neither `prompt` nor `chat`");
        assert_eq!(error.id, json!("a"));
    }

    #[test]
    fn bad_rows_say_what_is_wrong_and_where() {
        for (line, id, kind) in [
            (&b"{\"id\": 1, \"text\": \"caf\xe9\"}"[..], Value::Null, "invalid_utf8"),
            (b"{\"id\": 1, \"text\": ", Value::Null, "malformed_json"),
            (b"{\"id\": 1, \"text\": \"a\"} {}", Value::Null, "malformed_json"),
            (b"[1, 2]", Value::Null, "invalid_row"),
            (b"{\"id\": 1}", json!(1), "invalid_row"),
            (b"{\"id\": 2, \"text\": 5}", json!(2), "invalid_row"),
            (b"{\"id\": 3, \"messages\": [{\"role\": 4}]}", json!(3), "invalid_row"),
            (b"{\"id\": 3, \"messages\": \"hi\"}", json!(3), "invalid_row"),
        ] {
            let error = parse(line, &USUAL, 9).expect_err(kind);
            let found = (error.id, &*error.error.kind, error.error.line);
            assert_eq!(found, (id, kind, 9), "{}", error.error.message);
        }
    }
}
