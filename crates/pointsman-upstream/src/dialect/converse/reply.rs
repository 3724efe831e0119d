//! A whole reply of Converse, read.

use serde_json::{Value, json};

use super::super::completion::{Completion, Stop};
use super::super::conversation::Part;
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::{read_stop_reason, read_stop_sequence, read_usage};

/// Reads a reply, which has neither an id nor the model's name. Blocks that have no counterpart are declared.
pub(in super::super) fn read_reply(body: Value, lossy: &mut Lossy) -> Result<Completion, TranslationError> {
    let mut body = Fields::of(body, "")?;
    let mut output = body.required_object("output")?;
    let mut message = output.required_object("message")?;
    let path = message.at("content");
    let blocks = message.list("content")?.ok_or_else(|| message.error("content", "is missing"))?;
    let mut parts = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        match read_block(block, path.clone(), lossy)? {
            Some(Part::Text { text, .. }) if text.is_empty() => {}
            Some(part) => parts.push(part),
            None => lossy.add(path),
        }
    }
    message.ignore(&["role"]);
    message.finish(lossy);
    output.finish(lossy);
    let reason = read_stop_reason(&body.string("stopReason")?.unwrap_or_default())?;
    let stop = Stop { reason, sequence: read_stop_sequence(&mut body, lossy)? };
    let usage = body.object("usage")?.map(|usage| read_usage(usage, lossy)).transpose()?.unwrap_or_default();
    body.ignore(&["metrics", "performanceConfig"]);
    body.ignore_if("serviceTier", json!({"type": "default"}));
    body.finish(lossy);
    Ok(Completion { id: String::new(), model: String::new(), parts, stop, usage })
}

/// Reads one block; `None` for one that has no counterpart.
fn read_block(block: Value, path: String, lossy: &mut Lossy) -> Result<Option<Part>, TranslationError> {
    let mut block = Fields::of(block, path)?;
    let part = if let Some(text) = block.string("text")? {
        Part::text(text)
    } else if let Some(mut call) = block.object("toolUse")? {
        if call.peek("type").is_some() {
            // The provider ran the tool itself.
            return Ok(None);
        }
        let part = Part::ToolCall {
            id: call.required_string("toolUseId")?,
            name: call.required_string("name")?,
            arguments: call.take("input").map_or_else(|| "{}".to_owned(), |input| input.to_string()),
            cache: None,
        };
        call.finish(lossy);
        part
    } else if let Some(mut thought) = block.object("reasoningContent")? {
        let part = if let Some(mut text) = thought.object("reasoningText")? {
            let part = Part::Thinking {
                text: text.string("text")?.unwrap_or_default(),
                signature: text.string("signature")?.filter(|signature| !signature.is_empty()),
            };
            text.finish(lossy);
            part
        } else {
            Part::RedactedThinking { data: thought.required_string("redactedContent")? }
        };
        thought.finish(lossy);
        part
    } else if let Some(mut cited) = block.object("citationsContent")? {
        let pieces = cited.list("content")?.unwrap_or_default();
        let text: String = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
        cited.finish(lossy);
        Part::text(text)
    } else {
        return Ok(None);
    };
    block.finish(lossy);
    Ok(Some(part))
}
