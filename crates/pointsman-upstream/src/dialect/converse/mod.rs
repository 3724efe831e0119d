//! Bedrock's Converse and ConverseStream: requests written, replies read.
//!
//! The shapes are those of the API reference, `API_runtime_Converse` and `API_runtime_ConverseStream`. What only some of
//! Bedrock's models take is chosen by the model's family, which its id tells ([`family`](model::family)).

mod content;
mod frames;
mod model;
mod reply;
mod stream;
mod write;

pub(super) use frames::FrameParser;
pub(super) use reply::read_reply;
pub(super) use stream::EventReader;
pub(super) use write::write_request;

use super::completion::{StopReason, Usage};
use super::error::TranslationError;
use super::fields::Fields;
use super::lossy::Lossy;

/// Why a reply ended. A reply that the model could not bring into shape is none.
fn read_stop_reason(name: &str) -> Result<StopReason, TranslationError> {
    Ok(match name {
        "max_tokens" => StopReason::Length,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "stop_sequence" => StopReason::Sequence,
        "tool_use" => StopReason::ToolCalls,
        "content_filtered" | "guardrail_intervened" => StopReason::Refused,
        "malformed_model_output" | "malformed_tool_use" => {
            let problem = format!("is `{name}`: the model's reply is of no use");
            return Err(TranslationError::new("stopReason", problem));
        }
        _ => StopReason::End,
    })
}

/// Reads counts; what was read from the cache and written to it counts apart here.
fn read_usage(mut usage: Fields, lossy: &mut Lossy) -> Result<Usage, TranslationError> {
    let cache_read = usage.count("cacheReadInputTokens")?;
    let cache_write = usage.count("cacheWriteInputTokens")?;
    let fresh = usage.count("inputTokens")?.unwrap_or(0);
    let input = fresh.saturating_add(cache_read.unwrap_or(0)).saturating_add(cache_write.unwrap_or(0));
    let output = usage.count("outputTokens")?.unwrap_or(0);
    // The last two repeat counts of the cache under names that older versions of the API had.
    usage.ignore(&[
        "totalTokens",
        "cacheDetails",
        "serverToolUsage",
        "cacheReadInputTokenCount",
        "cacheWriteInputTokenCount",
    ]);
    usage.finish(lossy);
    Ok(Usage { input, cache_read, cache_write, output, reasoning: None })
}

/// The stop sequence that Claude met, which it is asked to tell.
fn read_stop_sequence(fields: &mut Fields, lossy: &mut Lossy) -> Result<Option<String>, TranslationError> {
    let Some(mut additional) = fields.object("additionalModelResponseFields")? else {
        return Ok(None);
    };
    let sequence = additional.string("stop_sequence")?;
    additional.finish(lossy);
    Ok(sequence)
}
