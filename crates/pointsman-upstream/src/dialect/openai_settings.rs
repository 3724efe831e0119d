//! What requests of OpenAI's APIs say alike beside the conversation: sampling, tools, the form of the reply, reasoning.

use serde_json::Value;

use super::conversation::{
    Conversation, Effort, OutputFormat, Reasoning, Sampling, ServiceTier, Thinking, Tool, ToolChoice,
};
use super::error::TranslationError;
use super::fields::Fields;
use super::lossy::Lossy;
use super::openai_chat::cache_mark;

type Read<T> = Result<T, TranslationError>;

/// Where a tool, a choice or a format keeps what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In an object that is called like its type, as in Chat Completions.
    Nested,
    /// Beside its type, as in Responses.
    Flat,
}

impl Form {
    /// Lets `read` take what is `kind`'s own of `fields`, and declares what it leaves there.
    fn own<T>(
        self,
        fields: &mut Fields,
        kind: &str,
        lossy: &mut Lossy,
        read: impl FnOnce(&mut Fields, &mut Lossy) -> Read<T>,
    ) -> Read<T> {
        match self {
            Self::Flat => read(fields, lossy),
            Self::Nested => {
                let mut own = fields.required_object(kind)?;
                let taken = read(&mut own, lossy)?;
                own.finish(lossy);
                Ok(taken)
            }
        }
    }

    /// The name of the function that a value stands for.
    fn function_name(self, value: &Value) -> &Value {
        match self {
            Self::Nested => &value["function"]["name"],
            Self::Flat => &value["name"],
        }
    }
}

/// How tokens are drawn. `top_k` is no field of OpenAI's, but of servers that speak like it.
pub(super) fn read_sampling(body: &mut Fields) -> Read<Sampling> {
    // Nothing is what the other side does without being told.
    let mut penalty = |key: &str| body.number(key).map(|penalty| penalty.filter(|penalty| *penalty != 0.0));
    let (frequency_penalty, presence_penalty) = (penalty("frequency_penalty")?, penalty("presence_penalty")?);
    Ok(Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: body.count("top_k")?,
        seed: body.integer("seed")?,
        frequency_penalty,
        presence_penalty,
    })
}

/// Texts at which the reply ends: one, or a list.
pub(super) fn read_stop(body: &mut Fields) -> Read<Vec<String>> {
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

/// Whether a stream is to end with its token counts.
pub(super) fn read_include_usage(body: &mut Fields, lossy: &mut Lossy) -> Read<bool> {
    let Some(mut options) = body.object("stream_options")? else {
        return Ok(false);
    };
    let include_usage = options.boolean("include_usage")?.unwrap_or(false);
    options.ignore(&["include_obfuscation"]);
    options.finish(lossy);
    Ok(include_usage)
}

/// The application's name for its user. `safety_identifier` has replaced `user`.
pub(super) fn read_user(body: &mut Fields) -> Read<Option<String>> {
    let older = body.string("user")?;
    Ok(body.string("safety_identifier")?.or(older))
}

/// An effort by its name, where `none` stands for no thinking at all.
pub(super) fn read_effort(fields: &mut Fields, key: &str) -> Read<Reasoning> {
    match fields.string(key)?.as_deref() {
        None => Ok(Reasoning::default()),
        Some("none") => Ok(Reasoning { thinking: Some(Thinking::Off), effort: None }),
        Some(name) => match Effort::named(name) {
            Some(effort) => Ok(Reasoning { thinking: None, effort: Some(effort) }),
            None => Err(fields.error(key, format!("is no effort that we know: `{name}`"))),
        },
    }
}

/// What the request is willing to pay for speed.
pub(super) fn read_service_tier(body: &mut Fields, lossy: &mut Lossy) -> Read<Option<ServiceTier>> {
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

/// What the reply must look like.
pub(super) fn read_format(mut format: Fields, form: Form, lossy: &mut Lossy) -> Read<Option<OutputFormat>> {
    let kind = format.required_string("type")?;
    let read = match kind.as_str() {
        "text" => None,
        "json_object" => Some(OutputFormat::Json),
        "json_schema" => Some(form.own(&mut format, "json_schema", lossy, |schema, _| {
            Ok(OutputFormat::Schema {
                name: schema.string("name")?,
                description: schema.string("description")?,
                strict: schema.boolean("strict")?,
                schema: schema.take("schema").ok_or_else(|| schema.error("schema", "is missing"))?,
            })
        })?),
        _ => return Err(format.error("type", format!("is no format that we know: `{kind}`"))),
    };
    format.finish(lossy);
    Ok(read)
}

/// The functions that may be called. Tools of other types are their provider's own, and refused.
pub(super) fn read_tools(body: &mut Fields, form: Form, lossy: &mut Lossy) -> Read<Vec<Tool>> {
    let tools = body.list("tools")?.unwrap_or_default().into_iter().enumerate();
    tools.map(|(index, tool)| read_tool(tool, format!("tools[{index}]"), form, lossy)).collect()
}

fn read_tool(tool: Value, path: String, form: Form, lossy: &mut Lossy) -> Read<Tool> {
    let mut tool = Fields::of(tool, path)?;
    let kind = tool.required_string("type")?;
    if kind != "function" {
        let problem =
            format!("is `{kind}`: only tools of type `function` are known to this model's provider");
        return Err(tool.error("type", problem));
    }
    let cache = cache_mark(&mut tool, lossy)?;
    let read = form.own(&mut tool, "function", lossy, |function, lossy| {
        Ok(Tool {
            name: function.required_string("name")?,
            description: function.string("description")?,
            parameters: function.take("parameters"),
            strict: function.boolean("strict")?,
            cache: match cache {
                Some(cache) => Some(cache),
                None => cache_mark(function, lossy)?,
            },
        })
    })?;
    tool.finish(lossy);
    Ok(read)
}

/// Whether tools are called. A choice among some leaves only those in the conversation.
pub(super) fn read_tool_choice(
    body: &mut Fields,
    form: Form,
    conversation: &mut Conversation,
    lossy: &mut Lossy,
) -> Read<()> {
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
            let name = form.own(&mut choice, "function", lossy, |own, _| own.required_string("name"))?;
            conversation.tool_choice = Some(ToolChoice::Tool(name));
        }
        "allowed_tools" => {
            let (mode, names) = form.own(&mut choice, "allowed_tools", lossy, |own, _| {
                Ok((own.required_string("mode")?, own.list("tools")?.unwrap_or_default()))
            })?;
            conversation.tool_choice = Some(choice_called(&mode)?);
            let is_named =
                |tool: &Tool| names.iter().any(|value| form.function_name(value) == tool.name.as_str());
            conversation.tools.retain(is_named);
        }
        _ => return Err(choice.error("type", format!("is `{kind}`, which this model's provider has not"))),
    }
    choice.finish(lossy);
    Ok(())
}

/// A choice that is a word.
fn choice_called(word: &str) -> Read<ToolChoice> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Any),
        _ => Err(TranslationError::new("tool_choice", format!("is no choice that we know: `{word}`"))),
    }
}
