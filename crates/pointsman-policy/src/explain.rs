//! Why a table gives the answer that it gives, and what would change it.

use std::fmt;

use pointsman_domain::{
    AbstainReason, Band, Decision, DecisionReason, Labels, ModelId, ModelName, RequestFacts, Rule,
    SkipReason, Task,
};
use serde::Serialize;

use crate::decide::skip_reason;
use crate::state::{State, UnixMicros};
use crate::table::{Choices, Table, TableHash};

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
    /// Every row that could have matched, the most specific first.
    pub rows: Vec<RowTrace>,
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
    /// The row that says so.
    pub rule: Rule,
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
        let rows = match labels.abstained {
            Some(_) => self.matching_abstention(),
            None => self.matching(&labels.task, labels.band),
        };
        let refused =
            |choices: &Choices| choices.iter().map(|c| trace(c, skip_reason(c, facts, state, now))).collect();
        let alternative = |changed: Labels| {
            let other = self.decide(facts, &changed, state, now);
            Alternative {
                changes: other.model != decision.model,
                task: changed.task,
                task_confidence: changed.task_confidence,
                band: changed.band,
                model: other.model,
                rule: other.rule,
            }
        };
        let sure = labels.abstained.is_none();
        let in_band = |band: Option<Band>| {
            band.filter(|_| sure).map(|band| alternative(Labels { band, ..labels.clone() }))
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
            rows: rows
                .into_iter()
                .scan(false, |decided, (rule, choices)| {
                    Some(row_trace(rule, refused(choices), &decision, decided))
                })
                .collect(),
            if_sure: labels.abstained.map(|_| alternative(Labels { abstained: None, ..labels.clone() })),
            if_easier: in_band(neighbour(labels.band, -1)),
            if_harder: in_band(neighbour(labels.band, 1)),
            if_runner_up: labels.runner_up().filter(|_| sure).map(with_task),
            decision,
        }
    }
}

fn trace(choice: &crate::table::Choice, refused: Option<SkipReason>) -> ModelTrace {
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
        writeln!(f, "{model} ({target}) by row `{rule}` of table `{}`", self.table)?;
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
    fn because(&self, reason: DecisionReason) -> String {
        let Self { task, task_confidence, band, .. } = self;
        let labels = format!("{task}, {band} (confidence {task_confidence:.2})");
        match reason {
            DecisionReason::Matched => format!("it is the most specific row for {labels}"),
            DecisionReason::NoRowMatched => format!("no other row is for {labels}"),
            DecisionReason::Abstained(reason) => {
                format!("the classifier abstained ({reason}); its best guess was {labels}")
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
        let Self { task, task_confidence, band, model, rule, changes } = self;
        let same = if *changes { "" } else { ", the same model" };
        write!(f, "{task}, {band} (confidence {task_confidence:.2}) → {model} by `{rule}`{same}")
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
