//! The messages of a chat, read.

use serde_json::Value;

use super::super::conversation::{Cache, Document, Media, Message, Part, Place, Role};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;

type Read<T> = Result<T, TranslationError>;

pub(super) fn read_messages(messages: Vec<Value>, lossy: &mut Lossy) -> Read<Vec<Message>> {
    let messages = messages.into_iter().enumerate();
    messages.map(|(index, message)| read_message(message, format!("messages[{index}]"), lossy)).collect()
}

fn read_message(message: Value, path: String, lossy: &mut Lossy) -> Read<Message> {
    let mut message = Fields::of(message, path)?;
    let role = message.required_string("role")?;
    let (role, mut parts) = match role.as_str() {
        "system" => (Role::System, read_content(&mut message, lossy)?),
        "developer" => (Role::Developer, read_content(&mut message, lossy)?),
        "user" => (Role::User, read_content(&mut message, lossy)?),
        "assistant" => (Role::Assistant, read_assistant(&mut message, lossy)?),
        "tool" => (Role::User, vec![read_tool_result(&mut message, lossy)?]),
        "function" => return Err(message.error("role", "is `function`, which is not translated: use `tool`")),
        role => return Err(message.error("role", format!("is no role that we know: `{role}`"))),
    };
    if let Some(mark) = cache_mark(&mut message, lossy)? {
        mark_last(&mut parts, mark);
    }
    let place = Place::at(message.path());
    message.finish(lossy);
    Ok(Message { role, parts, place })
}

/// A mark on a message is one on its last part.
fn mark_last(parts: &mut [Part], mark: Cache) {
    if let Some(
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::Document { cache, .. }
        | Part::ToolCall { cache, .. }
        | Part::ToolResult { cache, .. },
    ) = parts.last_mut()
    {
        cache.get_or_insert(mark);
    }
}

fn read_assistant(message: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Part>> {
    if message.peek("audio").is_some() {
        return Err(message.error("audio", "refers to audio that only its own provider has"));
    }
    if message.peek("function_call").is_some() {
        return Err(message.error("function_call", "is not translated: use `tool_calls`"));
    }
    let mut parts = read_thinking(message, lossy)?;
    parts.extend(read_content(message, lossy)?);
    parts.extend(message.string("refusal")?.map(|text| Part::Refusal { text }));
    parts.extend(read_tool_calls(message, lossy)?);
    message.ignore_if("annotations", Vec::<Value>::new());
    Ok(parts)
}

/// What the model thought: signed blocks if there are any, else the bare text.
pub(super) fn read_thinking(message: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Part>> {
    let bare = [message.string("reasoning_content")?, string_or_nothing(message, "reasoning")];
    let blocks = message.list("thinking_blocks")?.unwrap_or_default();
    if blocks.is_empty() {
        let text = bare.into_iter().flatten().find(|text| !text.is_empty());
        return Ok(text.map(|text| Part::Thinking { text, signature: None }).into_iter().collect());
    }
    let path = message.at("thinking_blocks");
    let read_block = |(index, block)| {
        let mut block = Fields::of(block, format!("{path}[{index}]"))?;
        let part = match block.required_string("type")?.as_str() {
            "thinking" => Part::Thinking {
                text: block.string("thinking")?.unwrap_or_default(),
                signature: block.string("signature")?,
            },
            "redacted_thinking" => Part::RedactedThinking { data: block.required_string("data")? },
            kind => return Err(block.error("type", format!("is no kind of thought: `{kind}`"))),
        };
        block.finish(lossy);
        Ok(part)
    };
    blocks.into_iter().enumerate().map(read_block).collect()
}

/// `reasoning` is a text at some servers and something else at others.
fn string_or_nothing(message: &mut Fields, key: &str) -> Option<String> {
    let is_string = message.peek(key).is_some_and(Value::is_string);
    if is_string { message.string(key).ok().flatten() } else { None }
}

pub(super) fn read_tool_calls(message: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Part>> {
    let path = message.at("tool_calls");
    let read_call = |(index, call)| {
        let mut call = Fields::of(call, format!("{path}[{index}]"))?;
        if let Some(kind) = call.string("type")?.filter(|kind| kind != "function") {
            return Err(call.error("type", format!("is `{kind}`, which this model's provider has not")));
        }
        let mut function = call.required_object("function")?;
        let name = function.required_string("name")?;
        let arguments = match function.take("arguments") {
            None => String::new(),
            Some(Value::String(text)) => text,
            // Some servers send the object itself.
            Some(value) => value.to_string(),
        };
        function.finish(lossy);
        let cache = cache_mark(&mut call, lossy)?;
        let id = call.string("id")?.unwrap_or_default();
        call.ignore(&["index"]);
        call.finish(lossy);
        Ok(Part::ToolCall { id, name, arguments, cache })
    };
    message.list("tool_calls")?.unwrap_or_default().into_iter().enumerate().map(read_call).collect()
}

fn read_tool_result(message: &mut Fields, lossy: &mut Lossy) -> Read<Part> {
    let call_id = message.required_string("tool_call_id")?;
    let content = read_content(message, lossy)?;
    let cache = cache_mark(message, lossy)?;
    Ok(Part::ToolResult { call_id, content, is_error: false, cache })
}

/// A string, or parts. Texts without a character say nothing and are left out.
pub(super) fn read_content(message: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Part>> {
    let path = message.at("content");
    let mut parts = match message.take("content") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(parts)) => {
            let parts = parts.into_iter().enumerate();
            parts
                .map(|(index, part)| read_part(part, format!("{path}[{index}]"), lossy))
                .collect::<Read<_>>()?
        }
        Some(_) => return Err(TranslationError::new(path, "must be a string or a list of parts")),
    };
    parts.retain(|part| !matches!(part, Part::Text { text, .. } if text.is_empty()));
    Ok(parts)
}

fn read_part(part: Value, path: String, lossy: &mut Lossy) -> Read<Part> {
    let mut part = Fields::of(part, path)?;
    let cache = cache_mark(&mut part, lossy)?;
    let read = match part.required_string("type")?.as_str() {
        "text" => Part::Text { text: part.required_string("text")?, cache },
        "refusal" => Part::Refusal { text: part.required_string("refusal")? },
        "image_url" => {
            let mut image = part.required_object("image_url")?;
            let url = image.required_string("url")?;
            let detail = image.string("detail")?.filter(|detail| detail != "auto");
            image.finish(lossy);
            Part::Image { image: Media::from_url(url), detail, cache }
        }
        "file" => {
            let mut file = part.required_object("file")?;
            if file.peek("file_id").is_some() {
                return Err(
                    file.error("file_id", "names a file that only its own provider has: send `file_data`")
                );
            }
            let data = file.required_string("file_data")?;
            let title = file.string("filename")?;
            file.finish(lossy);
            Part::Document { document: Document::File(Media::from_url(data)), title, cache }
        }
        "input_audio" => {
            return Err(part.error("type", "is `input_audio`, which this model's provider cannot take"));
        }
        kind => return Err(part.error("type", format!("is no part that can be translated: `{kind}`"))),
    };
    part.finish(lossy);
    Ok(read)
}

/// `cache_control`, or OpenAI's `prompt_cache_breakpoint`, whose times are its own.
pub(in super::super) fn cache_mark(fields: &mut Fields, lossy: &mut Lossy) -> Read<Option<Cache>> {
    if let Some(mut mark) = fields.object("prompt_cache_breakpoint")? {
        mark.ignore(&["mode"]);
        let has_time = mark.peek("ttl").is_some();
        mark.finish(lossy);
        return Ok(Some(if has_time { Cache::OneHour } else { Cache::Default }));
    }
    super::super::anthropic::read_cache(fields, lossy)
}
