//! Prompts as `/v1/classify` and `/v1/route` take them.

use std::fmt;

use pointsman_domain::Prompt;
use pointsman_upstream::openai::Messages;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error::ApiError;

/// `{"text": …}`, `{"messages": […]}` or `{"input": …}`, where an input is a text, an object like this with an `id` of
/// its own, or a list of such.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    text: Option<String>,
    messages: Option<Messages>,
    input: Option<Inputs>,
    /// The table that is to decide.
    pub(super) model: Option<String>,
}

/// One prompt, or a list.
#[derive(Debug)]
pub(super) enum Prompts {
    One(Prompt),
    Many(Vec<Input>),
}

/// A prompt of a list.
#[derive(Debug)]
pub(super) struct Input {
    /// What the client calls it, a string or a number.
    pub(super) id: Option<Value>,
    pub(super) prompt: Prompt,
}

impl Body {
    /// Reads a body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(bytes)
            .map_err(|error| ApiError::bad_request(format!("the body is not as expected: {error}"), None))
    }

    /// Whether this is a chat and nothing else.
    pub(super) fn is_chat(&self) -> bool {
        self.messages.is_some() && self.text.is_none() && self.input.is_none()
    }

    /// The prompts of the body.
    pub(super) fn prompts(self) -> Result<Prompts, ApiError> {
        match (self.text, self.messages, self.input) {
            (Some(text), None, None) => Ok(Prompts::One(Prompt::from_text(text))),
            (None, Some(messages), None) => Ok(Prompts::One(messages.into_prompt())),
            (None, None, Some(Inputs::One(input))) => Ok(Prompts::One(input.prompt)),
            (None, None, Some(Inputs::Many(inputs))) => Ok(Prompts::Many(inputs)),
            _ => Err(ApiError::bad_request("send exactly one of `text`, `messages` and `input`", None)),
        }
    }
}

#[derive(Debug)]
enum Inputs {
    One(Input),
    Many(Vec<Input>),
}

/// An object in a list.
#[derive(Deserialize)]
struct Row {
    id: Option<Id>,
    text: Option<String>,
    messages: Option<Messages>,
}

/// A string or a number.
struct Id(Value);

impl Input {
    fn from_row<E: Error>(row: Row) -> Result<Self, E> {
        let prompt = match (row.text, row.messages) {
            (Some(text), None) => Prompt::from_text(text),
            (None, Some(messages)) => messages.into_prompt(),
            _ => return Err(E::custom("an input has exactly one of `text` and `messages`")),
        };
        Ok(Self { id: row.id.map(|id| id.0), prompt })
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyInputs;

        impl<'de> Visitor<'de> for AnyInputs {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, an object with `text` or `messages`, or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Inputs, E> {
                AnyInput.visit_str(text).map(Inputs::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Inputs, A::Error> {
                AnyInput.visit_map(map).map(Inputs::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Inputs, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Inputs::Many)
            }
        }

        deserializer.deserialize_any(AnyInputs)
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyInput)
    }
}

struct AnyInput;

impl<'de> Visitor<'de> for AnyInput {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or an object with `text` or `messages`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Input, E> {
        Ok(Input { id: None, prompt: Prompt::from_text(text) })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Input, A::Error> {
        Input::from_row(Row::deserialize(MapAccessDeserializer::new(map))?)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrNumber;

        impl Visitor<'_> for StringOrNumber {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
                Ok(Id(id.into()))
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
                Ok(Id(id.into()))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id.into()))
            }

            fn visit_f64<E: Error>(self, id: f64) -> Result<Id, E> {
                Ok(Id(id.into()))
            }
        }

        deserializer.deserialize_any(StringOrNumber)
    }
}
