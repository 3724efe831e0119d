//! The body of a request whose model is to be exchanged, and nothing else of it.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object with a top-level string `model`, as the client sent it, byte for byte.
///
/// Should `model` be given more than once, the last one counts, as it does for every JSON reader in common use, and
/// all of them are exchanged, so that no reader can see another name than the one that was decided on.
#[derive(Debug, Clone)]
pub struct RequestBody {
    bytes: Bytes,
    model: String,
    /// Where the values of `model` stand in `bytes`, quotes included, in order and never empty.
    spans: Vec<Range<usize>>,
}

impl RequestBody {
    /// Finds the model in `bytes`.
    ///
    /// # Errors
    /// When `bytes` are not UTF-8, not JSON, not an object, or have no string `model`. Nested values are passed over
    /// without recursion, so depth is no danger.
    pub fn parse(bytes: Bytes) -> Result<Self, RequestError> {
        let text = text(&bytes)?;
        let ModelFields(values) = serde_json::from_str(text).map_err(|error| RequestError::json(&error))?;
        let Some(last) = values.last() else {
            return Err(RequestError::new("`model` is missing: name one, or `auto`", Some("model")));
        };
        let model = serde_json::from_str(last.get())
            .map_err(|_| RequestError::new("`model` must be a string", Some("model")))?;
        let spans = values.iter().map(|value| span_in(text, value.get())).collect();
        Ok(Self { bytes, model, spans })
    }

    /// The model that the client asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The body as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body with `model` in place of the one that was asked for; every other byte is as it came.
    #[must_use]
    pub fn with_model(&self, model: &str) -> Bytes {
        let name = serde_json::Value::from(model).to_string();
        if self.spans.iter().all(|span| self.bytes[span.clone()] == *name.as_bytes()) {
            return self.bytes.clone();
        }
        let mut rewritten = Vec::with_capacity(self.bytes.len() + self.spans.len() * name.len());
        let mut copied = 0;
        for span in &self.spans {
            rewritten.extend_from_slice(&self.bytes[copied..span.start]);
            rewritten.extend_from_slice(name.as_bytes());
            copied = span.end;
        }
        rewritten.extend_from_slice(&self.bytes[copied..]);
        rewritten.into()
    }
}

/// How much a request holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestSize {
    /// Messages, or items of a conversation.
    pub messages: usize,
    /// Images in them.
    pub images: usize,
}

/// The body as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, RequestError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(bytes, error.valid_up_to());
        let message = format!("the body is not UTF-8 at line {line} column {column}: encode it as UTF-8");
        RequestError::new(message, None)
    })
}

/// Line and byte within the line, both from 1.
fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (before.iter().filter(|byte| **byte == b'\n').count() + 1, offset - line_start + 1)
}

/// Where `part`, a slice of `whole`, stands in it.
fn span_in(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// The values of all top-level fields `model`, raw.
struct ModelFields<'a>(Vec<&'a RawValue>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Model,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for ModelFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Model => values.push(map.next_value()?),
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(values)
            }
        }

        deserializer.deserialize_map(Fields).map(Self)
    }
}

/// What is wrong with a request, for the one who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    message: String,
    param: Option<&'static str>,
}

impl RequestError {
    pub(crate) fn new(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { message: message.into(), param }
    }

    /// A body that is not JSON, or not of the expected shape; the message names line and column.
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let what = if error.is_data() { "the body is not as expected" } else { "the body is not valid JSON" };
        Self::new(format!("{what}: {error}"), None)
    }

    /// The field at fault, if it is known.
    #[must_use]
    pub fn param(&self) -> Option<&'static str> {
        self.param
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn parse(text: &str) -> Result<RequestBody, RequestError> {
        RequestBody::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn only_the_model_changes() {
        for (before, after) in [
            (r#"{"model":"auto"}"#, r#"{"model":"x/\"y"}"#),
            (
                "{ \"a\" : {\"model\":\"in\"},\n\t\"model\"\t:\r\n \"auto\" , \"z\": [{\"model\": 1}]}",
                "{ \"a\" : {\"model\":\"in\"},\n\t\"model\"\t:\r\n \"x/\\\"y\" , \"z\": [{\"model\": 1}]}",
            ),
            (
                r#"{"t":"\"model\":\"no\"","model":"a\u0075to\\\""}"#,
                r#"{"t":"\"model\":\"no\"","model":"x/\"y"}"#,
            ),
            (r#"{"mod\u0065l":"auto","n":1E400}"#, r#"{"mod\u0065l":"x/\"y","n":1E400}"#),
            (r#"{"model":"one","b":0,"model":"two"}"#, r#"{"model":"x/\"y","b":0,"model":"x/\"y"}"#),
            ("{\"model\":\"größe 😀\",\"ü\":\"é\"} \n", "{\"model\":\"x/\\\"y\",\"ü\":\"é\"} \n"),
        ] {
            let body = parse(before).expect(before);
            assert_eq!(body.with_model("x/\"y"), after.as_bytes(), "{before}");
        }
    }

    #[test]
    fn the_last_of_several_models_counts() {
        assert_eq!(parse(r#"{"model":"one","model":"two"}"#).expect("valid").model(), "two");
        assert_eq!(parse(r#"{"model":"a\u0075to"}"#).expect("valid").model(), "auto");
    }

    #[test]
    fn a_name_that_stays_costs_no_copy() {
        let body = parse(r#"{"model":"same"}"#).expect("valid");
        assert_eq!(body.with_model("same").as_ptr(), body.bytes().as_ptr());
    }

    #[test]
    fn faults_are_named_with_their_place() {
        let said = |bytes: &'static [u8]| {
            let error = RequestBody::parse(Bytes::from_static(bytes)).expect_err("faulty");
            format!("{error} [{}]", error.param().unwrap_or("-"))
        };
        insta::assert_snapshot!(
            [
                &b""[..],
                b"{\"model\": \"auto\",\n \"messages\": [}",
                b"{\"model\":\n\"caf\xe9\"}",
                b"[1, 2]",
                b"\"auto\"",
                b"{\"messages\": []}",
                b"{\"model\": 7}",
                b"{\"model\": \"\\ud800\"}",
                b"{\"model\": \"auto\"} trailing",
            ]
            .map(said)
            .join("\n")
        );
    }

    #[test]
    fn depth_is_no_danger() {
        let depth = 2_000_000;
        let deep = format!("{{\"a\":{}{},\"model\":\"auto\"}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(&deep).expect("valid").model(), "auto");
        assert!(parse(&"{\"model\":".repeat(depth)).is_err());
        assert!(parse(&format!("{{\"model\":{}{}}}", "[".repeat(depth), "]".repeat(depth))).is_err());
    }

    /// JSON values, nested, with awkward strings and with `model` among the keys.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text_value().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key(), inner), 0..4)
                    .prop_map(|entries| Value::Object(Map::from_iter(entries))),
            ]
        })
    }

    fn text_value() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[\"\\\\{}\\[\\]:, model\u{1}é😀]{0,12}"]
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![Just("model".to_owned()), Just("models".to_owned()), text_value()]
    }

    /// What the model is by the book; numbers of any size are let pass.
    fn model_by_serde_json(bytes: &[u8]) -> Option<String> {
        let object: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
        serde_json::from_str(object.get("model")?.get()).ok()
    }

    proptest! {
        #[test]
        fn the_rewritten_body_differs_in_the_model_alone(
            entries in prop::collection::vec((key(), value()), 0..5),
            asked in text_value(),
            decided in text_value(),
            pretty in any::<bool>(),
            at in any::<prop::sample::Index>(),
        ) {
            let mut entries: Vec<_> = entries.into_iter().filter(|(key, _)| key != "model").collect();
            entries.insert(at.index(entries.len() + 1), ("model".to_owned(), Value::from(asked.as_str())));
            let object = Value::Object(Map::from_iter(entries));
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
            let body = parse(&text.expect("serialises")).expect("valid");
            prop_assert_eq!(body.model(), &asked);
            let rewritten = body.with_model(&decided);
            let mut expected = object;
            expected["model"] = Value::from(decided.as_str());
            prop_assert_eq!(serde_json::from_slice::<Value>(&rewritten).expect("valid"), expected);
            let back = RequestBody::parse(rewritten).expect("valid").with_model(&asked);
            prop_assert_eq!(&back, body.bytes());
        }

        #[test]
        fn bodies_are_accepted_as_serde_json_accepts_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let ours = RequestBody::parse(Bytes::from(bytes.clone())).map(|body| body.model);
            prop_assert_eq!(ours.ok(), model_by_serde_json(&bytes));
        }

        #[test]
        fn nearly_json_is_no_panic(text in "[{}\\[\\]\",:\\\\ \nmodeltru0-9.]{0,40}") {
            let ours = parse(&text).map(|body| body.model);
            prop_assert_eq!(ours.ok(), model_by_serde_json(text.as_bytes()));
        }
    }
}
