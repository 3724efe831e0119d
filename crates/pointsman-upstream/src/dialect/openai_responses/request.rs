//! `POST /v1/responses`, read.

use serde_json::{Value, json};

use super::super::Dialect;
use super::super::conversation::{
    Conversation, Message, OutputFormat, Part, Place, Reasoning, Role, Sampling, Tool, ToolChoice, Words,
};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::super::openai_chat::{choice_called, read_effort, read_service_tier, user};
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
        tools: read_tools(&mut body, lossy)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        output: read_text(&mut body, lossy)?,
        max_tokens: body.count("max_output_tokens")?,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            ..Sampling::default()
        },
        reasoning: read_reasoning(&mut body, lossy)?,
        user: user(&mut body)?,
        service_tier: read_service_tier(&mut body, lossy)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        words: Words(Dialect::OpenAiResponses),
        ..Conversation::default()
    };
    read_tool_choice(&mut body, &mut conversation, lossy)?;
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
    let format = text.object("format")?.map(|format| read_format(format, lossy)).transpose()?.flatten();
    text.ignore_if("verbosity", "medium");
    text.finish(lossy);
    Ok(format)
}

fn read_format(mut format: Fields, lossy: &mut Lossy) -> Read<Option<OutputFormat>> {
    let kind = format.required_string("type")?;
    let read = match kind.as_str() {
        "text" => None,
        "json_object" => Some(OutputFormat::Json),
        "json_schema" => Some(OutputFormat::Schema {
            name: format.string("name")?,
            description: format.string("description")?,
            strict: format.boolean("strict")?,
            schema: format.take("schema").ok_or_else(|| format.error("schema", "is missing"))?,
        }),
        _ => return Err(format.error("type", format!("is no format that we know: `{kind}`"))),
    };
    format.finish(lossy);
    Ok(read)
}

fn read_tools(body: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Tool>> {
    let tools = body.list("tools")?.unwrap_or_default().into_iter().enumerate();
    tools.map(|(index, tool)| read_tool(tool, format!("tools[{index}]"), lossy)).collect()
}

fn read_tool(tool: Value, path: String, lossy: &mut Lossy) -> Read<Tool> {
    let mut tool = Fields::of(tool, path)?;
    let kind = tool.required_string("type")?;
    if kind != "function" {
        let problem =
            format!("is `{kind}`: only tools of type `function` are known to this model's provider");
        return Err(tool.error("type", problem));
    }
    let read = Tool {
        name: tool.required_string("name")?,
        description: tool.string("description")?,
        parameters: tool.take("parameters"),
        strict: tool.boolean("strict")?,
        cache: None,
    };
    tool.finish(lossy);
    Ok(read)
}

fn read_tool_choice(body: &mut Fields, conversation: &mut Conversation, lossy: &mut Lossy) -> Read<()> {
    let mut choice = match body.take("tool_choice") {
        None => return Ok(()),
        Some(Value::String(word)) => {
            conversation.tool_choice = Some(choice_called(&word)?);
            return Ok(());
        }
        Some(choice) => Fields::of(choice, "tool_choice")?,
    };
    let kind = choice.required_string("type")?;
    match kind.as_str() {
        "function" => {
            conversation.tool_choice = Some(ToolChoice::Tool(choice.required_string("name")?));
        }
        "allowed_tools" => {
            conversation.tool_choice = Some(choice_called(&choice.required_string("mode")?)?);
            let names = choice.list("tools")?.unwrap_or_default();
            conversation.tools.retain(|tool| names.iter().any(|value| value["name"] == tool.name.as_str()));
        }
        _ => return Err(choice.error("type", format!("is `{kind}`, which this model's provider has not"))),
    }
    choice.finish(lossy);
    Ok(())
}
