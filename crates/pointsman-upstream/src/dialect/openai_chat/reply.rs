//! A whole chat completion, read and written.

use serde_json::{Value, json};

use super::super::completion::{Completion, Stop, StopReason};
use super::super::conversation::Part;
use super::super::error::TranslationError;
use super::super::fields::{Fields, object, put};
use super::super::lossy::Lossy;
use super::messages::{read_content, read_thinking, read_tool_calls};
use super::write::write_call;
use super::{finish_reason, read_usage, stop_reason, write_usage};

/// Reads a completion with its first choice: others are never asked for.
pub(in super::super) fn read_reply(body: Value, lossy: &mut Lossy) -> Result<Completion, TranslationError> {
    let mut body = Fields::of(body, "")?;
    let mut choices = body.list("choices")?.unwrap_or_default();
    if choices.is_empty() {
        return Err(body.error("choices", "is empty"));
    }
    let mut choice = Fields::of(choices.swap_remove(0), "choices[0]")?;
    let mut message = choice.required_object("message")?;
    let mut parts = read_thinking(&mut message, lossy)?;
    parts.extend(read_content(&mut message, lossy)?);
    let refusal = message.string("refusal")?.filter(|text| !text.is_empty());
    let is_refusal = refusal.is_some();
    parts.extend(refusal.map(|text| Part::Refusal { text }));
    let id = body.string("id")?.unwrap_or_default();
    let mut calls = read_tool_calls(&mut message, lossy)?;
    name_calls(&mut calls, &id);
    let has_calls = !calls.is_empty();
    parts.extend(calls);
    message.ignore(&["role"]);
    message.ignore_if("annotations", Vec::<Value>::new());
    message.finish(lossy);
    let reason = stop_reason(&choice.string("finish_reason")?.unwrap_or_default(), has_calls);
    let reason = if is_refusal && reason == StopReason::End { StopReason::Refused } else { reason };
    choice.ignore(&["index", "stop_reason"]);
    choice.finish(lossy);
    let usage = body.object("usage")?.map(|usage| read_usage(usage, lossy)).transpose()?.unwrap_or_default();
    let model = body.string("model")?.unwrap_or_default();
    body.ignore(&["object", "created", "system_fingerprint"]);
    body.ignore_if("service_tier", "default");
    body.finish(lossy);
    Ok(Completion { id, model, parts, stop: Stop::because(reason), usage })
}

/// Gives calls without an id one: the answer to a call refers to it.
fn name_calls(calls: &mut [Part], reply: &str) {
    for (index, call) in calls.iter_mut().enumerate() {
        if let Part::ToolCall { id, .. } = call
            && id.is_empty()
        {
            *id = made_up_id(reply, index);
        }
    }
}

/// An id for the call at `index` of the reply called `reply`.
pub(super) fn made_up_id(reply: &str, index: usize) -> String {
    format!("call_{reply}_{index}")
}

/// Writes a completion.
pub(in super::super) fn write_reply(
    completion: &Completion,
    created_unix_s: u64,
    lossy: &mut Lossy,
) -> Value {
    let (mut text, mut refusal, mut calls) = (None::<String>, None::<String>, Vec::new());
    let (mut thought, mut blocks) = (None::<String>, Vec::new());
    for (index, part) in completion.parts.iter().enumerate() {
        match part {
            Part::Text { text: more, .. } => text.get_or_insert_default().push_str(more),
            Part::Refusal { text: more } => refusal.get_or_insert_default().push_str(more),
            Part::ToolCall { id, name, arguments, .. } => calls.push(write_call(id, name, arguments)),
            Part::Thinking { text, signature } => {
                thought.get_or_insert_default().push_str(text);
                if let Some(signature) = signature {
                    blocks.push(signed_block(text, signature));
                }
            }
            Part::RedactedThinking { data } => {
                blocks.push(json!({"type": "redacted_thinking", "data": data}));
            }
            Part::Image { .. } | Part::Document { .. } | Part::ToolResult { .. } => {
                lossy.add(format!("content[{index}]"));
            }
        }
    }
    let mut message = object(json!({"role": "assistant", "content": text, "refusal": refusal}));
    put(&mut message, "reasoning_content", thought.filter(|thought| !thought.is_empty()));
    if !blocks.is_empty() {
        message.insert("thinking_blocks".into(), blocks.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    if completion.stop.sequence.is_some() {
        lossy.add("stop_sequence");
    }
    let finish_reason = finish_reason(completion.stop.reason);
    json!({
        "id": completion.id,
        "object": "chat.completion",
        "created": created_unix_s,
        "model": completion.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
        "usage": write_usage(&completion.usage),
    })
}

/// A thought with its signature, as it has to be given back.
pub(super) fn signed_block(text: &str, signature: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": signature})
}
