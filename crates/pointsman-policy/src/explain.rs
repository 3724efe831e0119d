//! Why a table gives the answer that it gives, and what would change it.

use std::fmt;

use pointsman_domain::{
    AbstainReason, Band, Decision, DecisionReason, Labels, ModelId, ModelName, RequestFacts, Rule,
    SkipReason, Task,
};
use serde::Serialize;

use crate::decide::{Step, skip_reason};
use crate::state::{State, UnixMicros};
use crate::table::{Choice, Table, TableHash};
use crate::target::chance;
use crate::weighing::Weighing;

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The table's name.
    pub table: String,
    /// The table's content.
    pub table_hash: TableHash,
    /// The task that was looked up.
    pub task: Task,
    /// Probability that the task is right, 0–1.
    pub task_confidence: f32,
    /// The band that was looked up.
    pub band: Band,
    /// Why the labels were not relied on, if they were not.
    pub abstained: Option<AbstainReason>,
    /// The answer.
    pub decision: Decision,
    /// Every row that could have matched, the most specific first, and the target among them.
    pub rows: Vec<RowTrace>,
    /// How the candidates compare, where the decision was among their chances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighing: Option<Weighing>,
    /// The answer had the labels been relied on; only where they were not.
    pub if_sure: Option<Alternative>,
    /// The answer one band down, where there is one and the band counts.
    pub if_easier: Option<Alternative>,
    /// The answer one band up, where there is one and the band counts.
    pub if_harder: Option<Alternative>,
    /// The answer for the second most probable task, where the task counts.
    pub if_runner_up: Option<Alternative>,
}

/// A row that could have matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowTrace {
    /// The row.
    pub rule: Rule,
    /// Its models, best first.
    pub models: Vec<ModelTrace>,
    /// What became of it.
    pub verdict: Verdict,
}

/// A model of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelTrace {
    /// The user's name for it.
    pub name: ModelName,
    /// Where it is.
    pub target: ModelId,
    /// Why it cannot take the request, if it cannot.
    pub refused: Option<SkipReason>,
}

/// What became of a row that could have matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It decided.
    Decided,
    /// None of its models can take the request.
    NoneEligible,
    /// A more specific row decided.
    NotAsked,
}

/// The answer for slightly different labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// The task.
    pub task: Task,
    /// The probability of that task, 0–1.
    pub task_confidence: f32,
    /// The band.
    pub band: Band,
    /// The model.
    pub model: ModelName,
    /// What says so.
    pub rule: Rule,
    /// The model's chance of success, where it was chosen by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<f64>,
    /// Whether the model is another than the one decided on.
    pub changes: bool,
}

impl Table {
    /// [`Table::decide`] with its reasons.
    #[must_use]
    pub fn explain(
        &self,
        facts: &RequestFacts,
        labels: &Labels,
        state: &State,
        now: UnixMicros,
    ) -> Explanation {
        let decision = self.decide(facts, labels, state, now);
        let steps = self.steps(labels).into_iter();
        let refused = |step: &Step<'_>| {
            let models = step.choices().into_iter();
            models.map(|choice| trace(choice, skip_reason(choice, facts, state, now))).collect()
        };
        let alternative = |changed: Labels| {
            let other = self.decide(facts, &changed, state, now);
            Alternative {
                changes: other.model != decision.model,
                task: changed.task,
                task_confidence: changed.task_confidence,
                band: changed.band,
                model: other.model,
                rule: other.rule,
                success: other.candidates.first().map(|best| best.success),
            }
        };
        let sure = labels.abstained.is_none();
        let in_band = |band: Option<Band>| {
            band.filter(|_| sure).map(|band| alternative(in_the_middle_of(band, labels)))
        };
        let with_task = |(task, confidence): &(Task, f32)| {
            alternative(Labels { task: task.clone(), task_confidence: *confidence, ..labels.clone() })
        };
        Explanation {
            table: self.name().to_owned(),
            table_hash: self.hash().clone(),
            task: labels.task.clone(),
            task_confidence: labels.task_confidence,
            band: labels.band,
            abstained: labels.abstained,
            rows: steps
                .scan(false, |decided, step| Some(row_trace(step.rule(), refused(&step), &decision, decided)))
                .collect(),
            weighing: self.weighing(self.weighed(facts, labels), &decision.candidates),
            if_sure: labels.abstained.map(|_| alternative(Labels { abstained: None, ..labels.clone() })),
            if_easier: in_band(neighbour(labels.band, -1)),
            if_harder: in_band(neighbour(labels.band, 1)),
            if_runner_up: labels.runner_up().filter(|_| sure).map(with_task),
            decision,
        }
    }
}

/// The same labels for a typical prompt of `band`.
fn in_the_middle_of(band: Band, labels: &Labels) -> Labels {
    let difficulty = band.middle();
    Labels { band, difficulty, ability: difficulty.ability(), ..labels.clone() }
}

fn trace(choice: &Choice, refused: Option<SkipReason>) -> ModelTrace {
    ModelTrace { name: choice.name.clone(), target: choice.model.target.clone(), refused }
}

/// What became of `rule`; `decided` says whether a row before it has decided.
fn row_trace(rule: Rule, models: Vec<ModelTrace>, decision: &Decision, decided: &mut bool) -> RowTrace {
    let verdict = match (rule == decision.rule, *decided) {
        (true, _) => Verdict::Decided,
        (false, true) if models.iter().any(|model| model.refused.is_none()) => Verdict::NotAsked,
        (false, _) => Verdict::NoneEligible,
    };
    *decided |= verdict == Verdict::Decided;
    RowTrace { rule, models, verdict }
}

fn neighbour(band: Band, step: isize) -> Option<Band> {
    let place = Band::ALL.iter().position(|own| *own == band)?;
    Band::ALL.get(place.checked_add_signed(step)?).copied()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { model, target, rule, reason, fallbacks, .. } = &self.decision;
        let what = if self.weighing.is_some() { "rule" } else { "row" };
        writeln!(f, "{model} ({target}) by {what} `{rule}` of table `{}`", self.table)?;
        writeln!(f, "because {}", self.because(*reason))?;
        if !fallbacks.is_empty() {
            let names: Vec<&str> = fallbacks.iter().map(ModelName::as_str).collect();
            writeln!(f, "then {}", names.join(", then "))?;
        }
        writeln!(f, "\nrows that could match, the most specific first")?;
        let width = self.rows.iter().map(|row| row.rule.0.len()).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "  {} {:width$}  {}", mark(row.verdict), row.rule, models(&row.models))?;
        }
        if let Some(weighing) = &self.weighing {
            write!(f, "\n{weighing}")?;
        }
        let changes = [
            ("had the classifier been sure", &self.if_sure),
            ("one band easier", &self.if_easier),
            ("one band harder", &self.if_harder),
            ("second guess", &self.if_runner_up),
        ];
        if changes.iter().any(|(_, alternative)| alternative.is_some()) {
            writeln!(f, "\nwhat would change")?;
        }
        for (when, alternative) in changes {
            if let Some(alternative) = alternative {
                writeln!(f, "  {when}: {alternative}")?;
            }
        }
        Ok(())
    }
}

impl Explanation {
    fn wanted(&self) -> String {
        self.weighing.as_ref().map(|weighing| chance(weighing.quality)).unwrap_or_default()
    }

    fn because(&self, reason: DecisionReason) -> String {
        let Self { task, task_confidence, band, .. } = self;
        let labels = format!("{task}, {band} (confidence {task_confidence:.2})");
        match reason {
            DecisionReason::Matched => format!("it is the most specific row for {labels}"),
            DecisionReason::NoRowMatched => format!("no other row is for {labels}"),
            DecisionReason::Abstained(reason) => {
                format!("the classifier abstained ({reason}); its best guess was {labels}")
            }
            DecisionReason::ReachesQuality => {
                format!("it is the cheapest whose chance reaches {} for {labels}", self.wanted())
            }
            DecisionReason::BelowQuality => {
                format!("no model's chance reaches {} and its is the highest for {labels}", self.wanted())
            }
            DecisionReason::NoneEligible
                if self.rows.first().is_some_and(|row| row.rule == self.decision.rule) =>
            {
                format!("no model of any row can take this request and this is the first choice for {labels}")
            }
            DecisionReason::NoneEligible => {
                format!("no model of a more specific row can take this request; it is {labels}")
            }
        }
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, task_confidence, band, model, rule, success, changes } = self;
        let same = if *changes { "" } else { ", the same model" };
        let success = success.map(|success| format!(", chance {success:.2}")).unwrap_or_default();
        write!(f, "{task}, {band} (confidence {task_confidence:.2}) → {model} by `{rule}`{success}{same}")
    }
}

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Decided => '→',
        Verdict::NoneEligible => '✗',
        Verdict::NotAsked => '·',
    }
}

fn models(models: &[ModelTrace]) -> String {
    let one = |model: &ModelTrace| match model.refused {
        None => model.name.to_string(),
        Some(reason) => format!("{} ({})", model.name, refusal(reason)),
    };
    models.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn refusal(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::ContextWindow => "too long for it",
        SkipReason::Capability => "cannot do what is asked",
        SkipReason::Unhealthy => "not answering",
    }
}
