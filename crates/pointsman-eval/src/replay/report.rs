//! What changes with another table.

use std::fmt;

use pointsman_domain::{Band, Decision, ModelId, ModelName, Rule, Task, TokenCount, Usd};
use serde::Serialize;

use super::LARGEST;

/// What was found when decisions were taken again.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Records that were looked at.
    pub records: usize,
    /// Records that no table was asked about, for want of one of that name: nothing is known of them.
    pub without_table: usize,
    /// Decisions that came out the same, to the bit.
    pub identical: usize,
    /// Records whose table is the very one that was asked again.
    pub own_table: usize,
    /// Those of them that came out otherwise. There must be none.
    pub unfaithful: usize,
    /// Records whose own table is not at hand, so that it cannot be said whether they follow from it.
    pub other_table: usize,
    /// Records whose task, band or abstention another classifier sees otherwise.
    pub relabelled: usize,
    /// Records that go to another model.
    pub moved: usize,
    /// Moved records whose answer somebody scored.
    pub moved_with_score: usize,
    /// Sum of those scores.
    pub moved_scores: f64,
    /// What all records cost.
    pub money: Money,
    /// How many of them are expected to be answered well.
    pub success: Success,
    /// Which rows lost records to which, the most numerous first.
    pub moves: Vec<Move>,
    /// The single moves that change the cost most; where that is not known, those of the longest requests.
    pub largest: Vec<MoveOfOne>,
}

impl Report {
    /// Mean score of the answers that moved records got, if any was scored.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
    pub fn mean_moved_score(&self) -> Option<f64> {
        (self.moved_with_score > 0).then(|| self.moved_scores / self.moved_with_score as f64)
    }

    pub(super) fn keep_if_large(&mut self, one: MoveOfOne) {
        let place = self.largest.partition_point(|other| other.size() >= one.size());
        if place < LARGEST {
            self.largest.insert(place, one);
            self.largest.truncate(LARGEST);
        }
    }
}

/// A row of a table, and the model that it chose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Side {
    /// The row.
    pub rule: String,
    /// The user's name for the model.
    pub model: ModelName,
    /// Where the model is.
    pub target: ModelId,
}

impl Side {
    pub(super) fn of(decision: &Decision) -> Self {
        let Rule(rule) = &decision.rule;
        Self { rule: rule.clone(), model: decision.model.clone(), target: decision.target.clone() }
    }
}

/// Records that one row had and another one has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// What decided.
    pub from: Side,
    /// What would decide.
    pub to: Side,
    /// How many.
    pub records: usize,
    /// What they cost.
    pub money: Money,
    /// How many of them are expected to be answered well.
    pub success: Success,
}

/// A record that goes to another model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveOfOne {
    /// Id of the decision.
    pub id: String,
    /// When it was taken, in microseconds since 1970-01-01T00:00Z.
    pub time_us: u64,
    /// Its recorded task.
    pub task: Task,
    /// Its recorded band.
    pub band: Band,
    /// Estimated length of the request.
    pub input_tokens: TokenCount,
    /// What decided.
    pub from: Side,
    /// What would decide.
    pub to: Side,
    /// What it cost and what it would have cost, in dollars, if both are known.
    pub cost: Option<(Usd, Usd)>,
    /// The chances that the recorded and the new model succeed, if both are known.
    pub success: Option<(f64, f64)>,
    /// How good the answer was found, if somebody told.
    pub score: Option<f64>,
}

impl MoveOfOne {
    /// What is larger stands first.
    fn size(&self) -> (f64, TokenCount) {
        let change = self.cost.map_or(0.0, |(before, after)| (after.0 - before.0).abs());
        (change, self.input_tokens)
    }
}

/// Sums over the records whose cost is known before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Money {
    /// How many these are.
    pub records: usize,
    /// What they cost.
    pub before: Usd,
    /// What they would have cost, had the other model read and written as many tokens.
    pub after: Usd,
}

impl Money {
    pub(super) fn add(&mut self, cost: Option<(Usd, Usd)>) {
        if let Some((before, after)) = cost {
            self.records += 1;
            self.before = self.before + before;
            self.after = self.after + after;
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.records == 0 {
            return f.pad("cost unknown");
        }
        let change = self.after.0 - self.before.0;
        write!(f, "${:.4} → ${:.4} ({}${:.4}", self.before.0, self.after.0, sign(change), change.abs())?;
        if self.before.0 > 0.0 {
            write!(f, ", {:+.1} %", 100.0 * change / self.before.0)?;
        }
        f.write_str(")")
    }
}

/// Sums of chances of success over the records where those of both models are known: how many answers are expected to
/// be good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Success {
    /// How many records these are.
    pub records: usize,
    /// Good answers expected of the recorded models.
    pub before: f64,
    /// Good answers expected of the new ones.
    pub after: f64,
}

impl Success {
    pub(super) fn add(&mut self, chances: Option<(f64, f64)>) {
        if let Some((before, after)) = chances {
            self.records += 1;
            self.before += before;
            self.after += after;
        }
    }
}

impl fmt::Display for Success {
    #[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.records == 0 {
            return f.pad("success unknown");
        }
        let share = |sum: f64| 100.0 * sum / self.records as f64;
        write!(f, "success {:.1} % → {:.1} %", share(self.before), share(self.after))
    }
}

fn sign(change: f64) -> &'static str {
    if change < 0.0 { "−" } else { "+" }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "records      {}", self.records)?;
        writeln!(f, "identical    {} decisions, to the bit", self.identical)?;
        if self.own_table > 0 {
            writeln!(f, "same table   {}, of which {} came out otherwise", self.own_table, self.unfaithful)?;
        }
        if self.without_table > 0 {
            writeln!(f, "left out     {} of tables that the file does not have", self.without_table)?;
        }
        if self.relabelled > 0 {
            writeln!(f, "relabelled   {} have another task or band", self.relabelled)?;
        }
        writeln!(f, "moved        {} to another model", self.moved)?;
        writeln!(f, "money        {}{}", self.money, known_of(self.money.records))?;
        writeln!(f, "expected     {}{}", self.success, known_of(self.success.records))?;
        if let Some(mean) = self.mean_moved_score() {
            writeln!(
                f,
                "scores       {mean:.2} on average for {} answers that moved",
                self.moved_with_score
            )?;
        }
        write_moves(f, &self.moves)?;
        write_largest(f, &self.largest)
    }
}

fn known_of(records: usize) -> String {
    if records == 0 { String::new() } else { format!(", known of {records}") }
}

fn write_moves(f: &mut fmt::Formatter<'_>, moves: &[Move]) -> fmt::Result {
    if moves.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nrows")?;
    for Move { from, to, records, money, success } in moves {
        writeln!(f, "  {records:>7}  {from} → {to}  {money}  {success}")?;
    }
    Ok(())
}

fn write_largest(f: &mut fmt::Formatter<'_>, largest: &[MoveOfOne]) -> fmt::Result {
    if largest.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nlargest moves")?;
    for one in largest {
        let MoveOfOne { id, task, band, input_tokens, from, to, .. } = one;
        let (mut money, mut success) = (Money::default(), Success::default());
        money.add(one.cost);
        success.add(one.success);
        writeln!(f, "  {id}  {task} {band}, {input_tokens} tokens  {from} → {to}  {money}  {success}")?;
    }
    Ok(())
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.model)
    }
}
