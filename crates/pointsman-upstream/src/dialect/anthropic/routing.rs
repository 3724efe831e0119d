//! `POST /v1/messages`: what routing needs to know of a request.

use pointsman_domain::{Needs, Prompt, RequestFacts, Role, TokenCount, Turn};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::{RequestError, RequestSize, text};
use crate::openai::{TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokens_of};

/// A request, read for routing. What is not listed here is passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagesRequest {
    /// The conversation, as text. What tools answered is said by the tool.
    pub prompt: Prompt,
    /// How long the request is and what it needs.
    pub facts: RequestFacts,
    /// How much it holds.
    pub size: RequestSize,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    system: Content,
    messages: Option<Vec<Message>>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    output_config: Option<OutputConfig>,
    max_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct OutputConfig {
    format: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    role: MessageRole,
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MessageRole {
    System,
    User,
    Assistant,
    #[serde(other)]
    Other,
}

/// The text of a message, and of the results of tools in it.
#[derive(Default)]
struct Content {
    said: String,
    answered: Option<String>,
    images: usize,
}

#[derive(Deserialize)]
struct Block {
    r#type: BlockType,
    text: Option<String>,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BlockType {
    Text,
    Image,
    ToolResult,
    #[serde(other)]
    Other,
}

impl MessagesRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// When the body is not JSON or a field that routing reads has the wrong type, with line and column; when
    /// there are no messages.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body<'_> = serde_json::from_str(text(body)?).map_err(|error| RequestError::json(&error))?;
        let messages = match body.messages {
            Some(messages) if !messages.is_empty() => messages,
            Some(_) => {
                return Err(RequestError::new("`messages` is empty: send at least one", Some("messages")));
            }
            None => return Err(RequestError::new("`messages` is missing", Some("messages"))),
        };
        let tools = body.tools.unwrap_or_default();
        let mut bytes: usize = tools.iter().map(|tool| tool.get().len()).sum();
        let (mut images, mut turns) = (0, Vec::new());
        let count = messages.len() + usize::from(!body.system.said.is_empty());
        let system = Message { role: MessageRole::System, content: body.system };
        for message in std::iter::once(system).chain(messages) {
            bytes += message.content.bytes();
            images += message.content.images;
            message.into_turns(&mut turns);
        }
        let tokens = tokens_of(bytes) + count * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE;
        let facts = RequestFacts {
            input_tokens: TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX)),
            max_output_tokens: body.max_tokens.map(TokenCount),
            needs: Needs {
                tools: !tools.is_empty(),
                vision: images > 0,
                structured_output: body.output_config.is_some_and(|config| config.format.is_some()),
            },
        };
        let size = RequestSize { messages: count, images };
        Ok(Self { prompt: Prompt::from_turns(turns), facts, size })
    }
}

impl Message {
    /// A turn of the tools, if they answered, then one of the speaker. A user who says nothing but shows something
    /// has a turn, too: it is what is to be answered.
    fn into_turns(self, turns: &mut Vec<Turn>) {
        let Content { said, answered, .. } = self.content;
        let role = match self.role {
            MessageRole::System => Role::System,
            MessageRole::User => Role::User,
            MessageRole::Assistant => Role::Assistant,
            MessageRole::Other => Role::Tool,
        };
        let speaks = !said.is_empty() || (role == Role::User && answered.is_none());
        turns.extend(answered.filter(|text| !text.is_empty()).map(|text| Turn { role: Role::Tool, text }));
        if speaks {
            turns.push(Turn { role, text: said });
        }
    }
}

impl Content {
    fn bytes(&self) -> usize {
        self.said.len() + self.answered.as_ref().map_or(0, String::len)
    }

    fn add(&mut self, block: Block) {
        match block {
            Block { r#type: BlockType::Text, text: Some(text), .. } => append(&mut self.said, &text),
            Block { r#type: BlockType::Image, .. } => self.images += 1,
            Block { r#type: BlockType::ToolResult, content, .. } => {
                let answered = self.answered.get_or_insert_default();
                if let Some(content) = content {
                    self.images += content.images;
                    append(answered, &content.said);
                }
            }
            _ => {}
        }
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyContent;

        impl<'de> Visitor<'de> for AnyContent {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a list of content blocks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content { said: text.to_owned(), ..Content::default() })
            }

            fn visit_unit<E: Error>(self) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut blocks: A) -> Result<Content, A::Error> {
                let mut content = Content::default();
                while let Some(block) = blocks.next_element::<Block>()? {
                    content.add(block);
                }
                Ok(content)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
                // Results of tools that the provider runs are objects.
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Content::default())
            }
        }

        deserializer.deserialize_any(AnyContent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &serde_json::Value) -> MessagesRequest {
        MessagesRequest::parse(body.to_string().as_bytes()).expect("valid")
    }

    #[test]
    fn messages_become_turns() {
        let request = parse(&json!({
            "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
            "max_tokens": 10,
            "tools": [{"name": "look"}],
            "output_config": {"format": {"type": "json_schema", "schema": {}}},
            "messages": [
                {"role": "user", "content": "what is this?"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": "1", "name": "look", "input": {"a": [1]}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": [
                        {"type": "text", "text": "a cat"}, {"type": "image", "source": {}},
                    ]},
                    {"type": "web_search_tool_result", "content": {"type": "error"}},
                ]},
            ],
        }));
        let turns: Vec<_> =
            request.prompt.turns().iter().map(|turn| (turn.role, turn.text.as_str())).collect();
        assert_eq!(
            turns,
            [(Role::System, "be brief"), (Role::User, "what is this?"), (Role::Tool, "a cat")],
            "what tools answer is not what the user asks"
        );
        assert_eq!(request.facts.max_output_tokens, Some(TokenCount(10)));
        assert_eq!(request.facts.needs, Needs { tools: true, vision: true, structured_output: true });
    }

    #[test]
    fn depth_and_faults_are_no_danger() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let user = r#"{"role":"user","content":"hi"}"#;
        let body = format!(
            r#"{{"messages":[{user}],"metadata":{},"tools":[{}]}}"#,
            deep(1_000_000),
            deep(1_000_000)
        );
        assert!(MessagesRequest::parse(body.as_bytes()).is_ok());
        let nested = r#"{"type":"tool_result","content":["#.repeat(100_000);
        for body in [
            "{}",
            r#"{"messages":[]}"#,
            r#"{"messages":"hi"}"#,
            r#"{"messages":[{"content":"hi"}]}"#,
            &format!(r#"{{"messages":[{{"role":"user","content":[{nested}"#),
        ] {
            assert!(MessagesRequest::parse(body.as_bytes()).is_err(), "{:.60}", body);
        }
    }
}
