//! The models that a table may name, with what is known of each.

use std::collections::BTreeMap;

use pointsman_domain::{ModelId, ModelName, Needs, RequestFacts, SkipReason, TokenCount, Usd};
use serde::Serialize;

/// What a model charges, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Price {
    /// For each million tokens sent.
    pub input: Usd,
    /// For each million tokens that the model writes.
    pub output: Usd,
}

impl Price {
    /// What a call costs.
    #[must_use]
    pub fn of(&self, input: TokenCount, output: TokenCount) -> Usd {
        self.input.per_million(input) + self.output.per_million(output)
    }
}

/// What a model can do; `None` where the file does not say, which is taken for "yes".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// It calls functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// It reads images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
    /// It keeps to a JSON schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
}

impl Capabilities {
    /// Whether nothing that a request needs is known to be missing.
    #[must_use]
    pub fn meet(&self, needs: Needs) -> bool {
        let lacks = |needed: bool, able: Option<bool>| needed && able == Some(false);
        !(lacks(needs.tools, self.tools)
            || lacks(needs.vision, self.vision)
            || lacks(needs.structured_output, self.structured_output))
    }
}

/// A backend model as the file describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Where it is.
    #[serde(rename = "use")]
    pub target: ModelId,
    /// What it charges, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How many tokens it takes, the reply included, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<TokenCount>,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Model {
    /// A model of which nothing but the place is known.
    #[must_use]
    pub fn at(target: ModelId) -> Self {
        Self { target, price: None, context: None, capabilities: Capabilities::default() }
    }

    /// Why this model cannot take a request, if it cannot.
    #[must_use]
    pub fn refuses(&self, facts: &RequestFacts) -> Option<SkipReason> {
        let tokens = facts.input_tokens + facts.max_output_tokens.unwrap_or_default();
        if self.context.is_some_and(|context| tokens > context) {
            return Some(SkipReason::ContextWindow);
        }
        (!self.capabilities.meet(facts.needs)).then_some(SkipReason::Capability)
    }
}

/// Every model that the tables can name, by the user's name for it. A row that names `provider/model` without a
/// name of its own puts that model here under its full name.
pub type Models = BTreeMap<ModelName, Model>;

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::at(ModelId::parse("openai/gpt").expect("valid"))
    }

    #[test]
    fn the_reply_counts_against_the_context_window() {
        let model = Model { context: Some(TokenCount(100)), ..model() };
        let facts = |input, output: Option<u32>| RequestFacts {
            input_tokens: TokenCount(input),
            max_output_tokens: output.map(TokenCount),
            needs: Needs::default(),
        };
        assert_eq!(model.refuses(&facts(100, None)), None);
        assert_eq!(model.refuses(&facts(101, None)), Some(SkipReason::ContextWindow));
        assert_eq!(model.refuses(&facts(90, Some(10))), None);
        assert_eq!(model.refuses(&facts(90, Some(11))), Some(SkipReason::ContextWindow));
        assert_eq!(model.refuses(&facts(u32::MAX, Some(u32::MAX))), Some(SkipReason::ContextWindow));
    }

    #[test]
    fn only_a_stated_lack_rules_a_model_out() {
        for (able, expected) in
            [(None, None), (Some(true), None), (Some(false), Some(SkipReason::Capability))]
        {
            let capabilities = Capabilities { tools: able, vision: able, structured_output: able };
            let model = Model { capabilities, ..model() };
            for needs in [
                Needs { tools: true, ..Needs::default() },
                Needs { vision: true, ..Needs::default() },
                Needs { structured_output: true, ..Needs::default() },
            ] {
                let facts = RequestFacts { needs, ..RequestFacts::default() };
                assert_eq!(model.refuses(&facts), expected, "{needs:?} {able:?}");
            }
            assert_eq!(model.refuses(&RequestFacts::default()), None, "nothing needed");
        }
    }

    #[test]
    fn a_call_costs_what_goes_in_and_what_comes_out() {
        let price = Price { input: Usd(15.0), output: Usd(75.0) };
        assert_eq!(price.of(TokenCount(1_000_000), TokenCount(100_000)), Usd(22.5));
    }
}
