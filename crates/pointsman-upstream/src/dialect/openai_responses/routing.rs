//! `POST /v1/responses`: what routing needs to know of a request.

use std::fmt;
use std::marker::PhantomData;

use pointsman_domain::{Needs, Prompt, RequestFacts, Role, TokenCount, Turn};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::{RequestError, RequestSize, text};
use crate::openai::{Content, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, is_filled, tokens_of};

/// A request, read for routing. What is not listed here is passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsesRequest {
    /// The conversation, as text: as much of it as the request holds.
    pub prompt: Prompt,
    /// How long the request is and what it needs.
    pub facts: RequestFacts,
    /// How much it holds.
    pub size: RequestSize,
}

#[derive(Deserialize)]
struct Body<'a> {
    instructions: Option<String>,
    #[serde(borrow)]
    input: Option<Input<'a>>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    text: Option<TextOptions>,
    max_output_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct TextOptions {
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    r#type: Option<String>,
}

enum Input<'a> {
    Text(String),
    Items(Vec<Item<'a>>),
}

/// An item. One that has neither `content` nor `output` says nothing to routing.
#[derive(Deserialize)]
struct Item<'a> {
    role: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    content: Content,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

impl ResponsesRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// When the body is not JSON or a field that routing reads has the wrong type, with line and column; when
    /// there is no input.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body<'_> = serde_json::from_str(text(body)?).map_err(|error| RequestError::json(&error))?;
        let mut said: Vec<(Role, Content)> = Vec::new();
        said.extend(body.instructions.map(|text| (Role::System, Content::of(text))));
        match body.input {
            None => return Err(RequestError::new("`input` is missing", Some("input"))),
            Some(Input::Items(items)) if items.is_empty() => {
                return Err(RequestError::new("`input` is empty: send at least one item", Some("input")));
            }
            Some(Input::Text(text)) => said.push((Role::User, Content::of(text))),
            Some(Input::Items(items)) => said.extend(items.into_iter().map(Item::said)),
        }
        let tool_bytes = body.tools.filter(|tools| is_filled(tools)).map(|tools| tools.get().len());
        let bytes = said.iter().map(|(_, content)| content.text().len()).sum::<usize>();
        let images: usize = said.iter().map(|(_, content)| content.images() as usize).sum();
        let tokens = tokens_of(bytes + tool_bytes.unwrap_or(0))
            + said.len() * TOKENS_PER_MESSAGE
            + images * TOKENS_PER_IMAGE;
        let format = body.text.and_then(|text| text.format?.r#type);
        let facts = RequestFacts {
            input_tokens: TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX)),
            max_output_tokens: body.max_output_tokens.map(TokenCount),
            needs: Needs {
                tools: tool_bytes.is_some(),
                vision: images > 0,
                structured_output: format.as_deref() == Some("json_schema"),
            },
        };
        let size = RequestSize { messages: said.len(), images };
        let turns = said
            .into_iter()
            .filter(|(role, content)| *role == Role::User || !content.text().is_empty())
            .map(|(role, content)| Turn { role, text: content.into_text() });
        Ok(Self { prompt: Prompt::from_turns(turns.collect()), facts, size })
    }
}

impl Item<'_> {
    /// Who says what. Whatever tools answered, or did on their own, is context.
    fn said(self) -> (Role, Content) {
        if self.r#type.as_deref().is_some_and(|kind| kind != "message") {
            // What tools of the provider answer has forms of its own, which are not ours to judge.
            let output = self.output.and_then(|output| serde_json::from_str(output.get()).ok());
            return (Role::Tool, output.unwrap_or_default());
        }
        let role = match self.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system" | "developer") => Role::System,
            _ => Role::Tool,
        };
        (role, self.content)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyInput<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for AnyInput<'a> {
            type Value = Input<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of items")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Input::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Input::Items)
            }

            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
                Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self))
            }
        }

        deserializer.deserialize_any(AnyInput(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &serde_json::Value) -> ResponsesRequest {
        ResponsesRequest::parse(body.to_string().as_bytes()).expect("valid")
    }

    fn turns(request: &ResponsesRequest) -> Vec<(Role, &str)> {
        request.prompt.turns().iter().map(|turn| (turn.role, turn.text.as_str())).collect()
    }

    #[test]
    fn input_becomes_turns() {
        let request = parse(&json!({"instructions": "be brief", "input": "what is this?"}));
        assert_eq!(turns(&request), [(Role::System, "be brief"), (Role::User, "what is this?")]);
        assert_eq!((request.facts.max_output_tokens, request.facts.needs), (None, Needs::default()));
        let request = parse(&json!({
            "max_output_tokens": 10,
            "tools": [{"type": "function", "name": "look"}],
            "text": {"format": {"type": "json_schema", "schema": {}}},
            "input": [
                {"role": "developer", "content": "be brief"},
                {"type": "message", "role": "user", "content": [
                    {"type": "input_text", "text": "what is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ]},
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "a cat"},
                {"role": "assistant", "content": [{"type": "output_text", "text": "A cat."}]},
            ],
        }));
        assert_eq!(
            turns(&request),
            [
                (Role::System, "be brief"),
                (Role::User, "what is this?"),
                (Role::Tool, "a cat"),
                (Role::Assistant, "A cat."),
            ]
        );
        assert_eq!(request.facts.max_output_tokens, Some(TokenCount(10)));
        assert_eq!(request.facts.needs, Needs { tools: true, vision: true, structured_output: true });
    }

    #[test]
    fn depth_and_faults_are_no_danger() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let body = format!(r#"{{"input":"hi","metadata":{},"tools":{}}}"#, deep(1_000_000), deep(1_000_000));
        assert!(ResponsesRequest::parse(body.as_bytes()).is_ok());
        let said = |body: &str| {
            let error = ResponsesRequest::parse(body.as_bytes()).expect_err(body);
            format!("{error} [{}]", error.param().unwrap_or("-"))
        };
        insta::assert_snapshot!(
            [
                "{}",
                "{\"input\": []}",
                "{\"input\": null}",
                "{\"input\": {\"role\": \"user\"}}",
                "{\"input\": [\n {\"role\": \"user\", \"content\": 7}]}",
                "{\"input\": [\"hi\"]}",
                "{\"input\": \"hi\", \"max_output_tokens\": -1}",
            ]
            .map(said)
            .join("\n")
        );
        let body = format!(r#"{{"input":[{{"role":"user","content":{}}}]}}"#, deep(1_000_000));
        assert!(ResponsesRequest::parse(body.as_bytes()).is_err());
    }
}
