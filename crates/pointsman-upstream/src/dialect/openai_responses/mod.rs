//! OpenAI's Responses, read and written, as far as nothing has to be stored between requests.
//!
//! What other providers' models thought travels in the items of type `reasoning` that a client sends back: their
//! signature is in `encrypted_content`, behind a word that tells it from OpenAI's own ([`thoughts`]).

mod input;
mod item;
mod reply;
mod request;
mod routing;
mod stream_read;
mod stream_write;
mod thoughts;
mod write;

pub(super) use reply::{read_reply, write_reply};
pub(super) use request::read_request;
pub use routing::ResponsesRequest;
pub(super) use stream_read::EventReader;
pub(super) use stream_write::EventWriter;
pub(crate) use thoughts::without_foreign;
pub(super) use write::write_request;

use serde_json::{Map, Value, json};

use super::completion::Usage;
use super::error::TranslationError;
use super::fields::Fields;
use super::lossy::Lossy;

/// What clients of Responses call a field that those of Chat Completions call `path`.
pub(super) fn words(path: &str) -> String {
    if let Some(field) = path.strip_prefix("response_format.json_schema.") {
        return format!("text.format.{field}");
    }
    match path {
        "response_format" => "text.format".to_owned(),
        "reasoning_effort" => "reasoning.effort".to_owned(),
        _ => path.replace(".image_url.detail", ".detail").replace(".file.filename", ".filename"),
    }
}

/// The fields of a request that its reply repeats.
pub(crate) fn repeated(body: &Value) -> Map<String, Value> {
    const KEYS: [&str; 16] = [
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ];
    let given = |key: &str| Some((key.to_owned(), body.get(key).filter(|value| !value.is_null())?.clone()));
    KEYS.into_iter().filter_map(given).collect()
}

pub(super) fn read_usage(mut usage: Fields, lossy: &mut Lossy) -> Result<Usage, TranslationError> {
    let mut read = Usage {
        input: usage.count("input_tokens")?.unwrap_or(0),
        output: usage.count("output_tokens")?.unwrap_or(0),
        ..Usage::default()
    };
    if let Some(mut details) = usage.object("input_tokens_details")? {
        // A count of nothing is always there, and says nothing.
        read.cache_read = details.count("cached_tokens")?.filter(|tokens| *tokens > 0);
        read.cache_write = details.count("cache_write_tokens")?.filter(|tokens| *tokens > 0);
        details.finish(lossy);
    }
    if let Some(mut details) = usage.object("output_tokens_details")? {
        read.reasoning = details.count("reasoning_tokens")?.filter(|tokens| *tokens > 0);
        details.finish(lossy);
    }
    usage.ignore(&["total_tokens"]);
    usage.finish(lossy);
    Ok(read)
}

/// Declares a service tier other than the usual one, which no other dialect's replies tell.
fn declare_tier(response: &mut Fields, lossy: &mut Lossy) {
    response.ignore_if("service_tier", "default");
    if response.take("service_tier").is_some() {
        lossy.add(response.at("service_tier"));
    }
}

/// Both details are part of every count that OpenAI sends.
fn write_usage(usage: &Usage) -> Value {
    let mut read = Map::new();
    read.insert("cached_tokens".into(), usage.cache_read.unwrap_or(0).into());
    if let Some(written) = usage.cache_write {
        read.insert("cache_write_tokens".into(), written.into());
    }
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": read,
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or(0)},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
