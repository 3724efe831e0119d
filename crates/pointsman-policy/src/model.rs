//! The models that a table may name, with what is known of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use pointsman_domain::{ModelId, ModelName, Needs, RequestFacts, SkipReason, TokenCount, TokenUsage, Usd};
use serde::Serialize;

use crate::abilities::{KnownAbility, ModelAbility};

/// What a model charges, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Price {
    /// For each million tokens sent.
    pub input: Usd,
    /// For each million tokens that the model writes.
    pub output: Usd,
    /// For each million tokens sent that come from the provider's cache; as `input` if not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Usd>,
    /// For each million tokens sent that go into the provider's cache; as `input` if not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
}

impl Price {
    /// A price for which a token costs the same whether it is cached or not.
    #[must_use]
    pub fn new(input: Usd, output: Usd) -> Self {
        Self { input, output, cache_read: None, cache_write: None }
    }

    /// What a call costs of which nothing is cached.
    #[must_use]
    pub fn of(&self, input: TokenCount, output: TokenCount) -> Usd {
        self.input.per_million(input) + self.output.per_million(output)
    }

    /// What a call has cost.
    #[must_use]
    pub fn of_usage(&self, usage: TokenUsage) -> Usd {
        let TokenUsage { input, cache_read, cache_write, output } = usage;
        let plain = TokenCount(input.0.saturating_sub(cache_read.0).saturating_sub(cache_write.0));
        self.of(plain, output)
            + self.cache_read.unwrap_or(self.input).per_million(cache_read)
            + self.cache_write.unwrap_or(self.input).per_million(cache_write)
    }
}

/// Where something that is known of a model comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The configuration says it.
    #[default]
    File,
    /// The catalogue that is shipped with the program says it.
    Catalogue,
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
    /// Where the price comes from. It decides nothing, and is not part of a table's hash.
    #[serde(skip)]
    pub price_origin: Origin,
    /// How many tokens it takes, the reply included, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<TokenCount>,
    /// How many tokens may be sent to it, if known apart from `context`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input: Option<TokenCount>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How able it is, if known: measured, or like another by the file. No part of a table's hash by itself: where
    /// abilities decide, the table's target has them, and is.
    #[serde(skip)]
    pub known_ability: Option<Arc<KnownAbility>>,
}

impl Model {
    /// A model of which nothing but the place is known.
    #[must_use]
    pub fn at(target: ModelId) -> Self {
        Self {
            target,
            price: None,
            price_origin: Origin::File,
            context: None,
            max_input: None,
            capabilities: Capabilities::default(),
            known_ability: None,
        }
    }

    /// How able it is, if known: measured, or like another by the file.
    #[must_use]
    pub fn ability(&self) -> Option<&ModelAbility> {
        Some(&self.known_ability.as_ref()?.ability)
    }

    /// Why this model cannot take a request, if it cannot.
    #[must_use]
    pub fn refuses(&self, facts: &RequestFacts) -> Option<SkipReason> {
        let tokens = facts.input_tokens + facts.max_output_tokens.unwrap_or_default();
        if self.context.is_some_and(|context| tokens > context)
            || self.max_input.is_some_and(|most| facts.input_tokens > most)
        {
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
        let price = Price::new(Usd(15.0), Usd(75.0));
        assert_eq!(price.of(TokenCount(1_000_000), TokenCount(100_000)), Usd(22.5));
    }

    #[test]
    fn cached_tokens_have_a_price_of_their_own_if_it_is_known() {
        let [million, half, tenth] = [1_000_000, 500_000, 100_000].map(TokenCount);
        let usage =
            TokenUsage { input: million, cache_read: half, cache_write: tenth, output: TokenCount(0) };
        let plain = Price::new(Usd(10.0), Usd(50.0));
        assert_eq!(plain.of_usage(usage), Usd(10.0));
        let cached = Price { cache_read: Some(Usd(1.0)), cache_write: Some(Usd(20.0)), ..plain };
        assert_eq!(cached.of_usage(usage), Usd(4.0 + 0.5 + 2.0));
        let odd = TokenUsage { input: tenth, cache_read: half, ..usage };
        assert_eq!(cached.of_usage(odd), Usd(0.5 + 2.0), "more cached than sent is no panic");
    }

    #[test]
    fn a_limit_on_what_is_sent_leaves_the_reply_out() {
        let model = Model { max_input: Some(TokenCount(100)), ..model() };
        let facts = |input| RequestFacts {
            input_tokens: TokenCount(input),
            max_output_tokens: Some(TokenCount(1_000)),
            needs: Needs::default(),
        };
        assert_eq!(model.refuses(&facts(100)), None);
        assert_eq!(model.refuses(&facts(101)), Some(SkipReason::ContextWindow));
    }
}
