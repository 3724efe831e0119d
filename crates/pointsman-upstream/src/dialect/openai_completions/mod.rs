//! OpenAI's older completions of a text (`/v1/completions`), for clients that still speak it.
//!
//! A model that only knows conversations gets the text as what the user says, and what it answers is the completion.

mod routing;
mod stream;

pub use routing::CompletionsRequest;
pub(super) use stream::EventWriter;

use serde_json::{Value, json};

use super::Dialect;
use super::completion::Completion;
use super::conversation::{Conversation, Message, Part, Place, Role, Words};
use super::error::TranslationError;
use super::fields::Fields;
use super::lossy::Lossy;
use super::openai_chat::{finish_reason, write_usage};
use super::openai_settings::{read_include_usage, read_sampling, read_stop, read_user};

type Read<T> = Result<T, TranslationError>;

/// Reads a request. What only a model that completes texts can do is refused.
pub(super) fn read_request(body: Value, lossy: &mut Lossy) -> Read<Conversation> {
    let mut body = Fields::of(body, "")?;
    refuse_what_only_texts_have(&mut body)?;
    let prompt = read_prompt(&mut body)?;
    let place = Place { whole: "prompt".to_owned(), parts: vec!["prompt".to_owned()] };
    let conversation = Conversation {
        model: body.required_string("model")?,
        messages: vec![Message { role: Role::User, parts: vec![Part::text(prompt)], place }],
        max_tokens: body.count("max_tokens")?,
        sampling: read_sampling(&mut body)?,
        stop: read_stop(&mut body)?,
        user: read_user(&mut body)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: read_include_usage(&mut body, lossy)?,
        words: Words(Dialect::OpenAiCompletions),
        ..Conversation::default()
    };
    body.finish(lossy);
    Ok(conversation)
}

fn refuse_what_only_texts_have(body: &mut Fields) -> Read<()> {
    for key in ["n", "best_of"] {
        if let Some(n) = body.count(key)?.filter(|n| *n != 1) {
            return Err(
                body.error(key, format!("is {n}, but this model gives one reply at a time: ask again"))
            );
        }
    }
    if body.string("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(body.error("suffix", "asks for what stands before it, which this model cannot give"));
    }
    if body.boolean("echo")? == Some(true) {
        return Err(body.error("echo", "asks for the prompt to be repeated, which this model does not do"));
    }
    Ok(())
}

fn read_prompt(body: &mut Fields) -> Read<String> {
    let one_text =
        || TranslationError::new("prompt", "must be one text for this model, not several, nor tokens");
    match body.take("prompt") {
        None => Err(body.error("prompt", "is missing")),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(mut texts)) if texts.len() == 1 => match texts.swap_remove(0) {
            Value::String(text) => Ok(text),
            _ => Err(one_text()),
        },
        Some(_) => Err(one_text()),
    }
}

/// Writes a completion: the texts of the reply. What else a reply may hold is declared.
pub(super) fn write_reply(completion: &Completion, created_unix_s: u64, lossy: &mut Lossy) -> Value {
    let mut text = String::new();
    for (index, part) in completion.parts.iter().enumerate() {
        match part {
            Part::Text { text: more, .. } | Part::Refusal { text: more } => text += more,
            _ => lossy.add(format!("content[{index}]")),
        }
    }
    if completion.stop.sequence.is_some() {
        lossy.add("stop_sequence");
    }
    let finish_reason = finish_reason(completion.stop.reason);
    json!({
        "id": completion.id,
        "object": "text_completion",
        "created": created_unix_s,
        "model": completion.model,
        "choices": [{"text": text, "index": 0, "logprobs": null, "finish_reason": finish_reason}],
        "usage": write_usage(&completion.usage),
    })
}
