//! The items of a response, and the response around them.

use serde_json::{Map, Value, json};

use super::super::Called;
use super::super::completion::{Stop, StopReason, Usage};
use super::super::fields::object;
use super::write_usage;

/// The longest id that OpenAI takes.
const ID_BYTES: usize = 64;

/// An id for the item at `index` of the response called `response`. OpenAI asks for these beginnings.
pub(super) fn id(prefix: &str, response: &str, index: usize) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let end = format!("_{index}");
    let room = ID_BYTES.saturating_sub(prefix.len() + 1 + end.len());
    let name: String = response.chars().filter(plain).take(room).collect();
    format!("{prefix}_{name}{end}")
}

pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

pub(super) fn refusal_part(text: &str) -> Value {
    json!({"type": "refusal", "refusal": text})
}

pub(super) fn message(id: &str, content: &[Value], status: &str) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

/// A call; arguments that are none at all are an empty object.
pub(super) fn call(id: &str, call_id: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({
        "id": id, "type": "function_call", "status": status,
        "call_id": call_id, "name": name, "arguments": arguments,
    })
}

pub(super) fn reasoning(id: &str, text: &str, encrypted: Option<&str>) -> Value {
    let summary = if text.is_empty() { json!([]) } else { json!([summary_part(text)]) };
    json!({"id": id, "type": "reasoning", "summary": summary, "encrypted_content": encrypted})
}

pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// Arguments as they end up in a call.
pub(super) fn arguments(written: &str) -> &str {
    if written.trim().is_empty() { "{}" } else { written }
}

/// How far a response has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Progress<'a> {
    Begun,
    Ended { stop: &'a Stop, usage: &'a Usage },
    Failed { message: &'a str },
}

/// The response `id` of `model` with what there is of its output.
pub(super) fn response(
    (id, model): (&str, &str),
    called: &Called,
    output: &[Value],
    progress: Progress<'_>,
) -> Value {
    let (status, incomplete, error, usage) = match progress {
        Progress::Begun => ("in_progress", Value::Null, Value::Null, Value::Null),
        Progress::Failed { message } => {
            ("failed", Value::Null, json!({"code": "server_error", "message": message}), Value::Null)
        }
        Progress::Ended { stop, usage } => {
            let why = incomplete(stop.reason, output);
            let status = if why.is_some() { "incomplete" } else { "completed" };
            let details = why.map_or(Value::Null, |why| json!({"reason": why}));
            (status, details, Value::Null, write_usage(usage))
        }
    };
    let mut response = object(json!({
        "id": id,
        "object": "response",
        "created_at": called.created_unix_s,
        "status": status,
        "background": false,
        "error": error,
        "incomplete_details": incomplete,
        "model": model,
        "output": output,
        "previous_response_id": null,
        "service_tier": "default",
        "store": false,
        "usage": usage,
    }));
    response.extend(unless_asked());
    response.extend(called.asked.clone());
    response.into()
}

/// What a response says of its request where that did not say it.
fn unless_asked() -> Map<String, Value> {
    object(json!({
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "prompt_cache_key": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "temperature": null,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": null,
        "truncation": "disabled",
        "user": null,
    }))
}

/// Why a response is not complete, if it is not. A refusal in words is.
fn incomplete(reason: StopReason, output: &[Value]) -> Option<&'static str> {
    let refuses = |item: &Value| {
        item["content"].as_array().is_some_and(|content| content.iter().any(|part| part["type"] == "refusal"))
    };
    match reason {
        StopReason::Length | StopReason::ContextFull => Some("max_output_tokens"),
        StopReason::Refused if !output.iter().any(refuses) => Some("content_filter"),
        _ => None,
    }
}

/// Why the response ended, by its fields. `has_calls` and `refuses` are what its output holds.
pub(super) fn stop_reason(
    status: &str,
    incomplete_because: Option<&str>,
    has_calls: bool,
    refuses: bool,
) -> StopReason {
    match (status, incomplete_because) {
        ("incomplete", Some("content_filter")) => StopReason::Refused,
        ("incomplete", _) => StopReason::Length,
        _ if has_calls => StopReason::ToolCalls,
        _ if refuses => StopReason::Refused,
        _ => StopReason::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_openais_form() {
        assert_eq!(id("msg", "chatcmpl-1", 0), "msg_chatcmpl-1_0");
        assert_eq!(id("fc", "a b/ü", 12), "fc_ab_12");
        let long = id("rs", &"x".repeat(200), 3);
        assert!(long.len() == ID_BYTES && long.ends_with("x_3"), "{long}");
    }
}
