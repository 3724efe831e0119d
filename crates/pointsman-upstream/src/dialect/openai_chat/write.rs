//! `POST /v1/chat/completions`, written.

use serde_json::{Map, Value, json};

use super::super::conversation::{
    Cache, Conversation, Document, Effort, Media, Message, OutputFormat, Part, Role, ServiceTier, Thinking,
    Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;

type Written<T> = Result<T, TranslationError>;

/// The name of a schema that has none; OpenAI asks for one.
pub(in super::super) const SCHEMA_NAME: &str = "response";

/// Writes a request. What has no place is declared.
pub(in super::super) fn write_request(
    conversation: &Conversation,
    is_openai: bool,
    lossy: &mut Lossy,
) -> Written<Value> {
    refuse_prefill(conversation)?;
    let mut body = object(json!({"model": conversation.model}));
    body.insert("messages".into(), write_messages(&conversation.messages, lossy)?.into());
    if !conversation.tools.is_empty() {
        let tools = conversation.tools.iter().enumerate();
        let tools: Vec<Value> = tools.map(|(index, tool)| write_tool(tool, index, lossy)).collect();
        body.insert("tools".into(), tools.into());
    }
    put(&mut body, "tool_choice", conversation.tool_choice.as_ref().map(write_tool_choice));
    put(&mut body, "parallel_tool_calls", conversation.parallel_tool_calls);
    put(&mut body, "response_format", conversation.output.as_ref().map(write_output));
    let max_tokens = if is_openai { "max_completion_tokens" } else { "max_tokens" };
    put(&mut body, max_tokens, conversation.max_tokens);
    write_sampling(&mut body, conversation, is_openai, lossy);
    if !conversation.stop.is_empty() {
        body.insert("stop".into(), conversation.stop.clone().into());
    }
    put(&mut body, "reasoning_effort", effort(conversation, lossy).map(Effort::as_str));
    put(&mut body, "user", conversation.user.clone());
    put(&mut body, "service_tier", conversation.service_tier.map(tier));
    if conversation.cache.is_some() {
        lossy.add("cache_control");
    }
    if conversation.stream {
        body.insert("stream".into(), true.into());
        // The counts are part of every reply in other dialects.
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    Ok(body.into())
}

/// A last message of the assistant is to be continued in other dialects; here it would be answered.
pub(in super::super) fn refuse_prefill(conversation: &Conversation) -> Written<()> {
    match conversation.messages.last() {
        Some(Message { role: Role::Assistant, place, .. }) => {
            let problem = "is the assistant's own, to be continued, which this model's provider does not do: end with the user's";
            Err(TranslationError::new(place.whole.clone(), problem))
        }
        _ => Ok(()),
    }
}

fn write_sampling(
    body: &mut Map<String, Value>,
    conversation: &Conversation,
    is_openai: bool,
    lossy: &mut Lossy,
) {
    let sampling = &conversation.sampling;
    put(body, "temperature", sampling.temperature);
    put(body, "top_p", sampling.top_p);
    put(body, "seed", sampling.seed);
    put(body, "frequency_penalty", sampling.frequency_penalty);
    put(body, "presence_penalty", sampling.presence_penalty);
    if is_openai {
        // Self-hosted servers know `top_k`, OpenAI refuses it.
        if sampling.top_k.is_some() {
            lossy.add("top_k");
        }
    } else {
        put(body, "top_k", sampling.top_k);
    }
}

/// The effort that stands for how much the model is to think.
pub(in super::super) fn effort(conversation: &Conversation, lossy: &mut Lossy) -> Option<Effort> {
    let reasoning = conversation.reasoning;
    match reasoning.thinking {
        // `none` is refused by most models, so that silence is the nearest to it.
        Some(Thinking::Off) => {
            lossy.add("thinking");
            reasoning.effort
        }
        Some(Thinking::Budget(tokens)) => {
            lossy.add("thinking.budget_tokens");
            reasoning.effort.or(Some(Effort::of_budget(tokens)))
        }
        Some(Thinking::Adaptive) | None => reasoning.effort,
    }
}

pub(in super::super) fn tier(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Auto => "auto",
        ServiceTier::Standard => "default",
        ServiceTier::Flex => "flex",
        ServiceTier::Priority => "priority",
    }
}

fn write_output(output: &OutputFormat) -> Value {
    match output {
        OutputFormat::Json => json!({"type": "json_object"}),
        OutputFormat::Schema { name, description, schema, strict } => {
            let mut written = object(json!({"name": name.as_deref().unwrap_or(SCHEMA_NAME)}));
            put(&mut written, "description", description.clone());
            written.insert("schema".into(), schema.clone());
            put(&mut written, "strict", *strict);
            json!({"type": "json_schema", "json_schema": written})
        }
    }
}

fn write_tool(tool: &Tool, index: usize, lossy: &mut Lossy) -> Value {
    declare_cache(tool.cache, &format!("tools[{index}]"), lossy);
    let mut function = object(json!({"name": tool.name}));
    put(&mut function, "description", tool.description.clone());
    put(&mut function, "parameters", tool.parameters.clone());
    put(&mut function, "strict", tool.strict);
    json!({"type": "function", "function": function})
}

fn write_tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Any => "required".into(),
        ToolChoice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn declare_cache(cache: Option<Cache>, path: &str, lossy: &mut Lossy) {
    if cache.is_some() {
        lossy.add(format!("{path}.cache_control"));
    }
}

fn write_messages(messages: &[Message], lossy: &mut Lossy) -> Written<Vec<Value>> {
    let mut written = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::System => write_plain("system", message, lossy, &mut written)?,
            Role::Developer => write_plain("developer", message, lossy, &mut written)?,
            Role::User => write_user(message, lossy, &mut written)?,
            Role::Assistant => written.extend(write_assistant(message, lossy)?),
        }
    }
    Ok(written)
}

fn write_plain(role: &str, message: &Message, lossy: &mut Lossy, written: &mut Vec<Value>) -> Written<()> {
    let mut content = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        write_part(part, &message.place.part(index), lossy, &mut content)?;
    }
    if !content.is_empty() {
        written.push(json!({"role": role, "content": as_content(content)}));
    }
    Ok(())
}

/// A turn of the user: what tools answered, a message each, then what the user says.
fn write_user(message: &Message, lossy: &mut Lossy, written: &mut Vec<Value>) -> Written<()> {
    let mut said = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        let path = message.place.part(index);
        let Part::ToolResult { call_id, content, is_error, cache } = part else {
            write_part(part, &path, lossy, &mut said)?;
            continue;
        };
        declare_cache(*cache, &path, lossy);
        if *is_error {
            lossy.add(format!("{path}.is_error"));
        }
        let mut texts = Vec::new();
        for (index, part) in content.iter().enumerate() {
            let path = format!("{path}.content[{index}]");
            if matches!(part, Part::Text { .. } | Part::Document { document: Document::Text(_), .. }) {
                write_part(part, &path, lossy, &mut texts)?;
            } else {
                // Tools answer in words here; what they show is shown by the user.
                lossy.add(path.clone());
                write_part(part, &path, lossy, &mut said)?;
            }
        }
        let content = if texts.is_empty() { "".into() } else { as_content(texts) };
        written.push(json!({"role": "tool", "tool_call_id": call_id, "content": content}));
    }
    if !said.is_empty() {
        written.push(json!({"role": "user", "content": as_content(said)}));
    }
    Ok(())
}

fn write_assistant(message: &Message, lossy: &mut Lossy) -> Written<Option<Value>> {
    let (mut content, mut calls, mut refusal) = (Vec::new(), Vec::new(), None::<String>);
    for (index, part) in message.parts.iter().enumerate() {
        let path = message.place.part(index);
        match part {
            // Its signature means nothing to another provider.
            Part::Thinking { .. } | Part::RedactedThinking { .. } => lossy.add(path),
            Part::Refusal { text } => refusal.get_or_insert_default().push_str(text),
            Part::ToolCall { id, name, arguments, cache } => {
                declare_cache(*cache, &path, lossy);
                calls.push(write_call(id, name, arguments));
            }
            part => {
                if !calls.is_empty() {
                    // Text stands before calls here.
                    lossy.add(path.clone());
                }
                write_part(part, &path, lossy, &mut content)?;
            }
        }
    }
    if content.is_empty() && calls.is_empty() && refusal.is_none() {
        return Ok(None);
    }
    let content = if content.is_empty() { Value::Null } else { as_content(content) };
    let mut written = object(json!({"role": "assistant", "content": content}));
    put(&mut written, "refusal", refusal);
    if !calls.is_empty() {
        written.insert("tool_calls".into(), calls.into());
    }
    Ok(Some(written.into()))
}

/// A call; arguments that are none at all are an empty object.
pub(super) fn write_call(id: &str, name: &str, arguments: &str) -> Value {
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// A single text as a string, which every server takes.
fn as_content(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [part] if part["type"] == "text" => part["text"].take(),
        _ => parts.into(),
    }
}

fn write_part(part: &Part, path: &str, lossy: &mut Lossy, content: &mut Vec<Value>) -> Written<()> {
    declare_cache(part.cache(), path, lossy);
    match part {
        Part::Text { text, .. } => content.push(json!({"type": "text", "text": text})),
        Part::Image { image, detail, .. } => {
            let mut url = object(json!({"url": image.to_url()}));
            put(&mut url, "detail", detail.clone());
            content.push(json!({"type": "image_url", "image_url": url}));
        }
        Part::Document { document, title, .. } => {
            write_document(document, title.as_deref(), path, lossy, content)?;
        }
        Part::Refusal { text } => content.push(json!({"type": "refusal", "refusal": text})),
        Part::Thinking { .. } | Part::RedactedThinking { .. } => lossy.add(path),
        Part::ToolCall { .. } | Part::ToolResult { .. } => {
            return Err(TranslationError::new(path, "stands in a message of the wrong role"));
        }
    }
    Ok(())
}

fn write_document(
    document: &Document,
    title: Option<&str>,
    path: &str,
    lossy: &mut Lossy,
    content: &mut Vec<Value>,
) -> Written<()> {
    match document {
        Document::File(Media::Url(_)) => {
            let problem =
                "is a document at a URL, which this model's provider does not fetch: send its bytes";
            return Err(TranslationError::new(path, problem));
        }
        Document::File(media @ Media::Base64 { .. }) => {
            let filename = title.unwrap_or("document.pdf");
            content
                .push(json!({"type": "file", "file": {"filename": filename, "file_data": media.to_url()}}));
        }
        Document::Text(text) => {
            if title.is_some() {
                lossy.add(format!("{path}.title"));
            }
            content.push(json!({"type": "text", "text": text}));
        }
        Document::Parts(parts) => {
            if title.is_some() {
                lossy.add(format!("{path}.title"));
            }
            for (index, part) in parts.iter().enumerate() {
                write_part(part, &format!("{path}.source.content[{index}]"), lossy, content)?;
            }
        }
    }
    Ok(())
}
