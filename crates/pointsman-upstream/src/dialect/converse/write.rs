//! A request of Converse, written.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::anthropic::{self, ThinkingPlan};
use super::super::conversation::{
    Conversation, Effort, OutputFormat, Part, ServiceTier, Thinking, Tool, ToolChoice,
};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;
use super::super::turns::{Turns, stop_sequences};
use super::content::{PartWriter, cache_point};
use super::model::{Family, family};

/// Writes a request; model and streaming are told by the address. What has no place is declared.
pub(in super::super) fn write_request(
    conversation: &Conversation,
    lossy: &mut Lossy,
) -> Result<Value, TranslationError> {
    let family = family(&conversation.model);
    let mut parts = PartWriter::new(family, conversation.words);
    let Turns { system, turns } = Turns::of(&conversation.messages, lossy, |spoken, lossy, blocks| {
        parts.write(&spoken, lossy, blocks)
    })?;
    let turn = |(role, content)| json!({"role": role, "content": content});
    let mut body = object(json!({"messages": turns.into_iter().map(turn).collect::<Vec<_>>()}));
    put(&mut body, "system", (!system.is_empty()).then_some(system));
    put(&mut body, "toolConfig", tool_config(conversation, family, lossy));

    let special = Special::of(conversation, family, lossy);
    let inference = inference_config(conversation, &special, lossy);
    put(&mut body, "inferenceConfig", (!inference.is_empty()).then_some(inference));
    let output = output_config(conversation, special.effort, lossy);
    put(&mut body, "outputConfig", (!output.is_empty()).then_some(output));
    put(&mut body, "additionalModelRequestFields", (!special.fields.is_empty()).then_some(special.fields));
    if matches!(family, Family::Claude { .. }) && !conversation.stop.is_empty() {
        body.insert("additionalModelResponseFieldPaths".into(), json!(["/stop_sequence"]));
    }
    put(&mut body, "serviceTier", conversation.service_tier.and_then(service_tier));
    declare_what_has_no_place(conversation, lossy);
    Ok(body.into())
}

fn declare_what_has_no_place(conversation: &Conversation, lossy: &mut Lossy) {
    if conversation.user.is_some() {
        lossy.add(conversation.words.pick("user", "metadata.user_id"));
    }
    if conversation.cache.is_some() {
        lossy.add("cache_control");
    }
    if conversation.parallel_tool_calls == Some(false) {
        lossy.add(conversation.words.pick("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"));
    }
}

/// Where the best tier is wanted, the default one is what Bedrock has.
fn service_tier(tier: ServiceTier) -> Option<Value> {
    match tier {
        ServiceTier::Auto | ServiceTier::Standard => None,
        ServiceTier::Flex => Some(json!({"type": "flex"})),
        ServiceTier::Priority => Some(json!({"type": "priority"})),
    }
}

/// What depends on the family: fields of its own, an effort that all share, and what of the sampling is taken.
#[derive(Debug, Default)]
struct Special {
    fields: Map<String, Value>,
    effort: Option<Effort>,
    temperature: Option<f64>,
    top_p: Option<f64>,
}

impl Special {
    fn of(conversation: &Conversation, family: Family, lossy: &mut Lossy) -> Self {
        let any = anthropic::Abilities { thinking: anthropic::ThinkingControl::Absent, sampling: true };
        let (abilities, plan) = match family {
            Family::Claude { abilities, .. } => (abilities, anthropic::plan(conversation, abilities, lossy)),
            _ => (any, ThinkingPlan::default()),
        };
        let sampling = anthropic::sampling(conversation, abilities, &plan, lossy);
        let mut special = Self {
            effort: plan.effort,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            ..Self::default()
        };
        match (family, sampling.top_k) {
            (_, None) => {}
            (Family::Claude { .. }, top_k) => put(&mut special.fields, "top_k", top_k),
            (Family::Nova { .. }, Some(top_k)) => {
                special.fields.insert("inferenceConfig".into(), json!({"topK": top_k}));
            }
            (Family::GptOss | Family::Other, Some(_)) => lossy.add("top_k"),
        }
        match family {
            Family::Claude { .. } => put(&mut special.fields, "thinking", plan.config),
            Family::Nova { thinks: true } => special.nova_thinks(conversation, lossy),
            Family::GptOss => special.gpt_oss_thinks(conversation, lossy),
            Family::Nova { thinks: false } | Family::Other => {
                let reasoning = conversation.reasoning;
                if reasoning.effort.is_some() || reasoning.thinking.is_some_and(|it| it != Thinking::Off) {
                    lossy.add(conversation.reasoning_words());
                }
            }
        }
        special
    }

    /// Nova 2 thinks if it is told how hard. At the highest effort it takes neither limits nor sampling.
    fn nova_thinks(&mut self, conversation: &Conversation, lossy: &mut Lossy) {
        let Some(wanted) = three_efforts(conversation, lossy) else {
            return;
        };
        let is_bound = conversation.max_tokens.is_some()
            || self.temperature.is_some()
            || self.top_p.is_some()
            || self.fields.contains_key("inferenceConfig");
        let effort = if wanted == Effort::High && is_bound {
            lossy.add(conversation.reasoning_words());
            Effort::Medium
        } else {
            wanted
        };
        let config = json!({"type": "enabled", "maxReasoningEffort": effort.as_str()});
        self.fields.insert("reasoningConfig".into(), config);
    }

    fn gpt_oss_thinks(&mut self, conversation: &Conversation, lossy: &mut Lossy) {
        if conversation.reasoning.thinking == Some(Thinking::Off) {
            // It cannot be kept from thinking.
            lossy.add(conversation.reasoning_words());
        }
        let effort = three_efforts(conversation, lossy).map(Effort::as_str);
        put(&mut self.fields, "reasoning_effort", effort);
    }
}

/// The effort where there are three of them; `None` if none is wanted. The others become the nearest, which is declared.
fn three_efforts(conversation: &Conversation, lossy: &mut Lossy) -> Option<Effort> {
    let wanted = conversation.reasoning.effort.or(match conversation.reasoning.thinking {
        Some(Thinking::Budget(tokens)) => {
            lossy.add(conversation.reasoning_words());
            Some(Effort::of_budget(tokens))
        }
        Some(Thinking::Adaptive) => {
            lossy.add(conversation.reasoning_words());
            Some(Effort::Medium)
        }
        Some(Thinking::Off) | None => None,
    })?;
    let taken = wanted.clamp(Effort::Low, Effort::High);
    if taken != wanted {
        lossy.add(conversation.reasoning_words());
    }
    Some(taken)
}

fn inference_config(conversation: &Conversation, special: &Special, lossy: &mut Lossy) -> Map<String, Value> {
    let mut config = Map::new();
    put(&mut config, "maxTokens", conversation.max_tokens);
    put(&mut config, "temperature", special.temperature);
    put(&mut config, "topP", special.top_p);
    let word = conversation.words.pick("stop", "stop_sequences");
    let stop = stop_sequences(&conversation.stop, word, lossy);
    put(&mut config, "stopSequences", (!stop.is_empty()).then_some(stop));
    config
}

fn output_config(
    conversation: &Conversation,
    effort: Option<Effort>,
    lossy: &mut Lossy,
) -> Map<String, Value> {
    let mut config = Map::new();
    put(&mut config, "effort", effort.map(Effort::as_str));
    match &conversation.output {
        None => {}
        Some(OutputFormat::Json) => {
            lossy.add(conversation.words.pick("response_format", "output_config.format"));
        }
        Some(OutputFormat::Schema { name, description, schema, strict }) => {
            // Here a schema is always kept to, and a text.
            if *strict == Some(false) {
                lossy.add("response_format.json_schema.strict");
            }
            let mut definition = object(json!({"schema": schema.to_string()}));
            put(&mut definition, "name", name.clone());
            put(&mut definition, "description", description.clone());
            let format = json!({"type": "json_schema", "structure": {"jsonSchema": definition}});
            config.insert("textFormat".into(), format);
        }
    }
    config
}

/// The tools, if they may be called or have been called. There is no choice of none here: tools that must not be called are
/// not told of. Calls and their results are not taken without tools; where the client has left these out, they are made
/// up from the calls, which is declared.
fn tool_config(conversation: &Conversation, family: Family, lossy: &mut Lossy) -> Option<Value> {
    let called = called(conversation);
    let is_none = conversation.tool_choice == Some(ToolChoice::None);
    if called.is_empty() && (is_none || conversation.tools.is_empty()) {
        if conversation.tools.is_empty() && !is_none && conversation.tool_choice.is_some() {
            lossy.add("tool_choice");
        }
        return None;
    }
    let mut tools = Vec::new();
    for (index, tool) in conversation.tools.iter().enumerate() {
        write_tool(tool, index, family, lossy, &mut tools);
    }
    if tools.is_empty() {
        lossy.add("tools");
        let spec = |name| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}});
        tools.extend(called.into_iter().map(spec));
    }
    if is_none {
        lossy.add("tool_choice");
    }
    let choice = match &conversation.tool_choice {
        None | Some(ToolChoice::None) => None,
        Some(ToolChoice::Auto) => Some(json!({"auto": {}})),
        Some(ToolChoice::Any) => Some(json!({"any": {}})),
        Some(ToolChoice::Tool(name)) => Some(json!({"tool": {"name": name}})),
    };
    let mut config = object(json!({"tools": tools}));
    put(&mut config, "toolChoice", choice);
    Some(config.into())
}

fn write_tool(tool: &Tool, index: usize, family: Family, lossy: &mut Lossy, tools: &mut Vec<Value>) {
    let path = format!("tools[{index}]");
    let any = || json!({"type": "object", "properties": {}});
    let mut spec = object(json!({"name": tool.name}));
    put(&mut spec, "description", tool.description.clone().filter(|text| !text.is_empty()));
    spec.insert("inputSchema".into(), json!({"json": tool.parameters.clone().unwrap_or_else(any)}));
    match tool.strict {
        Some(true) if matches!(family, Family::Claude { is_recent: true, .. }) => {
            spec.insert("strict".into(), true.into());
        }
        Some(true) => lossy.add(format!("{path}.strict")),
        Some(false) | None => {}
    }
    tools.push(json!({"toolSpec": spec}));
    tools.extend(tool.cache.and_then(|mark| cache_point(family, mark, true, &path, lossy)));
}

/// The names of the tools that have been called.
fn called(conversation: &Conversation) -> BTreeSet<&str> {
    let parts = conversation.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolCall { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect()
}
