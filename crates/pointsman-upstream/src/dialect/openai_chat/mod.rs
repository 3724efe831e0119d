//! OpenAI's Chat Completions, read and written.
//!
//! Beside OpenAI's own fields, three that its clients and servers have agreed on are understood: `cache_control` on
//! parts, messages and tools, `reasoning_content` (or `reasoning`) for what a model thought, and `thinking_blocks` for
//! thoughts that their provider signed.

mod messages;
mod reply;
mod request;
mod stream;
mod write;

pub(super) use messages::cache_mark;
pub(super) use reply::{read_reply, write_reply};
pub(super) use request::read_request;
pub(super) use stream::{EventReader, EventWriter};
pub(super) use write::{SCHEMA_NAME, effort, refuse_prefill, tier, write_request};

use serde_json::{Map, Value, json};

use super::completion::{StopReason, Usage};
use super::error::TranslationError;
use super::fields::{Fields, put};
use super::lossy::Lossy;

/// `finish_reason` for a reason. `has_calls` is whether tools are called: some servers say `stop` then.
fn stop_reason(finish_reason: &str, has_calls: bool) -> StopReason {
    match finish_reason {
        "length" => StopReason::Length,
        "content_filter" => StopReason::Refused,
        "tool_calls" | "function_call" => StopReason::ToolCalls,
        _ if has_calls => StopReason::ToolCalls,
        _ => StopReason::End,
    }
}

pub(super) fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::End | StopReason::Sequence | StopReason::Paused => "stop",
        StopReason::Length | StopReason::ContextFull => "length",
        StopReason::ToolCalls => "tool_calls",
        StopReason::Refused => "content_filter",
    }
}

pub(super) fn read_usage(mut usage: Fields, lossy: &mut Lossy) -> Result<Usage, TranslationError> {
    let mut read = Usage {
        input: usage.count("prompt_tokens")?.unwrap_or(0),
        output: usage.count("completion_tokens")?.unwrap_or(0),
        ..Usage::default()
    };
    if let Some(mut details) = usage.object("prompt_tokens_details")? {
        read.cache_read = details.count("cached_tokens")?;
        read.cache_write = details.count("cache_write_tokens")?;
        details.ignore(&["audio_tokens", "image_tokens", "text_tokens"]);
        details.finish(lossy);
    }
    if let Some(mut details) = usage.object("completion_tokens_details")? {
        read.reasoning = details.count("reasoning_tokens")?;
        details.ignore(&[
            "accepted_prediction_tokens",
            "audio_tokens",
            "rejected_prediction_tokens",
            "text_tokens",
        ]);
        details.finish(lossy);
    }
    usage.ignore(&["total_tokens"]);
    usage.finish(lossy);
    Ok(read)
}

pub(super) fn write_usage(usage: &Usage) -> Value {
    let mut written = super::fields::object(json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
    }));
    if usage.cache_read.is_some() || usage.cache_write.is_some() {
        let mut details = Map::new();
        put(&mut details, "cached_tokens", usage.cache_read);
        put(&mut details, "cache_write_tokens", usage.cache_write);
        written.insert("prompt_tokens_details".into(), details.into());
    }
    if let Some(reasoning) = usage.reasoning {
        written.insert("completion_tokens_details".into(), json!({"reasoning_tokens": reasoning}));
    }
    written.into()
}
