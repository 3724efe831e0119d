//! A whole response, read and written.

use serde_json::Value;

use super::super::Called;
use super::super::completion::{Completion, Stop};
use super::super::conversation::Part;
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::input::{read_part, read_reasoning};
use super::item::{self, Progress};
use super::{declare_tier, read_usage, thoughts};

/// Reads a response. Items that nobody else has are declared.
pub(in super::super) fn read_reply(body: Value, lossy: &mut Lossy) -> Result<Completion, TranslationError> {
    let mut body = Fields::of(body, "")?;
    let status = body.string("status")?.unwrap_or_default();
    if let Some(error) = body.take("error") {
        let message = error["message"].as_str().unwrap_or("the provider gave no reason");
        return Err(body.error("error", format!("says that the response failed: {message}")));
    }
    let mut parts = Vec::new();
    for (index, item) in body.list("output")?.unwrap_or_default().into_iter().enumerate() {
        read_item(Fields::of(item, format!("output[{index}]"))?, &mut parts, lossy)?;
    }
    let because = body.object("incomplete_details")?.map(|mut details| details.string("reason"));
    let because = because.transpose()?.flatten();
    let has_calls = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let refuses = parts.iter().any(|part| matches!(part, Part::Refusal { .. }));
    let reason = item::stop_reason(&status, because.as_deref(), has_calls, refuses);
    let usage = body.object("usage")?.map(|usage| read_usage(usage, lossy)).transpose()?.unwrap_or_default();
    declare_tier(&mut body, lossy);
    Ok(Completion {
        id: body.string("id")?.unwrap_or_default(),
        model: body.string("model")?.unwrap_or_default(),
        parts,
        stop: Stop::because(reason),
        usage,
    })
}

/// Reads an item of the output. One that nobody else has is declared.
pub(super) fn read_item(
    mut item: Fields,
    parts: &mut Vec<Part>,
    lossy: &mut Lossy,
) -> Result<(), TranslationError> {
    item.ignore(&["id", "status", "role", "phase"]);
    match item.required_string("type")?.as_str() {
        "message" => {
            for (index, part) in item.list("content")?.unwrap_or_default().into_iter().enumerate() {
                let place = format!("{}[{index}]", item.at("content"));
                parts.push(read_part(Fields::of(part, place)?, lossy)?);
            }
        }
        "function_call" => parts.push(Part::ToolCall {
            id: item.required_string("call_id")?,
            name: item.required_string("name")?,
            arguments: item.string("arguments")?.unwrap_or_default(),
            cache: None,
        }),
        "reasoning" => match read_reasoning(&mut item, lossy)? {
            // OpenAI's models often think without a word.
            Part::Thinking { text, signature: None } if text.is_empty() => {}
            part => parts.push(part),
        },
        _ => {
            lossy.add(item.path());
            return Ok(());
        }
    }
    item.finish(lossy);
    Ok(())
}

/// Writes a response.
pub(in super::super) fn write_reply(completion: &Completion, called: &Called, lossy: &mut Lossy) -> Value {
    let output = output(&completion.id, &completion.parts, lossy);
    if completion.stop.sequence.is_some() {
        lossy.add("stop_sequence");
    }
    let ended = Progress::Ended { stop: &completion.stop, usage: &completion.usage };
    item::response((&completion.id, &completion.model), called, &output, ended)
}

/// The items of a reply called `reply`; texts in a row are one message.
fn output(reply: &str, parts: &[Part], lossy: &mut Lossy) -> Vec<Value> {
    let mut output: Vec<Value> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let at = output.len();
        match part {
            Part::Text { text, .. } => say(&mut output, reply, item::text_part(text)),
            Part::Refusal { text } => say(&mut output, reply, item::refusal_part(text)),
            Part::ToolCall { id, name, arguments, .. } => {
                let arguments = item::arguments(arguments);
                output.push(item::call(&item::id("fc", reply, at), id, name, arguments, "completed"));
            }
            Part::Thinking { text, signature } => {
                let encrypted = signature.as_deref().map(thoughts::of_signature);
                output.push(item::reasoning(&item::id("rs", reply, at), text, encrypted.as_deref()));
            }
            Part::RedactedThinking { data } => {
                let encrypted = thoughts::of_redacted(data);
                output.push(item::reasoning(&item::id("rs", reply, at), "", Some(&encrypted)));
            }
            Part::Image { .. } | Part::Document { .. } | Part::ToolResult { .. } => {
                lossy.add(format!("content[{index}]"));
            }
        }
    }
    output
}

fn say(output: &mut Vec<Value>, reply: &str, part: Value) {
    let last = output.last_mut().filter(|item| item["type"] == "message");
    match last.and_then(|item| item["content"].as_array_mut()) {
        Some(content) => content.push(part),
        None => {
            let id = item::id("msg", reply, output.len());
            output.push(item::message(&id, &[part], "completed"));
        }
    }
}
