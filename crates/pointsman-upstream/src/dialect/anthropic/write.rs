//! `POST /v1/messages`, written.

use serde_json::{Map, Value, json};

use super::super::conversation::{
    Cache, Conversation, Document, Effort, Media, OutputFormat, Part, ServiceTier, Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;
use super::super::turns::{Turns, stop_sequences};
use super::model::abilities;
use super::thinking::{plan, sampling};
use super::{call_id, input};

type Written<T> = Result<T, TranslationError>;

/// `max_tokens` when the client sets no limit, thinking not counted: every model since Claude 3.7 allows as many.
const DEFAULT_MAX_TOKENS: u64 = 16_384;

/// Writes a request. What has no place is declared.
pub(in super::super) fn write_request(conversation: &Conversation, lossy: &mut Lossy) -> Written<Value> {
    let abilities = abilities(&conversation.model);
    let thinking = plan(conversation, abilities, lossy);
    let extra = if conversation.max_tokens.is_none() { thinking.budget_tokens.unwrap_or(0) } else { 0 };
    let max_tokens = conversation.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS) + extra;
    let mut body = object(json!({"model": conversation.model, "max_tokens": max_tokens}));
    let Turns { system, turns } = Turns::of(&conversation.messages, lossy, |spoken, lossy, blocks| {
        blocks.extend(write_part(spoken.part, &spoken.path, lossy)?);
        Ok(())
    })?;
    put(&mut body, "system", (!system.is_empty()).then(|| as_content(system)));
    let turn = |(role, blocks)| json!({"role": role, "content": as_content(blocks)});
    body.insert("messages".into(), turns.into_iter().map(turn).collect());
    if !conversation.tools.is_empty() {
        let tools: Vec<Value> = conversation.tools.iter().map(write_tool).collect();
        body.insert("tools".into(), tools.into());
        put(&mut body, "tool_choice", write_tool_choice(conversation, lossy));
    } else {
        declare_choice_of_nothing(conversation, lossy);
    }
    let sampling = sampling(conversation, abilities, &thinking, lossy);
    put(&mut body, "temperature", sampling.temperature);
    put(&mut body, "top_p", sampling.top_p);
    put(&mut body, "top_k", sampling.top_k);
    let stop = stop_sequences(&conversation.stop, "stop", lossy);
    put(&mut body, "stop_sequences", (!stop.is_empty()).then_some(stop));
    put(&mut body, "thinking", thinking.config);
    let mut output = Map::new();
    put(&mut output, "effort", thinking.effort.map(Effort::as_str));
    put(&mut output, "format", conversation.output.as_ref().and_then(|format| write_output(format, lossy)));
    if !output.is_empty() {
        body.insert("output_config".into(), output.into());
    }
    put(&mut body, "metadata", conversation.user.as_ref().map(|user| json!({"user_id": user})));
    put(&mut body, "service_tier", conversation.service_tier.and_then(|tier| write_tier(tier, lossy)));
    put(&mut body, "cache_control", conversation.cache.map(write_cache));
    if conversation.stream {
        body.insert("stream".into(), true.into());
    }
    Ok(body.into())
}

fn write_tier(tier: ServiceTier, lossy: &mut Lossy) -> Option<&'static str> {
    match tier {
        ServiceTier::Auto => Some("auto"),
        ServiceTier::Standard => Some("standard_only"),
        ServiceTier::Flex | ServiceTier::Priority => {
            lossy.add("service_tier");
            None
        }
    }
}

fn write_output(output: &OutputFormat, lossy: &mut Lossy) -> Option<Value> {
    match output {
        OutputFormat::Json => {
            lossy.add("response_format");
            None
        }
        OutputFormat::Schema { name, description, schema, strict } => {
            if name.is_some() {
                lossy.add("response_format.json_schema.name");
            }
            if description.is_some() {
                lossy.add("response_format.json_schema.description");
            }
            // Here a schema is always kept to.
            if *strict == Some(false) {
                lossy.add("response_format.json_schema.strict");
            }
            Some(json!({"type": "json_schema", "schema": schema}))
        }
    }
}

fn write_tool(tool: &Tool) -> Value {
    let mut written = object(json!({"name": tool.name}));
    put(&mut written, "description", tool.description.clone());
    let any = || json!({"type": "object", "properties": {}});
    written.insert("input_schema".into(), tool.parameters.clone().unwrap_or_else(any));
    put(&mut written, "strict", tool.strict);
    put(&mut written, "cache_control", tool.cache.map(write_cache));
    written.into()
}

fn write_tool_choice(conversation: &Conversation, lossy: &mut Lossy) -> Option<Value> {
    let one_at_a_time = conversation.parallel_tool_calls.map(|parallel| !parallel);
    let choice = match &conversation.tool_choice {
        None if one_at_a_time != Some(true) => return None,
        None | Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => {
            if one_at_a_time == Some(true) {
                lossy.add("parallel_tool_calls");
            }
            return Some(json!({"type": "none"}));
        }
        Some(ToolChoice::Any) => json!({"type": "any"}),
        Some(ToolChoice::Tool(name)) => json!({"type": "tool", "name": name}),
    };
    let mut choice = object(choice);
    put(&mut choice, "disable_parallel_tool_use", one_at_a_time);
    Some(choice.into())
}

/// A choice among no tools is not taken here; to call none is what is done.
fn declare_choice_of_nothing(conversation: &Conversation, lossy: &mut Lossy) {
    if conversation.tool_choice.as_ref().is_some_and(|choice| *choice != ToolChoice::None) {
        lossy.add("tool_choice");
    }
    if conversation.parallel_tool_calls == Some(false) {
        lossy.add("parallel_tool_calls");
    }
}

fn write_cache(cache: Cache) -> Value {
    match cache {
        Cache::Default => json!({"type": "ephemeral"}),
        Cache::FiveMinutes => json!({"type": "ephemeral", "ttl": "5m"}),
        Cache::OneHour => json!({"type": "ephemeral", "ttl": "1h"}),
    }
}

/// A single text without marks as a string.
fn as_content(mut blocks: Vec<Value>) -> Value {
    match blocks.as_mut_slice() {
        [block] if block["type"] == "text" && block.get("cache_control").is_none() => block["text"].take(),
        _ => blocks.into(),
    }
}

fn write_part(part: &Part, path: &str, lossy: &mut Lossy) -> Written<Option<Value>> {
    let block = match part {
        Part::Text { text, .. } => json!({"type": "text", "text": text}),
        Part::Refusal { text } => {
            lossy.add(path);
            json!({"type": "text", "text": text})
        }
        Part::Image { image, detail, .. } => {
            if detail.is_some() {
                lossy.add(format!("{path}.image_url.detail"));
            }
            json!({"type": "image", "source": write_media(image)})
        }
        Part::Document { document, title, .. } => {
            let mut block =
                object(json!({"type": "document", "source": write_document(document, path, lossy)?}));
            put(&mut block, "title", title.clone());
            block.into()
        }
        Part::Thinking { text, signature: Some(signature) } => {
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Part::Thinking { signature: None, .. } => {
            lossy.add(path);
            return Ok(None);
        }
        Part::RedactedThinking { data } => json!({"type": "redacted_thinking", "data": data}),
        Part::ToolCall { id, name, arguments, .. } => {
            let (input, is_object) = input(arguments);
            if !is_object {
                lossy.add(format!("{path}.arguments"));
            }
            json!({"type": "tool_use", "id": call_id(id), "name": name, "input": input})
        }
        Part::ToolResult { call_id: id, content, is_error, .. } => {
            let mut block = object(json!({"type": "tool_result", "tool_use_id": call_id(id)}));
            let mut shown = Vec::new();
            for (index, part) in content.iter().enumerate() {
                shown.extend(write_part(part, &format!("{path}.content[{index}]"), lossy)?);
            }
            if !shown.is_empty() {
                block.insert("content".into(), as_content(shown));
            }
            if *is_error {
                block.insert("is_error".into(), true.into());
            }
            block.into()
        }
    };
    let mut block = object(block);
    put(&mut block, "cache_control", part.cache().map(write_cache));
    Ok(Some(block.into()))
}

fn write_media(media: &Media) -> Value {
    match media {
        Media::Base64 { media_type, data } => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        Media::Url(url) => json!({"type": "url", "url": url}),
    }
}

fn write_document(document: &Document, path: &str, lossy: &mut Lossy) -> Written<Value> {
    Ok(match document {
        Document::File(media) => write_media(media),
        Document::Text(text) => json!({"type": "text", "media_type": "text/plain", "data": text}),
        Document::Parts(parts) => {
            let mut blocks = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                blocks.extend(write_part(part, &format!("{path}.source.content[{index}]"), lossy)?);
            }
            json!({"type": "content", "content": blocks})
        }
    })
}
