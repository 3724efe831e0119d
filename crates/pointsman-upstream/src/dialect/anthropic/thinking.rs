//! How much of a conversation's reasoning and sampling Claude takes.

use serde_json::{Value, json};

use super::super::conversation::{Conversation, Effort, Message, Part, Role, Thinking, ToolChoice};
use super::super::lossy::Lossy;
use super::model::{Abilities, ThinkingControl};

/// The least budget for thinking.
const MIN_BUDGET_TOKENS: u64 = 1_024;

/// How thinking is asked for.
#[derive(Debug, Default)]
pub(in super::super) struct ThinkingPlan {
    /// The field `thinking`.
    pub(in super::super) config: Option<Value>,
    pub(in super::super) budget_tokens: Option<u64>,
    pub(in super::super) effort: Option<Effort>,
}

/// How a model with these abilities is asked to think.
pub(in super::super) fn plan(
    conversation: &Conversation,
    abilities: Abilities,
    lossy: &mut Lossy,
) -> ThinkingPlan {
    let (wanted, effort) = (conversation.reasoning.thinking, conversation.reasoning.effort);
    if wanted == Some(Thinking::Off) {
        let config = (abilities.thinking != ThinkingControl::Absent).then(|| json!({"type": "disabled"}));
        return ThinkingPlan { config, ..ThinkingPlan::default() };
    }
    if wanted.is_none() && effort.is_none() {
        return ThinkingPlan::default();
    }
    match abilities.thinking {
        ThinkingControl::Absent => {
            lossy.add(conversation.reasoning_words());
            ThinkingPlan::default()
        }
        ThinkingControl::Adaptive => {
            let effort = effort.or(match wanted {
                Some(Thinking::Budget(tokens)) => Some(Effort::of_budget(tokens)),
                _ => None,
            });
            if effort == Some(Effort::Minimal) {
                lossy.add(conversation.reasoning_words());
            }
            let config = Some(json!({"type": "adaptive"}));
            ThinkingPlan { config, budget_tokens: None, effort: effort.map(|effort| effort.max(Effort::Low)) }
        }
        ThinkingControl::Budget => with_budget(conversation, lossy),
    }
}

/// Thinking by a budget, which leaves room for the reply, allows no forced call, and, within a round of tool calls,
/// asks for the thoughts that began it.
fn with_budget(conversation: &Conversation, lossy: &mut Lossy) -> ThinkingPlan {
    let wanted = match conversation.reasoning.thinking {
        Some(Thinking::Budget(tokens)) => tokens,
        _ => conversation.reasoning.effort.unwrap_or(Effort::Medium).budget_tokens(),
    };
    let room = conversation.max_tokens.map_or(u64::MAX, |tokens| tokens.saturating_sub(1));
    let forced = matches!(conversation.tool_choice, Some(ToolChoice::Any | ToolChoice::Tool(_)));
    if room < MIN_BUDGET_TOKENS || forced || calls_without_thoughts(&conversation.messages) {
        lossy.add(conversation.reasoning_words());
        return ThinkingPlan::default();
    }
    let budget_tokens = wanted.max(MIN_BUDGET_TOKENS).min(room);
    let config = json!({"type": "enabled", "budget_tokens": budget_tokens});
    ThinkingPlan { config: Some(config), budget_tokens: Some(budget_tokens), effort: None }
}

/// Whether the results that end the conversation are of calls whose thoughts are not there.
fn calls_without_thoughts(messages: &[Message]) -> bool {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    let is_signed = |part: &Part| {
        matches!(part, Part::Thinking { signature: Some(_), .. } | Part::RedactedThinking { .. })
    };
    let ends_with_results = messages.last().is_some_and(|message| message.parts.iter().any(is_result));
    let caller = messages.iter().rev().find(|message| message.role == Role::Assistant);
    ends_with_results && caller.is_some_and(|message| !message.parts.iter().any(is_signed))
}

/// What is taken of the sampling.
#[derive(Debug, Default)]
pub(in super::super) struct TakenSampling {
    pub(in super::super) temperature: Option<f64>,
    pub(in super::super) top_p: Option<f64>,
    pub(in super::super) top_k: Option<u64>,
}

/// What a model with these abilities takes of the sampling while it thinks as planned.
pub(in super::super) fn sampling(
    conversation: &Conversation,
    abilities: Abilities,
    thinking: &ThinkingPlan,
    lossy: &mut Lossy,
) -> TakenSampling {
    let sampling = &conversation.sampling;
    let allowed = abilities.sampling && thinking.budget_tokens.is_none();
    let mut taken = TakenSampling::default();
    match sampling.temperature {
        // The scale ends at 1 here, and 1 is what is done without being told.
        Some(temperature) if temperature > 1.0 => {
            lossy.add("temperature");
            taken.temperature = allowed.then_some(1.0);
        }
        Some(temperature) if allowed => taken.temperature = Some(temperature),
        Some(temperature) if temperature < 1.0 => lossy.add("temperature"),
        _ => {}
    }
    match sampling.top_p {
        Some(top_p) if allowed => taken.top_p = Some(top_p),
        Some(top_p) if top_p < 1.0 => lossy.add("top_p"),
        _ => {}
    }
    match sampling.top_k {
        Some(top_k) if allowed => taken.top_k = Some(top_k),
        Some(_) => lossy.add("top_k"),
        None => {}
    }
    for (name, is_set) in [
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
    ] {
        if is_set {
            lossy.add(name);
        }
    }
    taken
}
