//! Recorded decisions, taken again.
//!
//! A record holds the labels, facts and state that its decision followed from, so another table can be asked what it would
//! have said, without the classifier and without the prompt. The table that took the decision gives the same one again,
//! bit for bit; where it does not, [`Report::unfaithful`] counts it. A configuration changes while it is used, so several
//! [`Versions`] of it can be asked, each record by the one that has its table.

mod report;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use pointsman_domain::{Decision, Labels, ModelId, ModelName, Usd};
use pointsman_policy::{Abilities, ModelAbility, Policy, State, Table, UnixMicros};
use pointsman_record::Record;

pub use report::{Money, Move, MoveOfOne, Report, Side, Success};
pub(crate) use versions::Placed;
pub use versions::{Version, Versions};

/// How many single moves a report names.
pub const LARGEST: usize = 10;

/// Takes recorded decisions again, and counts what changes.
#[derive(Debug)]
pub struct Replay<'a> {
    versions: Versions<'a>,
    /// Models whose abilities have been looked up, by the place of the version that was asked.
    looked_up: HashMap<(usize, ModelName, ModelId), Option<&'a ModelAbility>>,
    report: Report,
    moves: BTreeMap<(Side, Side), Move>,
}

impl<'a> Replay<'a> {
    /// Nothing has been replayed yet. Chances of success are by `abilities`.
    #[must_use]
    pub fn new(policy: &'a Policy, abilities: &'a Abilities) -> Self {
        Self::among(Versions::new(Version { policy, abilities }, Vec::new()))
    }

    /// Nothing has been replayed yet. Each record is to be taken again by the table whose hash it carries.
    #[must_use]
    pub fn among(versions: Versions<'a>) -> Self {
        let (looked_up, report, moves) = (HashMap::new(), Report::default(), BTreeMap::new());
        Self { versions, looked_up, report, moves }
    }

    /// Takes the decision of `record` again. `labels` are those of another classifier, if one was asked.
    ///
    /// A record whose own table is not there is taken again by the first version's table of that name; without such a one
    /// it is counted and left out.
    pub fn add(&mut self, record: &Record, labels: Option<&Labels>) {
        self.report.records += 1;
        let own = self.versions.own(record);
        self.report.other_table += usize::from(own.is_none());
        let Some(asked) = own.or_else(|| self.versions.namesake(record)) else {
            self.report.without_table += 1;
            return;
        };
        let relabelled = labels.is_some_and(|labels| {
            (&labels.task, labels.band, labels.abstained)
                != (&record.labels.task, record.labels.band, record.labels.abstained)
        });
        self.report.relabelled += usize::from(relabelled);
        let decision = decide_again(asked.table, record, labels.unwrap_or(&record.labels));
        let is_same = decision == record.decision;
        self.report.identical += usize::from(is_same);
        let is_own = labels.is_none() && own.is_some();
        self.report.own_table += usize::from(is_own);
        self.report.unfaithful += usize::from(is_own && !is_same);
        let has_moved =
            (&decision.model, &decision.target) != (&record.decision.model, &record.decision.target);
        self.weigh(record, asked, labels.unwrap_or(&record.labels), &decision, has_moved);
    }

    /// Adds up money and chances, and notes a move.
    fn weigh(
        &mut self,
        record: &Record,
        asked: Placed<'a>,
        labels: &Labels,
        decision: &Decision,
        has_moved: bool,
    ) {
        let money = money(asked.version.policy, record, decision);
        let chances = self.chance(asked, labels, &record.decision).zip(self.chance(asked, labels, decision));
        self.report.money.add(money);
        self.report.success.add(chances);
        if !has_moved {
            return;
        }
        self.report.moved += 1;
        let score = record.feedback.map(|feedback| feedback.score);
        if let Some(score) = score {
            self.report.moved_scores += score;
            self.report.moved_with_score += 1;
        }
        let (from, to) = (Side::of(&record.decision), Side::of(decision));
        let group = self.moves.entry((from.clone(), to.clone())).or_insert_with(|| Move {
            from: from.clone(),
            to: to.clone(),
            records: 0,
            money: Money::default(),
            success: Success::default(),
        });
        group.records += 1;
        group.money.add(money);
        group.success.add(chances);
        self.report.keep_if_large(MoveOfOne {
            id: record.id.clone(),
            time_us: record.time_us,
            task: record.labels.task.clone(),
            band: record.labels.band,
            input_tokens: record.facts.input_tokens,
            from,
            to,
            cost: money,
            success: chances,
            score,
        });
    }

    /// The chance that the chosen model succeeds, if its ability is known.
    fn chance(&mut self, asked: Placed<'a>, labels: &Labels, decision: &Decision) -> Option<f64> {
        let version = asked.version;
        let key = (asked.place, decision.model.clone(), decision.target.clone());
        let look_up = |(_, name, target): &(usize, ModelName, ModelId)| version.ability(name, target);
        let model = (*self.looked_up.entry(key).or_insert_with_key(look_up))?;
        let group = asked.table.vocabulary().group_of(&labels.task);
        Some(version.abilities.success(model, (&labels.task, group), (labels.ability, labels.ability_sd)))
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Report {
        let mut moves: Vec<Move> = self.moves.into_values().collect();
        moves.sort_by_key(|group| std::cmp::Reverse(group.records));
        Report { moves, ..self.report }
    }
}

/// What `table` says of the request that `record` is about, had it these labels.
#[must_use]
pub fn decide_again(table: &Table, record: &Record, labels: &Labels) -> Decision {
    let unhealthy = record.unhealthy_until_us.iter();
    let state = State {
        unhealthy_until: unhealthy.map(|(model, until)| (model.clone(), UnixMicros(*until))).collect(),
    };
    table.decide(&record.facts, labels, &state, UnixMicros(record.time_us))
}

/// What the request cost, and what it would have cost with the new decision: the same, where the model is the same; else
/// by the new model's price, had it read and written as many tokens.
fn money(policy: &Policy, record: &Record, decision: &Decision) -> Option<(Usd, Usd)> {
    let answered = record.answered.as_ref()?;
    let before = answered.cost?;
    if decision.target == record.decision.target {
        return Some((before, before));
    }
    let usage = answered.usage?;
    let price = policy.models().get(&decision.model)?.price?;
    Some((before, price.of_usage(usage)))
}
