//! `POST /v1/messages`, written.

use serde_json::{Map, Value, json};

use super::super::conversation::{
    Cache, Conversation, Document, Effort, Media, Message, OutputFormat, Part, Role, ServiceTier, Thinking,
    Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;
use super::model::{Abilities, ThinkingControl, abilities};
use super::{call_id, input};

type Written<T> = Result<T, TranslationError>;

/// `max_tokens` when the client sets no limit, thinking not counted: every model since Claude 3.7 allows as many.
const DEFAULT_MAX_TOKENS: u64 = 16_384;

/// The least budget for thinking.
const MIN_BUDGET_TOKENS: u64 = 1_024;

/// Writes a request. What has no place is declared.
pub(in super::super) fn write_request(conversation: &Conversation, lossy: &mut Lossy) -> Written<Value> {
    let abilities = abilities(&conversation.model);
    let thinking = thinking(conversation, abilities, lossy);
    let extra = if conversation.max_tokens.is_none() { thinking.budget_tokens.unwrap_or(0) } else { 0 };
    let max_tokens = conversation.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS) + extra;
    let mut body = object(json!({"model": conversation.model, "max_tokens": max_tokens}));
    let (system, messages) = write_messages(&conversation.messages, lossy)?;
    put(&mut body, "system", system);
    body.insert("messages".into(), messages.into());
    if !conversation.tools.is_empty() {
        let tools: Vec<Value> = conversation.tools.iter().map(write_tool).collect();
        body.insert("tools".into(), tools.into());
        put(&mut body, "tool_choice", write_tool_choice(conversation, lossy));
    }
    write_sampling(&mut body, conversation, abilities, &thinking, lossy);
    write_stop(&mut body, &conversation.stop, lossy);
    put(&mut body, "thinking", thinking.config);
    let mut output = Map::new();
    put(&mut output, "effort", thinking.effort.map(Effort::as_str));
    put(&mut output, "format", conversation.output.as_ref().and_then(|format| write_output(format, lossy)));
    if !output.is_empty() {
        body.insert("output_config".into(), output.into());
    }
    put(&mut body, "metadata", conversation.user.as_ref().map(|user| json!({"user_id": user})));
    let tier = |tier| if tier == ServiceTier::Auto { "auto" } else { "standard_only" };
    put(&mut body, "service_tier", conversation.service_tier.map(tier));
    put(&mut body, "cache_control", conversation.cache.map(write_cache));
    if conversation.stream {
        body.insert("stream".into(), true.into());
    }
    Ok(body.into())
}

/// How thinking is asked for.
#[derive(Debug, Default)]
struct ThinkingPlan {
    config: Option<Value>,
    budget_tokens: Option<u64>,
    effort: Option<Effort>,
}

fn thinking(conversation: &Conversation, abilities: Abilities, lossy: &mut Lossy) -> ThinkingPlan {
    let (wanted, effort) = (conversation.reasoning.thinking, conversation.reasoning.effort);
    if wanted == Some(Thinking::Off) {
        let config = (abilities.thinking != ThinkingControl::Absent).then(|| json!({"type": "disabled"}));
        return ThinkingPlan { config, ..ThinkingPlan::default() };
    }
    if wanted.is_none() && effort.is_none() {
        return ThinkingPlan::default();
    }
    match abilities.thinking {
        ThinkingControl::Absent => {
            lossy.add("reasoning_effort");
            ThinkingPlan::default()
        }
        ThinkingControl::Adaptive => {
            let effort = effort.or(match wanted {
                Some(Thinking::Budget(tokens)) => Some(Effort::of_budget(tokens)),
                _ => None,
            });
            if effort == Some(Effort::Minimal) {
                lossy.add("reasoning_effort");
            }
            let config = Some(json!({"type": "adaptive"}));
            ThinkingPlan { config, budget_tokens: None, effort: effort.map(|effort| effort.max(Effort::Low)) }
        }
        ThinkingControl::Budget => with_budget(conversation, lossy),
    }
}

/// Thinking by a budget, which leaves room for the reply, allows no forced call, and, within a round of tool calls,
/// asks for the thoughts that began it.
fn with_budget(conversation: &Conversation, lossy: &mut Lossy) -> ThinkingPlan {
    let wanted = match conversation.reasoning.thinking {
        Some(Thinking::Budget(tokens)) => tokens,
        _ => conversation.reasoning.effort.unwrap_or(Effort::Medium).budget_tokens(),
    };
    let room = conversation.max_tokens.map_or(u64::MAX, |tokens| tokens.saturating_sub(1));
    let forced = matches!(conversation.tool_choice, Some(ToolChoice::Any | ToolChoice::Tool(_)));
    if room < MIN_BUDGET_TOKENS || forced || calls_without_thoughts(&conversation.messages) {
        lossy.add("reasoning_effort");
        return ThinkingPlan::default();
    }
    let budget_tokens = wanted.max(MIN_BUDGET_TOKENS).min(room);
    let config = json!({"type": "enabled", "budget_tokens": budget_tokens});
    ThinkingPlan { config: Some(config), budget_tokens: Some(budget_tokens), effort: None }
}

/// Whether the results that end the conversation are of calls whose thoughts are not there.
fn calls_without_thoughts(messages: &[Message]) -> bool {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    let is_signed = |part: &Part| {
        matches!(part, Part::Thinking { signature: Some(_), .. } | Part::RedactedThinking { .. })
    };
    let ends_with_results = messages.last().is_some_and(|message| message.parts.iter().any(is_result));
    let caller = messages.iter().rev().find(|message| message.role == Role::Assistant);
    ends_with_results && caller.is_some_and(|message| !message.parts.iter().any(is_signed))
}

fn write_sampling(
    body: &mut Map<String, Value>,
    conversation: &Conversation,
    abilities: Abilities,
    thinking: &ThinkingPlan,
    lossy: &mut Lossy,
) {
    let sampling = &conversation.sampling;
    let allowed = abilities.sampling && thinking.budget_tokens.is_none();
    match sampling.temperature {
        // The scale ends at 1 here, and 1 is what is done without being told.
        Some(temperature) if temperature > 1.0 => {
            lossy.add("temperature");
            if allowed {
                body.insert("temperature".into(), 1.0.into());
            }
        }
        Some(temperature) if allowed => put(body, "temperature", Some(temperature)),
        Some(temperature) if temperature < 1.0 => lossy.add("temperature"),
        _ => {}
    }
    match sampling.top_p {
        Some(top_p) if allowed => put(body, "top_p", Some(top_p)),
        Some(top_p) if top_p < 1.0 => lossy.add("top_p"),
        _ => {}
    }
    match sampling.top_k {
        Some(top_k) if allowed => put(body, "top_k", Some(top_k)),
        Some(_) => lossy.add("top_k"),
        None => {}
    }
    for (name, is_set) in [
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
    ] {
        if is_set {
            lossy.add(name);
        }
    }
}

/// Stop sequences; blank ones are not taken.
fn write_stop(body: &mut Map<String, Value>, stop: &[String], lossy: &mut Lossy) {
    let mut taken: Vec<Value> = Vec::new();
    for (index, sequence) in stop.iter().enumerate() {
        if sequence.trim().is_empty() {
            lossy.add(format!("stop[{index}]"));
        } else {
            taken.push(sequence.clone().into());
        }
    }
    if !taken.is_empty() {
        body.insert("stop_sequences".into(), taken.into());
    }
}

fn write_output(output: &OutputFormat, lossy: &mut Lossy) -> Option<Value> {
    match output {
        OutputFormat::Json => {
            lossy.add("response_format");
            None
        }
        OutputFormat::Schema { name, description, schema, .. } => {
            if name.is_some() {
                lossy.add("response_format.json_schema.name");
            }
            if description.is_some() {
                lossy.add("response_format.json_schema.description");
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

fn write_cache(cache: Cache) -> Value {
    match cache {
        Cache::Default => json!({"type": "ephemeral"}),
        Cache::FiveMinutes => json!({"type": "ephemeral", "ttl": "5m"}),
        Cache::OneHour => json!({"type": "ephemeral", "ttl": "1h"}),
    }
}

/// The system prompt and the turns. Messages of one role in a row become one turn, for results of parallel calls must
/// stand together; system messages that come later join the first ones, which is declared.
fn write_messages(messages: &[Message], lossy: &mut Lossy) -> Written<(Option<Value>, Vec<Value>)> {
    let mut system = Vec::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let role = match message.role {
            Role::System | Role::Developer => {
                if !turns.is_empty() {
                    lossy.add(message.place.0.clone());
                }
                write_parts(message, lossy, &mut system)?;
                continue;
            }
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let mut blocks = Vec::new();
        write_parts(message, lossy, &mut blocks)?;
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, turn)) if *last == role => turn.append(&mut blocks),
            _ => turns.push((role, blocks)),
        }
    }
    if let Some(last) = messages.last().filter(|last| last.role == Role::Assistant) {
        // It is continued here; the sender meant it to be answered.
        lossy.add(last.place.0.clone());
    }
    let turns = turns
        .into_iter()
        .map(|(role, blocks)| json!({"role": role, "content": as_content(blocks)}))
        .collect();
    Ok(((!system.is_empty()).then(|| as_content(system)), turns))
}

/// A single text without marks as a string.
fn as_content(mut blocks: Vec<Value>) -> Value {
    match blocks.as_mut_slice() {
        [block] if block["type"] == "text" && block.get("cache_control").is_none() => block["text"].take(),
        _ => blocks.into(),
    }
}

fn write_parts(message: &Message, lossy: &mut Lossy, blocks: &mut Vec<Value>) -> Written<()> {
    for (index, part) in message.parts.iter().enumerate() {
        blocks.extend(write_part(part, &message.place.part(index), lossy)?);
    }
    if message.role == Role::User {
        // Results come first in a turn.
        blocks.sort_by_key(|block| block["type"] != "tool_result");
    }
    Ok(())
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
