//! `POST /v1/responses`, written.

use serde_json::{Map, Value, json};

use super::super::conversation::{
    Conversation, Document, Effort, Media, Message, OutputFormat, Part, Role, Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;
use super::super::openai_chat::{SCHEMA_NAME, effort, refuse_prefill, tier};
use super::item;

type Written<T> = Result<T, TranslationError>;

/// Writes a request, nothing of which is to be stored. What has no place is declared.
pub(in super::super) fn write_request(conversation: &Conversation, lossy: &mut Lossy) -> Written<Value> {
    refuse_prefill(conversation)?;
    let mut body = object(json!({"model": conversation.model, "store": false}));
    let mut input = Vec::new();
    for message in &conversation.messages {
        write_message(message, lossy, &mut input)?;
    }
    body.insert("input".into(), input.into());
    if !conversation.tools.is_empty() {
        let tools = conversation.tools.iter().enumerate();
        let tools: Vec<Value> = tools.map(|(index, tool)| write_tool(tool, index, lossy)).collect();
        body.insert("tools".into(), tools.into());
    }
    put(&mut body, "tool_choice", conversation.tool_choice.as_ref().map(write_tool_choice));
    put(&mut body, "parallel_tool_calls", conversation.parallel_tool_calls);
    put(
        &mut body,
        "text",
        conversation.output.as_ref().map(|output| json!({"format": write_format(output)})),
    );
    put(&mut body, "max_output_tokens", conversation.max_tokens);
    put(&mut body, "temperature", conversation.sampling.temperature);
    put(&mut body, "top_p", conversation.sampling.top_p);
    let effort = effort(conversation, lossy).map(Effort::as_str);
    put(&mut body, "reasoning", effort.map(|effort| json!({"effort": effort})));
    put(&mut body, "safety_identifier", conversation.user.clone());
    put(&mut body, "service_tier", conversation.service_tier.map(tier));
    declare_what_has_no_place(conversation, lossy);
    if conversation.stream {
        body.insert("stream".into(), true.into());
    }
    Ok(body.into())
}

fn declare_what_has_no_place(conversation: &Conversation, lossy: &mut Lossy) {
    let sampling = &conversation.sampling;
    for (is_given, field) in [
        (sampling.top_k.is_some(), "top_k"),
        (sampling.seed.is_some(), "seed"),
        (sampling.frequency_penalty.is_some(), "frequency_penalty"),
        (sampling.presence_penalty.is_some(), "presence_penalty"),
        (!conversation.stop.is_empty(), conversation.words.pick("stop", "stop_sequences")),
        (conversation.cache.is_some(), "cache_control"),
    ] {
        if is_given {
            lossy.add(field);
        }
    }
}

fn write_format(output: &OutputFormat) -> Value {
    match output {
        OutputFormat::Json => json!({"type": "json_object"}),
        OutputFormat::Schema { name, description, schema, strict } => {
            let name = name.as_deref().unwrap_or(SCHEMA_NAME);
            let mut written = object(json!({"type": "json_schema", "name": name}));
            put(&mut written, "description", description.clone());
            written.insert("schema".into(), schema.clone());
            put(&mut written, "strict", *strict);
            written.into()
        }
    }
}

/// A tool. Whether it is strict is always said, for here they are if nothing is said, and elsewhere they are not.
fn write_tool(tool: &Tool, index: usize, lossy: &mut Lossy) -> Value {
    if tool.cache.is_some() {
        lossy.add(format!("tools[{index}].cache_control"));
    }
    let mut written = object(json!({"type": "function", "name": tool.name}));
    put(&mut written, "description", tool.description.clone());
    let any = || json!({"type": "object", "properties": {}});
    written.insert("parameters".into(), tool.parameters.clone().unwrap_or_else(any));
    written.insert("strict".into(), tool.strict.unwrap_or(false).into());
    written.into()
}

fn write_tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Any => "required".into(),
        ToolChoice::Tool(name) => json!({"type": "function", "name": name}),
    }
}

/// Adds the items of a message: what is said in a row, and calls, results and thoughts each on their own.
fn write_message(message: &Message, lossy: &mut Lossy, input: &mut Vec<Value>) -> Written<()> {
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut said = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        let path = message.place.part(index);
        if part.cache().is_some() {
            lossy.add(format!("{path}.cache_control"));
        }
        match part {
            Part::ToolCall { id, name, arguments, .. } => {
                end_message(role, &mut said, input);
                let arguments = item::arguments(arguments);
                input.push(json!({
                    "type": "function_call", "call_id": id, "name": name, "arguments": arguments,
                }));
            }
            Part::ToolResult { call_id, content, is_error, .. } => {
                end_message(role, &mut said, input);
                if *is_error {
                    lossy.add(format!("{path}.is_error"));
                }
                let output = write_output(content, &path, lossy)?;
                input.push(json!({"type": "function_call_output", "call_id": call_id, "output": output}));
            }
            // Its signature means nothing to another provider.
            Part::Thinking { .. } | Part::RedactedThinking { .. } => lossy.add(path),
            Part::Refusal { text } => said.push(json!({"type": "refusal", "refusal": text})),
            Part::Text { text, .. } if message.role == Role::Assistant => {
                said.push(json!({"type": "output_text", "text": text}));
            }
            part => write_part(part, &path, lossy, &mut said)?,
        }
    }
    end_message(role, &mut said, input);
    Ok(())
}

fn end_message(role: &str, said: &mut Vec<Value>, input: &mut Vec<Value>) {
    if !said.is_empty() {
        let content = std::mem::take(said);
        input.push(json!({"type": "message", "role": role, "content": content}));
    }
}

/// What a tool answered: a single text as a string, anything else as parts.
fn write_output(content: &[Part], path: &str, lossy: &mut Lossy) -> Written<Value> {
    let mut parts = Vec::new();
    for (index, part) in content.iter().enumerate() {
        write_part(part, &format!("{path}.content[{index}]"), lossy, &mut parts)?;
    }
    Ok(match parts.as_mut_slice() {
        [] => "".into(),
        [part] if part["type"] == "input_text" => part["text"].take(),
        _ => parts.into(),
    })
}

fn write_part(part: &Part, path: &str, lossy: &mut Lossy, parts: &mut Vec<Value>) -> Written<()> {
    match part {
        Part::Text { text, .. } => parts.push(json!({"type": "input_text", "text": text})),
        Part::Image { image, detail, .. } => {
            let detail = detail.as_deref().unwrap_or("auto");
            parts.push(json!({"type": "input_image", "image_url": image.to_url(), "detail": detail}));
        }
        Part::Document { document: Document::File(file), title, .. } => {
            parts.push(write_file(file, title.as_deref()));
        }
        Part::Document { document, title, .. } => {
            if title.is_some() {
                lossy.add(format!("{path}.title"));
            }
            match document {
                Document::Text(text) => parts.push(json!({"type": "input_text", "text": text})),
                Document::Parts(inner) => {
                    for (index, part) in inner.iter().enumerate() {
                        write_part(part, &format!("{path}.source.content[{index}]"), lossy, parts)?;
                    }
                }
                Document::File(_) => {}
            }
        }
        _ => return Err(TranslationError::new(path, "stands in a message of the wrong role")),
    }
    Ok(())
}

fn write_file(file: &Media, title: Option<&str>) -> Value {
    let mut written: Map<String, Value> = object(json!({"type": "input_file"}));
    match file {
        Media::Url(url) => put(&mut written, "file_url", Some(url.clone())),
        Media::Base64 { .. } => {
            put(&mut written, "filename", Some(title.unwrap_or("document.pdf")));
            put(&mut written, "file_data", Some(file.to_url()));
        }
    }
    written.into()
}
