//! `POST /v1/responses`, read.

use serde_json::{Value, json};

use super::super::Dialect;
use super::super::conversation::{Conversation, Message, OutputFormat, Part, Place, Reasoning, Role, Words};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::super::openai_settings::{
    Form, read_effort, read_format, read_sampling, read_service_tier, read_tool_choice, read_tools, read_user,
};
use super::input::read_input;

type Read<T> = Result<T, TranslationError>;

/// Reads a request. What the representation has no room for is declared; what rests on something that a provider has
/// stored is refused.
pub(in super::super) fn read_request(body: Value, lossy: &mut Lossy) -> Read<Conversation> {
    let mut body = Fields::of(body, "")?;
    refuse_what_is_stored(&mut body)?;
    let mut messages: Vec<Message> = read_instructions(&mut body)?.into_iter().collect();
    messages.extend(read_input(&mut body, lossy)?);
    let mut conversation = Conversation {
        model: body.required_string("model")?,
        messages,
        tools: read_tools(&mut body, Form::Flat, lossy)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        output: read_text(&mut body, lossy)?,
        max_tokens: body.count("max_output_tokens")?,
        sampling: read_sampling(&mut body)?,
        reasoning: read_reasoning(&mut body, lossy)?,
        user: read_user(&mut body)?,
        service_tier: read_service_tier(&mut body, lossy)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        words: Words(Dialect::OpenAiResponses),
        ..Conversation::default()
    };
    read_tool_choice(&mut body, Form::Flat, &mut conversation, lossy)?;
    ignore_what_is_usual(&mut body, lossy)?;
    body.finish(lossy);
    Ok(conversation)
}

fn refuse_what_is_stored(body: &mut Fields) -> Read<()> {
    let whole = "which this model's provider has not: send the whole conversation in `input`";
    for (key, what) in [
        ("previous_response_id", "refers to a response that is stored elsewhere"),
        ("conversation", "refers to a conversation that is stored elsewhere"),
        ("prompt", "refers to a prompt that is stored elsewhere"),
    ] {
        if body.peek(key).is_some() {
            return Err(body.error(key, format!("{what}, {whole}")));
        }
    }
    if body.boolean("background")? == Some(true) {
        let problem = "asks for a reply that is fetched later, which this model's provider does not store: leave it out";
        return Err(body.error("background", problem));
    }
    if body.boolean("store")? == Some(true) {
        let problem = "asks for the reply to be stored, which this model's provider does not do: send false";
        return Err(body.error("store", problem));
    }
    Ok(())
}

fn read_instructions(body: &mut Fields) -> Read<Option<Message>> {
    let text = body.string("instructions")?.filter(|text| !text.is_empty());
    Ok(text.map(|text| Message {
        role: Role::System,
        parts: vec![Part::text(text)],
        place: Place { whole: "instructions".to_owned(), parts: vec!["instructions".to_owned()] },
    }))
}

/// Takes what the other side does without being told.
fn ignore_what_is_usual(body: &mut Fields, lossy: &mut Lossy) -> Read<()> {
    body.ignore_if("metadata", json!({}));
    body.ignore_if("truncation", "disabled");
    body.ignore_if("top_logprobs", 0);
    if let Some(mut options) = body.object("stream_options")? {
        options.ignore(&["include_obfuscation"]);
        options.finish(lossy);
    }
    // Thoughts that can be given back always come with what is needed for that.
    for (index, what) in body.list("include")?.unwrap_or_default().iter().enumerate() {
        if what != "reasoning.encrypted_content" {
            lossy.add(format!("include[{index}]"));
        }
    }
    Ok(())
}

fn read_reasoning(body: &mut Fields, lossy: &mut Lossy) -> Read<Reasoning> {
    let Some(mut reasoning) = body.object("reasoning")? else {
        return Ok(Reasoning::default());
    };
    let read = read_effort(&mut reasoning, "effort")?;
    for key in ["summary", "generate_summary"] {
        reasoning.ignore_if(key, "auto");
    }
    reasoning.finish(lossy);
    Ok(read)
}

fn read_text(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<OutputFormat>> {
    let Some(mut text) = body.object("text")? else {
        return Ok(None);
    };
    let format =
        text.object("format")?.map(|format| read_format(format, Form::Flat, lossy)).transpose()?.flatten();
    text.ignore_if("verbosity", "medium");
    text.finish(lossy);
    Ok(format)
}
