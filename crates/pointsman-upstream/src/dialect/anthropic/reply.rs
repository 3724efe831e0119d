//! A whole message, read and written.

use serde_json::{Value, json};

use super::super::completion::{Completion, Stop, StopReason, Usage};
use super::super::conversation::Part;
use super::super::error::TranslationError;
use super::super::fields::{Fields, object};
use super::super::lossy::Lossy;
use super::content::read_block;
use super::{call_id, input, read_stop_reason, read_usage, stop_reason, write_usage};

/// Reads a message. Blocks that have no counterpart are declared.
pub(in super::super) fn read_reply(body: Value, lossy: &mut Lossy) -> Result<Completion, TranslationError> {
    let mut body = Fields::of(body, "")?;
    let blocks = body.list("content")?.ok_or_else(|| body.error("content", "is missing"))?;
    let mut parts = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        let path = format!("content[{index}]");
        match read_block(block, path.clone(), lossy) {
            Ok(Part::Text { text, .. }) if text.is_empty() => {}
            Ok(part) => parts.push(part),
            Err(_) => lossy.add(path),
        }
    }
    let stop = Stop {
        reason: read_stop_reason(&body.string("stop_reason")?.unwrap_or_default()),
        sequence: body.string("stop_sequence")?,
    };
    if let Some(mut details) = body.object("stop_details")? {
        if let Some(text) = details.string("explanation")? {
            // What the text says already is not said twice.
            parts.retain(|part| !matches!(part, Part::Text { text: said, .. } if *said == text));
            parts.push(Part::Refusal { text });
        }
        details.ignore(&["type"]);
        details.finish(lossy);
    }
    let usage = body.object("usage")?;
    let usage =
        usage.map(|usage| read_usage(usage, Usage::default(), lossy)).transpose()?.unwrap_or_default();
    let id = body.string("id")?.unwrap_or_default();
    let model = body.string("model")?.unwrap_or_default();
    body.ignore(&["type", "role"]);
    body.finish(lossy);
    Ok(Completion { id, model, parts, stop, usage })
}

/// Writes a message.
pub(in super::super) fn write_reply(completion: &Completion) -> Value {
    let content: Vec<Value> = completion.parts.iter().filter_map(write_block).collect();
    let mut message = object(json!({
        "id": completion.id,
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "content": content,
        "stop_reason": stop_reason(completion.stop.reason),
        "stop_sequence": completion.stop.sequence,
        "usage": write_usage(&completion.usage),
    }));
    let refusal = completion.parts.iter().find_map(|part| match part {
        Part::Refusal { text } => Some(text),
        _ => None,
    });
    if completion.stop.reason == StopReason::Refused
        && let Some(explanation) = refusal
    {
        message.insert("stop_details".into(), json!({"type": "refusal", "explanation": explanation}));
    }
    message.into()
}

/// A block of a reply; what no reply has is no block.
fn write_block(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => Some(json!({"type": "text", "text": text})),
        Part::Thinking { text, signature } => {
            // Clients give thoughts back with their signature; one that no provider signed is empty.
            let signature = signature.as_deref().unwrap_or_default();
            Some(json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        Part::RedactedThinking { data } => Some(json!({"type": "redacted_thinking", "data": data})),
        Part::ToolCall { id, name, arguments, .. } => {
            Some(json!({"type": "tool_use", "id": call_id(id), "name": name, "input": input(arguments).0}))
        }
        Part::Image { .. } | Part::Document { .. } | Part::ToolResult { .. } => None,
    }
}
