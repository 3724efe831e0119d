//! `POST /v1/chat/completions`, read.

use serde_json::Value;

use super::super::conversation::{Conversation, OutputFormat};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::super::openai_settings::{
    Form, read_effort, read_format, read_include_usage, read_sampling, read_service_tier, read_stop,
    read_tool_choice, read_tools, read_user,
};
use super::messages::read_messages;

type Read<T> = Result<T, TranslationError>;

/// Reads a request. What the representation has no room for is declared.
pub(in super::super) fn read_request(body: Value, lossy: &mut Lossy) -> Read<Conversation> {
    let mut body = Fields::of(body, "")?;
    refuse_what_would_mean_something_else(&mut body)?;
    let messages = body.list("messages")?.ok_or_else(|| body.error("messages", "is missing"))?;
    let mut conversation = Conversation {
        model: body.required_string("model")?,
        messages: read_messages(messages, lossy)?,
        tools: read_tools(&mut body, Form::Nested, lossy)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        output: read_output(&mut body, lossy)?,
        max_tokens: max_tokens(&mut body)?,
        sampling: read_sampling(&mut body)?,
        stop: read_stop(&mut body)?,
        reasoning: read_effort(&mut body, "reasoning_effort")?,
        user: read_user(&mut body)?,
        service_tier: read_service_tier(&mut body, lossy)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: read_include_usage(&mut body, lossy)?,
        ..Conversation::default()
    };
    read_tool_choice(&mut body, Form::Nested, &mut conversation, lossy)?;
    // Off is what the other side does without being told.
    for key in ["logprobs", "store"] {
        body.ignore_if(key, false);
    }
    body.finish(lossy);
    Ok(conversation)
}

fn refuse_what_would_mean_something_else(body: &mut Fields) -> Read<()> {
    if let Some(n) = body.count("n")?.filter(|n| *n != 1) {
        return Err(body.error("n", format!("is {n}, but this model gives one reply at a time: ask again")));
    }
    if let Some(modalities) = body.list("modalities")?
        && modalities.iter().any(|modality| modality != "text")
    {
        return Err(body.error("modalities", "asks for more than text, which this model cannot give"));
    }
    for (key, problem) in [
        ("functions", "is not translated: use `tools`"),
        ("function_call", "is not translated: use `tool_choice`"),
        ("audio", "asks for audio, which this model cannot give"),
        ("web_search_options", "asks for a web search, which this model's provider does not do this way"),
    ] {
        if body.peek(key).is_some() {
            return Err(body.error(key, problem));
        }
    }
    Ok(())
}

fn max_tokens(body: &mut Fields) -> Read<Option<u64>> {
    let older = body.count("max_tokens")?;
    Ok(body.count("max_completion_tokens")?.or(older))
}

fn read_output(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<OutputFormat>> {
    let format = body.object("response_format")?;
    Ok(format.map(|format| read_format(format, Form::Nested, lossy)).transpose()?.flatten())
}
