//! Mode `target`: among candidates the cheapest whose chance of success reaches the wanted one.

use std::cmp::Ordering;

use pointsman_domain::{
    Ability, Candidate, DecisionReason, Group, ModelName, RequestFacts, Rule, Task, TokenCount, Usd,
};

use crate::abilities::{Discrimination, Estimate, ModelAbility};
use crate::table::Choice;

/// How long a reply is expected to be where the caller does not allow less.
///
/// A caller's limit is a bound and no expectation; most are far above what is written.
pub const EXPECTED_REPLY: TokenCount = TokenCount(500);

/// What chooses where no row is for the labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    quality: f64,
    discrimination: Discrimination,
    /// In the order of the file. Never empty.
    contenders: Vec<Contender>,
}

/// A model that may be chosen, with what is known of how able it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// The model.
    pub choice: Choice,
    /// The name under which its ability is listed; of one that is only said to be like another, the other's.
    pub listed_as: ModelName,
    /// Whether it is only said to be like `listed_as`.
    pub like: bool,
    /// How able it is.
    pub ability: ModelAbility,
}

/// A prompt, as far as chances and costs depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighed<'a> {
    pub(crate) facts: &'a RequestFacts,
    pub(crate) task: &'a Task,
    pub(crate) group: Option<&'a Group>,
    /// What the prompt needs, and the standard error of that.
    pub(crate) needed: (Ability, f32),
}

impl Target {
    /// Weighs `contenders`, given in the order of the file, against the wanted chance `quality`, 0 to 1; `None` if there
    /// are none.
    #[must_use]
    pub fn new(quality: f64, discrimination: Discrimination, contenders: Vec<Contender>) -> Option<Self> {
        (!contenders.is_empty()).then_some(Self { quality, discrimination, contenders })
    }

    /// The wanted chance of success, 0 to 1.
    #[must_use]
    pub fn quality(&self) -> f64 {
        self.quality
    }

    /// The slopes of the success curve.
    #[must_use]
    pub fn discrimination(&self) -> &Discrimination {
        &self.discrimination
    }

    /// The models that may be chosen, in the order of the file.
    #[must_use]
    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }

    /// What decisions name as their rule: `target(0.90)`.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule(format!("target({})", chance(self.quality)))
    }

    /// The contenders that `may` be chosen, best first.
    ///
    /// Those that reach the wanted chance come first, the cheapest of them at the head; then the others, the likeliest
    /// to succeed at the head. A model without a price comes after all that have one. Equal costs go to the higher
    /// chance, equal chances to the lower cost, and what is equal in both keeps the order of the file.
    pub(crate) fn rank(
        &self,
        prompt: Weighed<'_>,
        may: impl Fn(&Choice) -> bool,
    ) -> Vec<(&Choice, Candidate)> {
        let mut ranked: Vec<(&Choice, Candidate)> = self
            .contenders
            .iter()
            .filter(|contender| may(&contender.choice))
            .map(|contender| (&contender.choice, self.weigh(contender, prompt)))
            .collect();
        ranked.sort_by(|(_, a), (_, b)| self.preference(a, b));
        ranked
    }

    /// What it means that `best` is at the head of a ranking.
    pub(crate) fn reason(&self, best: &Candidate) -> DecisionReason {
        if self.reached_by(best) { DecisionReason::ReachesQuality } else { DecisionReason::BelowQuality }
    }

    pub(crate) fn reached_by(&self, candidate: &Candidate) -> bool {
        candidate.success >= self.quality
    }

    /// The ability of `contender` that counts for the prompt's task.
    pub(crate) fn estimate(contender: &Contender, prompt: Weighed<'_>) -> Estimate {
        contender.ability.at(prompt.task, prompt.group)
    }

    fn weigh(&self, contender: &Contender, prompt: Weighed<'_>) -> Candidate {
        let slope = self.discrimination.at(prompt.task, prompt.group);
        let (ability, ability_sd) = prompt.needed;
        let success = Self::estimate(contender, prompt).success(slope, ability, ability_sd);
        Candidate {
            model: contender.choice.name.clone(),
            // What platforms compute differently must not decide.
            success: (success * 1e6).round() / 1e6,
            cost: expected_cost(&contender.choice, prompt.facts),
        }
    }

    fn preference(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let dearer = || cost_order(a.cost, b.cost);
        let less_likely = || b.success.total_cmp(&a.success);
        match (self.reached_by(a), self.reached_by(b)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => dearer().then_with(less_likely),
            (false, false) => less_likely().then_with(dearer),
        }
    }
}

/// What a call is expected to cost, if the price is known: the tokens sent, and a reply of [`EXPECTED_REPLY`] or what
/// the caller allows, if that is less.
fn expected_cost(choice: &Choice, facts: &RequestFacts) -> Option<Usd> {
    let reply = facts.max_output_tokens.map_or(EXPECTED_REPLY, |most| most.min(EXPECTED_REPLY));
    choice.model.price.map(|price| price.of(facts.input_tokens, reply))
}

/// Cheaper first, those without a price last.
fn cost_order(a: Option<Usd>, b: Option<Usd>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.0.total_cmp(&b.0),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// A chance with two decimals, or as many as it has.
pub(crate) fn chance(value: f64) -> String {
    let short = format!("{value:.2}");
    if short.parse() == Ok(value) { short } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_wanted_chance() {
        for (value, text) in [(0.9, "0.90"), (1.0, "1.00"), (0.925, "0.925"), (0.0, "0.00")] {
            assert_eq!(chance(value), text);
        }
    }

    #[test]
    fn what_has_no_price_comes_last() {
        let mut costs = [None, Some(Usd(2.0)), Some(Usd(0.0)), None, Some(Usd(1.0))];
        costs.sort_by(|a, b| cost_order(*a, *b));
        assert_eq!(costs, [Some(Usd(0.0)), Some(Usd(1.0)), Some(Usd(2.0)), None, None]);
    }
}
