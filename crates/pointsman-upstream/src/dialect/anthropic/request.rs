//! `POST /v1/messages`, read.

use serde_json::Value;

use super::super::Dialect;
use super::super::conversation::{
    Conversation, Effort, Message, OutputFormat, Place, Reasoning, Role, Sampling, ServiceTier, Thinking,
    Tool, ToolChoice, Words,
};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::content::{read_cache, read_content};

type Read<T> = Result<T, TranslationError>;

/// Reads a request. What the representation has no room for is declared.
pub(in super::super) fn read_request(body: Value, lossy: &mut Lossy) -> Read<Conversation> {
    let mut body = Fields::of(body, "")?;
    for (key, problem) in [
        ("container", "runs tools on Anthropic's servers, which this model's provider has not"),
        ("mcp_servers", "runs tools on Anthropic's servers, which this model's provider has not"),
    ] {
        if body.peek(key).is_some() {
            return Err(body.error(key, problem));
        }
    }
    let mut conversation = Conversation {
        model: body.required_string("model")?,
        messages: read_messages(&mut body, lossy)?,
        tools: read_tools(&mut body, lossy)?,
        max_tokens: body.count("max_tokens")?,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.count("top_k")?,
            ..Sampling::default()
        },
        stop: read_stop(&mut body)?,
        user: read_user(&mut body, lossy)?,
        service_tier: read_service_tier(&mut body, lossy)?,
        cache: read_cache(&mut body, lossy)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        words: Words(Dialect::Anthropic),
        ..Conversation::default()
    };
    read_tool_choice(&mut body, &mut conversation, lossy)?;
    read_output_config(&mut body, &mut conversation, lossy)?;
    conversation.reasoning.thinking = read_thinking(&mut body, lossy)?;
    body.finish(lossy);
    Ok(conversation)
}

fn read_messages(body: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Message>> {
    let system = read_content(body, "system", lossy)?;
    let given = body.list("messages")?.ok_or_else(|| body.error("messages", "is missing"))?;
    let mut messages = Vec::with_capacity(given.len() + 1);
    if !system.is_empty() {
        messages.push(Message { role: Role::System, parts: system, place: Place::at("system") });
    }
    for (index, message) in given.into_iter().enumerate() {
        let mut message = Fields::of(message, format!("messages[{index}]"))?;
        let role = match message.required_string("role")?.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            role => return Err(message.error("role", format!("is no role that we know: `{role}`"))),
        };
        let parts = read_content(&mut message, "content", lossy)?;
        let place = Place::at(message.path());
        message.finish(lossy);
        messages.push(Message { role, parts, place });
    }
    Ok(messages)
}

fn read_stop(body: &mut Fields) -> Read<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(TranslationError::new("stop_sequences", "must be a list of strings")),
    };
    body.list("stop_sequences")?.unwrap_or_default().into_iter().map(text).collect()
}

fn read_user(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<String>> {
    let Some(mut metadata) = body.object("metadata")? else {
        return Ok(None);
    };
    let user = metadata.string("user_id")?;
    metadata.finish(lossy);
    Ok(user)
}

fn read_service_tier(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<ServiceTier>> {
    Ok(match body.string("service_tier")?.as_deref() {
        None => None,
        Some("auto") => Some(ServiceTier::Auto),
        Some("standard_only") => Some(ServiceTier::Standard),
        Some(_) => {
            lossy.add("service_tier");
            None
        }
    })
}

fn read_tools(body: &mut Fields, lossy: &mut Lossy) -> Read<Vec<Tool>> {
    let tools = body.list("tools")?.unwrap_or_default().into_iter().enumerate();
    tools.map(|(index, tool)| read_tool(tool, format!("tools[{index}]"), lossy)).collect()
}

fn read_tool(tool: Value, path: String, lossy: &mut Lossy) -> Read<Tool> {
    let mut tool = Fields::of(tool, path)?;
    if let Some(kind) = tool.string("type")?.filter(|kind| kind != "custom") {
        let problem = format!("is `{kind}`, a tool that only Anthropic's own models have");
        return Err(tool.error("type", problem));
    }
    let read = Tool {
        name: tool.required_string("name")?,
        description: tool.string("description")?,
        parameters: tool.take("input_schema"),
        strict: tool.boolean("strict")?,
        cache: read_cache(&mut tool, lossy)?,
    };
    tool.finish(lossy);
    Ok(read)
}

fn read_tool_choice(body: &mut Fields, conversation: &mut Conversation, lossy: &mut Lossy) -> Read<()> {
    let Some(mut choice) = body.object("tool_choice")? else {
        return Ok(());
    };
    conversation.tool_choice = Some(match choice.required_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Any,
        "tool" => ToolChoice::Tool(choice.required_string("name")?),
        kind => return Err(choice.error("type", format!("is no choice that we know: `{kind}`"))),
    });
    conversation.parallel_tool_calls = choice.boolean("disable_parallel_tool_use")?.map(|disabled| !disabled);
    choice.finish(lossy);
    Ok(())
}

fn read_output_config(body: &mut Fields, conversation: &mut Conversation, lossy: &mut Lossy) -> Read<()> {
    let Some(mut config) = body.object("output_config")? else {
        return Ok(());
    };
    if let Some(name) = config.string("effort")? {
        let effort = Effort::named(&name)
            .ok_or_else(|| config.error("effort", format!("is no effort that we know: `{name}`")))?;
        conversation.reasoning = Reasoning { effort: Some(effort), thinking: None };
    }
    if let Some(mut format) = config.object("format")? {
        let kind = format.required_string("type")?;
        if kind != "json_schema" {
            return Err(format.error("type", format!("is no format that we know: `{kind}`")));
        }
        let schema = format.take("schema").ok_or_else(|| format.error("schema", "is missing"))?;
        // The schema is always kept to here.
        conversation.output =
            Some(OutputFormat::Schema { name: None, description: None, schema, strict: Some(true) });
        format.finish(lossy);
    }
    config.finish(lossy);
    Ok(())
}

fn read_thinking(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<Thinking>> {
    let Some(mut config) = body.object("thinking")? else {
        return Ok(None);
    };
    let thinking = match config.required_string("type")?.as_str() {
        "disabled" => Some(Thinking::Off),
        "adaptive" => Some(Thinking::Adaptive),
        "enabled" => {
            let tokens = config.count("budget_tokens")?;
            Some(Thinking::Budget(tokens.ok_or_else(|| config.error("budget_tokens", "is missing"))?))
        }
        _ => {
            lossy.add(config.at("type"));
            None
        }
    };
    config.finish(lossy);
    Ok(thinking)
}
