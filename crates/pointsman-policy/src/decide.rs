//! Labels, request facts, state and time in; one model and the reason out.

use pointsman_domain::{Decision, DecisionReason, Labels, ModelName, RequestFacts, Rule, Skip, SkipReason};

use crate::state::{State, UnixMicros};
use crate::table::{Choice, Choices, Table};

impl Table {
    /// The model for a prompt with these labels.
    ///
    /// The most specific row that names a model able to take the request wins: task.band, group.band, *.band, task,
    /// group, *, default; for abstained labels unsure, default. Within a row the first able model is chosen and the
    /// able ones after it are the fallbacks. When no row has an able model, the first choice of the most specific
    /// row is the answer all the same, with [`DecisionReason::NoneEligible`].
    ///
    /// Pure and total: the same input gives the same decision, and there is always one.
    #[must_use]
    pub fn decide(&self, facts: &RequestFacts, labels: &Labels, state: &State, now: UnixMicros) -> Decision {
        let rows = match labels.abstained {
            Some(_) => self.matching_abstention(),
            None => self.matching(&labels.task, labels.band),
        };
        let mut skipped: Vec<Skip> = Vec::new();
        for (place, (rule, choices)) in rows.iter().enumerate() {
            let able = Able::of(choices, facts, state, now);
            remember(&mut skipped, able.skipped);
            let mut able = able.models.into_iter();
            if let Some(chosen) = able.next() {
                let reason =
                    if place == 0 { first_reason(labels, rule) } else { DecisionReason::NoneEligible };
                return decision(chosen, able, rule.clone(), reason, skipped);
            }
        }
        let (rule, choices) = rows.into_iter().next().unwrap_or_else(|| self.default_row());
        decision(choices.first(), choices.rest(), rule, DecisionReason::NoneEligible, skipped)
    }
}

/// The models of a row that can take a request, and those that cannot.
struct Able<'a> {
    models: Vec<&'a Choice>,
    skipped: Vec<Skip>,
}

impl<'a> Able<'a> {
    fn of(choices: &'a Choices, facts: &RequestFacts, state: &State, now: UnixMicros) -> Self {
        let mut able = Self { models: Vec::new(), skipped: Vec::new() };
        for choice in choices.iter() {
            match skip_reason(choice, facts, state, now) {
                Some(reason) => able.skipped.push(Skip { model: choice.name.clone(), reason }),
                None => able.models.push(choice),
            }
        }
        able
    }
}

/// Why `choice` cannot take the request, if it cannot.
pub(crate) fn skip_reason(
    choice: &Choice,
    facts: &RequestFacts,
    state: &State,
    now: UnixMicros,
) -> Option<SkipReason> {
    choice
        .model
        .refuses(facts)
        .or_else(|| state.is_unhealthy(&choice.name, now).then_some(SkipReason::Unhealthy))
}

/// Why the most specific row was consulted.
fn first_reason(labels: &Labels, rule: &Rule) -> DecisionReason {
    match labels.abstained {
        Some(reason) => DecisionReason::Abstained(reason),
        None if rule.0 == "default" => DecisionReason::NoRowMatched,
        None => DecisionReason::Matched,
    }
}

/// Adds to `skipped` what a further row skipped; a model that several rows name is listed once.
fn remember(skipped: &mut Vec<Skip>, more: Vec<Skip>) {
    for skip in more {
        if !skipped.contains(&skip) {
            skipped.push(skip);
        }
    }
}

fn decision<'a>(
    chosen: &Choice,
    fallbacks: impl Iterator<Item = &'a Choice>,
    rule: Rule,
    reason: DecisionReason,
    skipped: Vec<Skip>,
) -> Decision {
    let fallbacks: Vec<ModelName> = fallbacks.map(|choice| choice.name.clone()).collect();
    Decision {
        model: chosen.name.clone(),
        target: chosen.model.target.clone(),
        fallbacks,
        rule,
        reason,
        skipped,
    }
}
