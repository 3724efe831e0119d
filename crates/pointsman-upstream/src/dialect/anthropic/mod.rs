//! Anthropic's Messages, read and written.

mod content;
mod model;
mod reply;
mod request;
mod routing;
mod stream;
mod thinking;
mod write;

pub(super) use content::read_cache;
pub(super) use model::{Abilities, ThinkingControl, abilities, version};
pub(super) use reply::{read_reply, write_reply};
pub(super) use request::read_request;
pub use routing::MessagesRequest;
pub(super) use stream::{EventReader, EventWriter};
pub(super) use thinking::{ThinkingPlan, plan, sampling};
pub(super) use write::write_request;

use serde_json::{Value, json};

use super::completion::{StopReason, Usage};
use super::error::TranslationError;
use super::fields::{Fields, object, put};
use super::lossy::Lossy;

/// `stop_reason` for a reason.
fn stop_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::End => "end_turn",
        StopReason::Length => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::Sequence => "stop_sequence",
        StopReason::ToolCalls => "tool_use",
        StopReason::Refused => "refusal",
        StopReason::Paused => "pause_turn",
    }
}

fn read_stop_reason(name: &str) -> StopReason {
    match name {
        "max_tokens" => StopReason::Length,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "stop_sequence" => StopReason::Sequence,
        "tool_use" => StopReason::ToolCalls,
        "refusal" => StopReason::Refused,
        "pause_turn" => StopReason::Paused,
        _ => StopReason::End,
    }
}

/// Reads counts over those of an earlier event; what was read from the cache and written to it counts apart here.
pub(super) fn read_usage(
    mut usage: Fields,
    before: Usage,
    lossy: &mut Lossy,
) -> Result<Usage, TranslationError> {
    let cached = |usage: &Usage| usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    let fresh = usage.count("input_tokens")?.unwrap_or(before.input.saturating_sub(cached(&before)));
    let mut read = Usage {
        input: 0,
        cache_read: usage.count("cache_read_input_tokens")?.or(before.cache_read),
        cache_write: usage.count("cache_creation_input_tokens")?.or(before.cache_write),
        output: usage.count("output_tokens")?.unwrap_or(before.output),
        reasoning: before.reasoning,
    };
    read.input = fresh.saturating_add(cached(&read));
    if let Some(mut details) = usage.object("output_tokens_details")? {
        read.reasoning = details.count("thinking_tokens")?.or(before.reasoning);
        details.finish(lossy);
    }
    usage.ignore(&["cache_creation", "inference_geo", "speed"]);
    usage.ignore_if("service_tier", "standard");
    usage.finish(lossy);
    Ok(read)
}

fn write_usage(usage: &Usage) -> Value {
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    let mut written = object(json!({"input_tokens": usage.input.saturating_sub(cached)}));
    put(&mut written, "cache_creation_input_tokens", usage.cache_write);
    put(&mut written, "cache_read_input_tokens", usage.cache_read);
    written.insert("output_tokens".into(), usage.output.into());
    if let Some(tokens) = usage.reasoning {
        written.insert("output_tokens_details".into(), json!({"thinking_tokens": tokens}));
    }
    written.into()
}

/// An id of a call as Anthropic and Bedrock take it: letters, digits, `_` and `-`. Others get a name of their own that is the
/// same every time, so that calls and their results stay together.
pub(super) fn call_id(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(plain) {
        return id.to_owned();
    }
    // FNV-1a, 64 bits.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let name: String = id.chars().filter(|c| plain(*c)).take(32).collect();
    format!("{name}_{hash:016x}")
}

/// Arguments of a call as the object that Anthropic takes, and whether they were one.
pub(super) fn input(arguments: &str) -> (Value, bool) {
    if arguments.trim().is_empty() {
        return (json!({}), true);
    }
    match serde_json::from_str(arguments) {
        Ok(input @ Value::Object(_)) => (input, true),
        // The key that Anthropic's guide for fine-grained tool streaming proposes.
        _ => (json!({"INVALID_JSON": arguments}), false),
    }
}
