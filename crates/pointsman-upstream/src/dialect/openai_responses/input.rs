//! `input`: a text, or items, as messages.

use serde_json::Value;

use super::super::conversation::{Document, Media, Message, Part, Place, Role};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::thoughts;

type Read<T> = Result<T, TranslationError>;

/// The messages of `input`. What the assistant thought, said and called in a row is one message, for that is how others
/// have it.
pub(super) fn read_input(body: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Message>> {
    let items = match body.take("input") {
        None => return Err(body.error("input", "is missing")),
        Some(Value::String(text)) => {
            let place = Place { whole: "input".to_owned(), parts: vec!["input".to_owned()] };
            return Ok(vec![Message { role: Role::User, parts: vec![Part::text(text)], place }]);
        }
        Some(Value::Array(items)) => items,
        Some(_) => return Err(body.error("input", "must be a string or a list of items")),
    };
    let mut messages: Vec<Message> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let message = read_item(Fields::of(item, format!("input[{index}]"))?, lossy)?;
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.place.parts.extend(places(&message));
                last.parts.extend(message.parts);
            }
            _ => messages.push(message),
        }
    }
    for message in &mut messages {
        message.place.parts = places(message);
    }
    Ok(messages)
}

fn places(message: &Message) -> Vec<String> {
    (0..message.parts.len()).map(|index| message.place.part(index)).collect()
}

fn read_item(mut item: Fields, lossy: &mut Lossy) -> Read<Message> {
    let kind = item.string("type")?.unwrap_or_else(|| "message".to_owned());
    let place = item.path().to_owned();
    // Ids and states are those of the response that an item came with.
    item.ignore(&["id", "status", "phase"]);
    let alone = |role, part| Message {
        role,
        parts: vec![part],
        place: Place { whole: place.clone(), parts: vec![place.clone()] },
    };
    let message = match kind.as_str() {
        "message" => read_message(&mut item, lossy)?,
        "function_call" => {
            let part = Part::ToolCall {
                id: item.required_string("call_id")?,
                name: item.required_string("name")?,
                arguments: item.string("arguments")?.unwrap_or_default(),
                cache: None,
            };
            alone(Role::Assistant, part)
        }
        "function_call_output" => {
            let call_id = item.required_string("call_id")?;
            let content = read_content(&mut item, "output", lossy)?;
            alone(Role::User, Part::ToolResult { call_id, content, is_error: false, cache: None })
        }
        "reasoning" => alone(Role::Assistant, read_reasoning(&mut item, lossy)?),
        "item_reference" => {
            let problem = "is `item_reference`, to an item that is stored elsewhere: send the item itself";
            return Err(item.error("type", problem));
        }
        kind => return Err(item.error("type", format!("is no item that can be translated: `{kind}`"))),
    };
    item.finish(lossy);
    Ok(message)
}

fn read_message(item: &mut Fields, lossy: &mut Lossy) -> Read<Message> {
    let role = match item.required_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        role => return Err(item.error("role", format!("is no role that we know: `{role}`"))),
    };
    let place = Place::at(item.path());
    Ok(Message { role, parts: read_content(item, "content", lossy)?, place })
}

/// The thought of an item, which is its summary, or the words themselves where models give those.
pub(super) fn read_reasoning(item: &mut Fields, lossy: &mut Lossy) -> Read<Part> {
    let mut texts = Vec::new();
    for key in ["summary", "content"] {
        for (index, text) in item.list(key)?.unwrap_or_default().into_iter().enumerate() {
            let mut text = Fields::of(text, format!("{}[{index}]", item.at(key)))?;
            texts.push(text.required_string("text")?);
            text.ignore(&["type"]);
            text.finish(lossy);
        }
    }
    let (part, is_left) = thoughts::read(texts.join("\n\n"), item.string("encrypted_content")?);
    if is_left {
        lossy.add(item.at("encrypted_content"));
    }
    Ok(part)
}

/// A string, or parts. Texts without a character say nothing and are left out.
fn read_content(item: &mut Fields, key: &str, lossy: &mut Lossy) -> Read<Vec<Part>> {
    let path = item.at(key);
    let mut parts = match item.take(key) {
        None => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(parts)) => {
            let parts = parts.into_iter().enumerate();
            let read = |(index, part)| read_part(Fields::of(part, format!("{path}[{index}]"))?, lossy);
            parts.map(read).collect::<Read<_>>()?
        }
        Some(_) => return Err(TranslationError::new(path, "must be a string or a list of parts")),
    };
    parts.retain(|part| !matches!(part, Part::Text { text, .. } if text.is_empty()));
    Ok(parts)
}

pub(super) fn read_part(mut part: Fields, lossy: &mut Lossy) -> Read<Part> {
    let read = match part.required_string("type")?.as_str() {
        "input_text" | "text" => Part::text(part.required_string("text")?),
        "output_text" => {
            part.ignore_if("annotations", Vec::<Value>::new());
            part.ignore_if("logprobs", Vec::<Value>::new());
            Part::text(part.required_string("text")?)
        }
        "refusal" => Part::Refusal { text: part.required_string("refusal")? },
        "input_image" => {
            refuse_stored_file(&part)?;
            let image = Media::from_url(part.required_string("image_url")?);
            let detail = part.string("detail")?.filter(|detail| detail != "auto");
            Part::Image { image, detail, cache: None }
        }
        "input_file" => {
            refuse_stored_file(&part)?;
            let title = part.string("filename")?;
            let file = match part.string("file_data")? {
                Some(data) => Media::from_url(data),
                None => Media::Url(part.required_string("file_url")?),
            };
            Part::Document { document: Document::File(file), title, cache: None }
        }
        kind => return Err(part.error("type", format!("is no part that can be translated: `{kind}`"))),
    };
    part.finish(lossy);
    Ok(read)
}

fn refuse_stored_file(part: &Fields) -> Read<()> {
    match part.peek("file_id") {
        Some(_) => {
            Err(part.error("file_id", "names a file that only its own provider has: send the file itself"))
        }
        None => Ok(()),
    }
}
