//! `POST /v1/chat/completions`: what routing needs to know of a request.

use pointsman_domain::{Needs, Prompt, RequestFacts, TokenCount};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{Message, Messages};
use crate::body::{RequestError, RequestSize, text};

/// Bytes of text per token, for estimates: OpenAI's rule of thumb for English.
const BYTES_PER_TOKEN: usize = 4;

/// Tokens that a message costs beside its text, by OpenAI's counting guide for chat models.
pub(crate) const TOKENS_PER_MESSAGE: usize = 4;

/// Tokens of an image of 1024 × 1024 pixels in high detail (OpenAI, vision guide).
pub(crate) const TOKENS_PER_IMAGE: usize = 765;

/// A chat, read for routing. What is not listed here is passed on unread.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The conversation, as text.
    pub prompt: Prompt,
    /// How long the request is and what it needs.
    pub facts: RequestFacts,
    /// How much it holds.
    pub size: RequestSize,
    /// Whether the reply is to be streamed.
    pub stream: bool,
    /// Whether a streamed reply ends with its token counts.
    pub include_usage: bool,
}

#[derive(Deserialize)]
struct Body<'a> {
    messages: Option<Messages>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    functions: Option<&'a RawValue>,
    response_format: Option<ResponseFormat>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: Option<String>,
}

impl ChatRequest {
    /// Reads a body. Parts of messages that are not text are left out of the prompt.
    ///
    /// # Errors
    /// When the body is not JSON or a field that routing reads has the wrong type, with line and column; when
    /// there are no messages.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body<'_> = serde_json::from_str(text(body)?).map_err(|error| RequestError::json(&error))?;
        let facts = body.facts();
        let messages = match body.messages {
            Some(messages) if !messages.is_empty() => messages,
            Some(_) => {
                return Err(RequestError::new("`messages` is empty: send at least one", Some("messages")));
            }
            None => return Err(RequestError::new("`messages` is missing", Some("messages"))),
        };
        let images = messages.iter().map(|message| message.images() as usize).sum();
        let size = RequestSize { messages: messages.iter().len(), images };
        Ok(Self {
            size,
            prompt: messages.into_prompt(),
            facts,
            stream: body.stream.unwrap_or(false),
            include_usage: body.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
        })
    }
}

impl Body<'_> {
    fn facts(&self) -> RequestFacts {
        let none = Messages::default();
        let messages = self.messages.as_ref().unwrap_or(&none).iter();
        let images: usize = messages.clone().map(|message| message.images() as usize).sum();
        let tools = [self.tools, self.functions].into_iter().flatten().filter(|tools| is_filled(tools));
        let tool_bytes: Vec<usize> = tools.map(|tools| tools.get().len()).collect();
        let text_bytes = messages.clone().map(Message::text_bytes).chain(tool_bytes.iter().copied()).sum();
        let tokens = tokens_of(text_bytes) + messages.len() * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE;
        let format = self.response_format.as_ref().and_then(|format| format.r#type.as_deref());
        RequestFacts {
            input_tokens: TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX)),
            max_output_tokens: self.max_completion_tokens.or(self.max_tokens).map(TokenCount),
            needs: Needs {
                tools: !tool_bytes.is_empty(),
                vision: images > 0,
                structured_output: format == Some("json_schema"),
            },
        }
    }
}

/// Whether a list has anything in it.
pub(crate) fn is_filled(list: &RawValue) -> bool {
    let text = list.get().trim();
    text != "null" && text.trim_matches(['[', ']']).trim() != ""
}

/// The number of tokens that a typical backend model counts for `prompt`, estimated from its length.
#[must_use]
pub fn estimated_tokens(prompt: &Prompt) -> TokenCount {
    let bytes = prompt.turns().iter().map(|turn| turn.text.len()).sum();
    let tokens = tokens_of(bytes) + prompt.turns().len() * TOKENS_PER_MESSAGE;
    TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX))
}

/// The number of tokens that `bytes` of text come to, estimated.
pub(crate) fn tokens_of(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Role;
    use serde_json::json;

    use super::*;

    fn parse(body: &serde_json::Value) -> ChatRequest {
        ChatRequest::parse(body.to_string().as_bytes()).expect("valid")
    }

    fn turns(request: &ChatRequest) -> Vec<(Role, &str)> {
        request.prompt.turns().iter().map(|turn| (turn.role, turn.text.as_str())).collect()
    }

    #[test]
    fn messages_become_turns() {
        let request = parse(&json!({"messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA"}},
                {"type": "text", "text": "this?"},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "tool_call_id": "1", "content": "a cat"},
            {"role": "narrator", "content": "so it was"},
        ]}));
        assert_eq!(
            turns(&request),
            [
                (Role::System, "be brief"),
                (Role::User, "what is\nthis?"),
                (Role::Tool, "a cat"),
                (Role::Tool, "so it was"),
            ]
        );
        assert_eq!(request.prompt.subject(), "what is\nthis?");
    }

    #[test]
    fn an_image_without_words_is_a_blank_prompt() {
        let request = parse(&json!({"messages": [
            {"role": "system", "content": "describe"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]},
        ]}));
        assert!(request.prompt.is_blank());
        assert!(request.facts.needs.vision);
    }

    #[test]
    fn facts_are_read() {
        let user = |text: &str| json!([{"role": "user", "content": text}]);
        let short = parse(&json!({"messages": user("12345678")}));
        assert_eq!(short.facts.input_tokens, TokenCount(2 + 4));
        assert_eq!(estimated_tokens(&short.prompt), short.facts.input_tokens);
        assert_eq!((short.facts.max_output_tokens, short.facts.needs), (None, Needs::default()));
        assert!(!short.stream && !short.include_usage);
        let rich = parse(&json!({
            "messages": user("x"),
            "stream": true,
            "stream_options": {"include_usage": true},
            "tools": [{"type": "function"}],
            "max_tokens": 5,
            "max_completion_tokens": 7,
            "response_format": {"type": "json_schema", "json_schema": {}},
        }));
        assert_eq!(rich.facts.max_output_tokens, Some(TokenCount(7)));
        assert_eq!(rich.facts.needs, Needs { tools: true, vision: false, structured_output: true });
        assert!(rich.stream && rich.include_usage);
        for empty in
            [json!({"messages": user("x"), "tools": [ ]}), json!({"messages": user("x"), "tools": null})]
        {
            assert!(!parse(&empty).facts.needs.tools);
        }
    }

    #[test]
    fn faults_are_named_with_their_place() {
        let said = |body: &str| {
            let error = ChatRequest::parse(body.as_bytes()).expect_err(body);
            format!("{error} [{}]", error.param().unwrap_or("-"))
        };
        insta::assert_snapshot!(
            [
                "{}",
                "{\"messages\": []}",
                "{\"messages\": null}",
                "{\"messages\": \"hi\"}",
                "{\"messages\": [\n {\"content\": \"hi\"}]}",
                "{\"messages\": [\n {\"role\": \"user\", \"content\": 7}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": {\"text\": \"hi\"}}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": [{\"text\": \"hi\"}]}]}",
                "{\"messages\": [{\"role\": \"user\"}], \"stream\": \"yes\"}",
                "{\"messages\": [{\"role\": \"user\"}], \"max_tokens\": -1}",
                "{\"messages\": [{\"role\": \"user\"}",
            ]
            .map(said)
            .join("\n")
        );
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let user = r#"{"role":"user","content":"hi"}"#;
        let body =
            format!(r#"{{"messages":[{user}],"metadata":{},"tools":{}}}"#, deep(1_000_000), deep(1_000_000));
        assert!(ChatRequest::parse(body.as_bytes()).is_ok());
        let body = format!(r#"{{"messages":[{{"role":"user","content":{}}}]}}"#, deep(1_000_000));
        assert!(ChatRequest::parse(body.as_bytes()).is_err());
    }
}
