//! `POST /v1/chat/completions`, read.

use serde_json::Value;

use super::super::conversation::{
    Conversation, Effort, OutputFormat, Reasoning, Sampling, ServiceTier, Thinking, Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::messages::{cache_mark, read_messages};

type Read<T> = Result<T, TranslationError>;

/// Reads a request. What the representation has no room for is declared.
pub(in super::super) fn read_request(body: Value, lossy: &mut Lossy) -> Read<Conversation> {
    let mut body = Fields::of(body, "")?;
    refuse_what_would_mean_something_else(&mut body)?;
    let messages = body.list("messages")?.ok_or_else(|| body.error("messages", "is missing"))?;
    let mut conversation = Conversation {
        model: body.required_string("model")?,
        messages: read_messages(messages, lossy)?,
        tools: read_tools(&mut body, lossy)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        output: read_output(&mut body, lossy)?,
        max_tokens: max_tokens(&mut body)?,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.count("top_k")?,
            seed: body.integer("seed")?,
            frequency_penalty: body.number("frequency_penalty")?.filter(|penalty| *penalty != 0.0),
            presence_penalty: body.number("presence_penalty")?.filter(|penalty| *penalty != 0.0),
        },
        stop: read_stop(&mut body)?,
        reasoning: read_reasoning(&mut body)?,
        user: user(&mut body)?,
        service_tier: read_service_tier(&mut body, lossy)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        ..Conversation::default()
    };
    read_tool_choice(&mut body, &mut conversation, lossy)?;
    if let Some(mut options) = body.object("stream_options")? {
        conversation.include_usage = options.boolean("include_usage")?.unwrap_or(false);
        options.ignore(&["include_obfuscation"]);
        options.finish(lossy);
    }
    // Off is what the other side does without being told.
    for key in ["logprobs", "store"] {
        body.ignore_if(key, false);
    }
    body.finish(lossy);
    Ok(conversation)
}

fn refuse_what_would_mean_something_else(body: &mut Fields) -> Read<()> {
    if let Some(n) = body.count("n")?.filter(|n| *n != 1) {
        return Err(body.error("n", format!("is {n}, but this model gives one reply at a time: ask again")));
    }
    if let Some(modalities) = body.list("modalities")?
        && modalities.iter().any(|modality| modality != "text")
    {
        return Err(body.error("modalities", "asks for more than text, which this model cannot give"));
    }
    for (key, problem) in [
        ("functions", "is not translated: use `tools`"),
        ("function_call", "is not translated: use `tool_choice`"),
        ("audio", "asks for audio, which this model cannot give"),
        ("web_search_options", "asks for a web search, which this model's provider does not do this way"),
    ] {
        if body.peek(key).is_some() {
            return Err(body.error(key, problem));
        }
    }
    Ok(())
}

fn max_tokens(body: &mut Fields) -> Read<Option<u64>> {
    let older = body.count("max_tokens")?;
    Ok(body.count("max_completion_tokens")?.or(older))
}

/// The application's name for its user. `safety_identifier` has replaced `user`.
pub(in super::super) fn user(body: &mut Fields) -> Read<Option<String>> {
    let older = body.string("user")?;
    Ok(body.string("safety_identifier")?.or(older))
}

pub(in super::super) fn read_stop(body: &mut Fields) -> Read<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(TranslationError::new("stop", "must be a string or a list of strings")),
    };
    match body.take("stop") {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.into_iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
    }
}

fn read_reasoning(body: &mut Fields) -> Read<Reasoning> {
    read_effort(body, "reasoning_effort")
}

/// An effort by its name, where `none` stands for no thinking at all.
pub(in super::super) fn read_effort(fields: &mut Fields, key: &str) -> Read<Reasoning> {
    match fields.string(key)?.as_deref() {
        None => Ok(Reasoning::default()),
        Some("none") => Ok(Reasoning { thinking: Some(Thinking::Off), effort: None }),
        Some(name) => match Effort::named(name) {
            Some(effort) => Ok(Reasoning { thinking: None, effort: Some(effort) }),
            None => Err(fields.error(key, format!("is no effort that we know: `{name}`"))),
        },
    }
}

pub(in super::super) fn read_service_tier(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<ServiceTier>> {
    Ok(match body.string("service_tier")?.as_deref() {
        None => None,
        Some("auto") => Some(ServiceTier::Auto),
        Some("default") => Some(ServiceTier::Standard),
        Some("flex") => Some(ServiceTier::Flex),
        Some("priority") => Some(ServiceTier::Priority),
        Some(_) => {
            lossy.add("service_tier");
            None
        }
    })
}

fn read_output(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<OutputFormat>> {
    let Some(mut format) = body.object("response_format")? else {
        return Ok(None);
    };
    let kind = format.required_string("type")?;
    let output = match kind.as_str() {
        "text" => None,
        "json_object" => Some(OutputFormat::Json),
        "json_schema" => {
            let mut schema = format.required_object("json_schema")?;
            let output = OutputFormat::Schema {
                name: schema.string("name")?,
                description: schema.string("description")?,
                strict: schema.boolean("strict")?,
                schema: schema.take("schema").ok_or_else(|| schema.error("schema", "is missing"))?,
            };
            schema.finish(lossy);
            Some(output)
        }
        _ => return Err(format.error("type", format!("is no format that we know: `{kind}`"))),
    };
    format.finish(lossy);
    Ok(output)
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
    let mut function = tool.required_object("function")?;
    let cache = match cache_mark(&mut tool, lossy)? {
        Some(cache) => Some(cache),
        None => cache_mark(&mut function, lossy)?,
    };
    let read = Tool {
        name: function.required_string("name")?,
        description: function.string("description")?,
        parameters: function.take("parameters"),
        strict: function.boolean("strict")?,
        cache,
    };
    function.finish(lossy);
    tool.finish(lossy);
    Ok(read)
}

fn read_tool_choice(body: &mut Fields, conversation: &mut Conversation, lossy: &mut Lossy) -> Read<()> {
    match body.take("tool_choice") {
        None => {}
        Some(Value::String(choice)) => conversation.tool_choice = Some(choice_called(&choice)?),
        Some(choice) => {
            let mut choice = Fields::of(choice, "tool_choice")?;
            match choice.required_string("type")?.as_str() {
                "function" => {
                    let mut function = choice.required_object("function")?;
                    conversation.tool_choice = Some(ToolChoice::Tool(function.required_string("name")?));
                    function.finish(lossy);
                }
                "allowed_tools" => {
                    let mut allowed = choice.required_object("allowed_tools")?;
                    conversation.tool_choice = Some(choice_called(&allowed.required_string("mode")?)?);
                    let names = allowed.list("tools")?.unwrap_or_default();
                    let named = |tool: &Tool| {
                        names.iter().any(|value| value["function"]["name"] == tool.name.as_str())
                    };
                    conversation.tools.retain(named);
                    allowed.finish(lossy);
                }
                kind => {
                    return Err(
                        choice.error("type", format!("is `{kind}`, which this model's provider has not"))
                    );
                }
            }
            choice.finish(lossy);
        }
    }
    Ok(())
}

/// A choice that is a word.
pub(in super::super) fn choice_called(word: &str) -> Read<ToolChoice> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Any),
        _ => Err(TranslationError::new("tool_choice", format!("is no choice that we know: `{word}`"))),
    }
}
