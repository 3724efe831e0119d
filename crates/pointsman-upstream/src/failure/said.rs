//! What an event of a stream says to the client.

use serde_json::Value;

use crate::dialect::Dialect;
use crate::dialect::sse::SseEvent;

/// What an event says to the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// That a reply begins, or that the connection is alive.
    Nothing,
    /// A part of the reply, or its end.
    Content,
    Error(String),
}

pub(super) fn said(dialect: Dialect, event: &SseEvent) -> Said {
    let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
        // OpenAI's `[DONE]`.
        return Said::Content;
    };
    if value["type"] == "response.failed" {
        let message = value["response"]["error"]["message"].as_str();
        return Said::Error(message.unwrap_or("it told of a failed response").to_owned());
    }
    let is_error = value["type"] == "error" || value.get("error").is_some_and(|error| !error.is_null());
    if is_error {
        // In a stream of Responses the message stands in the event itself.
        let message = value["error"]["message"].as_str().or(value["error"].as_str());
        let message = message.or(value["message"].as_str());
        return Said::Error(message.unwrap_or("it told of an error in its stream").to_owned());
    }
    let begins = match dialect {
        Dialect::Anthropic => match value["type"].as_str() {
            Some("message_start" | "ping") => true,
            Some("content_block_start") => is_empty_block(&value["content_block"]),
            _ => false,
        },
        Dialect::OpenAiResponses => match value["type"].as_str() {
            Some("response.created" | "response.in_progress" | "response.queued") => true,
            Some("response.content_part.added") => true,
            // A call says its name when it begins.
            Some("response.output_item.added") => value["item"]["type"] != "function_call",
            _ => false,
        },
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
            let choices = value["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
            let says_nothing = |choice: &Value| {
                let text = choice["text"].as_str().unwrap_or_default();
                choice["finish_reason"].is_null() && is_blank(&choice["delta"]) && text.is_empty()
            };
            choices.iter().all(says_nothing)
        }
    };
    if begins { Said::Nothing } else { Said::Content }
}

/// Whether a delta holds nothing but the role.
fn is_blank(delta: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    delta.as_object().is_none_or(|fields| fields.iter().all(|(key, value)| key == "role" || is_empty(value)))
}

/// Whether a block of Anthropic's, of text or thought, has only begun. Others say something by what they are: a call has a name.
fn is_empty_block(block: &Value) -> bool {
    let is_empty = |key: &str| block[key].as_str().is_some_and(str::is_empty);
    match block["type"].as_str() {
        Some("text") => is_empty("text"),
        Some("thinking") => is_empty("thinking"),
        _ => false,
    }
}
