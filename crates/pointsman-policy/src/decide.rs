//! Labels, request facts, state and time in; one model and the reason out.

use pointsman_domain::{
    Band, Candidate, Decision, DecisionReason, Labels, ModelName, RequestFacts, Rule, Skip, SkipReason, Task,
};

use crate::state::{State, UnixMicros};
use crate::table::{Choice, Choices, Table};
use crate::target::{Target, Weighed};

impl Table {
    /// The model for a prompt with these labels.
    ///
    /// The most specific row that names a model able to take the request wins: task.band, group.band, *.band, task,
    /// group, *, default; for abstained labels unsure, default. Within a row the first able model is chosen and the
    /// able ones after it are the fallbacks. A [`Target`], if the table has one, is asked before the row default unless
    /// the labels are abstained: its best able contender is chosen, and the others are the fallbacks with the models of
    /// default after them. When nothing asked has an able model, the first choice of what was asked first is the answer
    /// all the same, with [`DecisionReason::NoneEligible`].
    ///
    /// Pure and total: the same input gives the same decision, and there is always one.
    #[must_use]
    pub fn decide(&self, facts: &RequestFacts, labels: &Labels, state: &State, now: UnixMicros) -> Decision {
        let prompt = self.weighed(facts, labels);
        let refused = |choice: &Choice| skip_reason(choice, facts, state, now);
        let steps = self.steps(labels);
        let mut skipped: Vec<Skip> = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            remember(&mut skipped, step, refused);
            let able = |choice: &Choice| refused(choice).is_none();
            let order = step.order(prompt, able);
            if let Some((chosen, rest)) = order.choices.split_first() {
                let reason = if place == 0 { order.reason } else { DecisionReason::NoneEligible };
                let after = self.after(step).filter(|choice| able(choice));
                let fallbacks = fallbacks(chosen, rest, after);
                return decision(chosen, fallbacks, step.rule(), reason, skipped, order.candidates);
            }
        }
        let first = steps.into_iter().next().unwrap_or_else(|| self.default_step());
        let order = first.order(prompt, |_| true);
        let default = self.default().first();
        let (chosen, rest) = order.choices.split_first().unwrap_or((&default, &[]));
        let fallbacks = fallbacks(chosen, rest, self.after(&first));
        decision(chosen, fallbacks, first.rule(), DecisionReason::NoneEligible, skipped, order.candidates)
    }

    /// A prompt with these labels, as a target weighs it.
    pub(crate) fn weighed<'a>(&'a self, facts: &'a RequestFacts, labels: &'a Labels) -> Weighed<'a> {
        let group = self.vocabulary().group_of(&labels.task);
        Weighed { facts, task: &labels.task, group, needed: (labels.ability, labels.ability_sd) }
    }

    /// What is asked for these labels, in this order.
    pub(crate) fn steps(&self, labels: &Labels) -> Vec<Step<'_>> {
        match labels.abstained {
            None => self.steps_for(&labels.task, labels.band),
            Some(cause) => {
                let rows = self.matching_abstention().into_iter();
                rows.map(|(rule, choices)| Step::Row(rule, choices, DecisionReason::Abstained(cause)))
                    .collect()
            }
        }
    }

    /// What is asked for prompts of this task and band: rows, the most specific first, then the target, then default.
    pub(crate) fn steps_for(&self, task: &Task, band: Band) -> Vec<Step<'_>> {
        let mut rows = self.matching(task, band);
        rows.truncate(rows.len().saturating_sub(1));
        let rows = rows.into_iter().map(|(rule, choices)| Step::Row(rule, choices, DecisionReason::Matched));
        rows.chain(self.target().map(Step::Target)).chain([self.default_step()]).collect()
    }

    fn default_step(&self) -> Step<'_> {
        let (rule, choices) = self.default_row();
        Step::Row(rule, choices, DecisionReason::NoRowMatched)
    }

    /// What is turned to when all models of `step` fail: after a target the row default.
    pub(crate) fn after(&self, step: &Step<'_>) -> impl Iterator<Item = &Choice> {
        let default = matches!(step, Step::Target(_)).then(|| self.default().iter());
        default.into_iter().flatten()
    }
}

/// Something that can name the model.
#[derive(Debug, Clone)]
pub(crate) enum Step<'a> {
    /// A row, and why it is consulted.
    Row(Rule, &'a Choices, DecisionReason),
    /// The wanted chance of success.
    Target(&'a Target),
}

/// The models that a step would take, best first.
pub(crate) struct Order<'a> {
    pub(crate) choices: Vec<&'a Choice>,
    /// How they were weighed, if they were.
    pub(crate) candidates: Vec<Candidate>,
    /// Why the first of them is the answer.
    reason: DecisionReason,
}

impl<'a> Step<'a> {
    pub(crate) fn rule(&self) -> Rule {
        match self {
            Self::Row(rule, ..) => rule.clone(),
            Self::Target(target) => target.rule(),
        }
    }

    /// Its models in the order of the file.
    pub(crate) fn choices(&self) -> Vec<&'a Choice> {
        match self {
            Self::Row(_, choices, _) => choices.iter().collect(),
            Self::Target(target) => target.contenders().iter().map(|contender| &contender.choice).collect(),
        }
    }

    /// Its models that `may` be taken, best first.
    pub(crate) fn order(&self, prompt: Weighed<'_>, may: impl Fn(&Choice) -> bool) -> Order<'a> {
        match self {
            Self::Row(_, choices, reason) => {
                let choices = choices.iter().filter(|choice| may(choice)).collect();
                Order { choices, candidates: Vec::new(), reason: *reason }
            }
            Self::Target(target) => {
                let (choices, candidates): (Vec<_>, Vec<_>) = target.rank(prompt, may).into_iter().unzip();
                let reason =
                    candidates.first().map_or(DecisionReason::BelowQuality, |best| target.reason(best));
                Order { choices, candidates, reason }
            }
        }
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

/// Adds to `skipped` what a further step skips; a model that several steps name is listed once.
fn remember(skipped: &mut Vec<Skip>, step: &Step<'_>, refused: impl Fn(&Choice) -> Option<SkipReason>) {
    for choice in step.choices() {
        if let Some(reason) = refused(choice) {
            let skip = Skip { model: choice.name.clone(), reason };
            if !skipped.contains(&skip) {
                skipped.push(skip);
            }
        }
    }
}

/// The names of `rest`, then those of `after` that are not there yet.
pub(crate) fn fallbacks<'a>(
    chosen: &Choice,
    rest: &[&'a Choice],
    after: impl Iterator<Item = &'a Choice>,
) -> Vec<ModelName> {
    let mut names: Vec<ModelName> = rest.iter().map(|choice| choice.name.clone()).collect();
    for choice in after {
        if choice.name != chosen.name && !names.contains(&choice.name) {
            names.push(choice.name.clone());
        }
    }
    names
}

fn decision(
    chosen: &Choice,
    fallbacks: Vec<ModelName>,
    rule: Rule,
    reason: DecisionReason,
    skipped: Vec<Skip>,
    candidates: Vec<Candidate>,
) -> Decision {
    let (model, target) = (chosen.name.clone(), chosen.model.target.clone());
    Decision { model, target, fallbacks, rule, reason, skipped, candidates }
}
