//! Traffic as the dashboard shows it: counts, times and money of a window, whatever they were counted from.

use std::collections::BTreeMap;

use pointsman_domain::{Band, ModelId, ModelName, Task};
use pointsman_eval::savings::Report as SavingsReport;
use pointsman_policy::{BaselineReason, Models, Policy};
use serde::Serialize;

use crate::serve::baseline;
use crate::serve::traffic::{Drift, Label, Money, Spread, Stage, Totals};

/// What `GET /dashboard/api/traffic` answers.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    /// The window as it was asked for.
    pub(super) window: &'static str,
    /// `memory`, or `records` for windows that are longer than what is kept in memory.
    pub(super) source: &'static str,
    /// When the window begins and ends, in microseconds since 1970 (UTC).
    pub(super) since_us: u64,
    pub(super) until_us: u64,
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// The same over time, the oldest first.
    pub(super) series: Vec<Step>,
    /// What was spent beside what one model for everything would have cost.
    pub(super) money: MoneyView,
    /// The savings of all records of the window, with the good answers expected; for windows that are read from records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) savings: Option<SavingsReport>,
    /// How things stand now, whatever the window.
    pub(super) now: Now,
}

/// Counts and times of a window.
#[derive(Debug, Serialize)]
pub(super) struct Counts {
    pub(super) decisions: u64,
    /// Decisions without reliable labels.
    pub(super) abstained: u64,
    /// Answers by how they ended: `whole`, `cut`, `given_up`, `failed`.
    pub(super) ends: BTreeMap<&'static str, u64>,
    pub(super) cells: Vec<CellCount>,
    pub(super) models: Vec<ModelCount>,
    /// Requests that named a model.
    pub(super) named: Vec<NamedCount>,
    pub(super) errors: Vec<ErrorCount>,
    /// By stage: `queue`, `classify`, `overhead`, `first_token`, `total`.
    pub(super) times: BTreeMap<&'static str, Spread>,
}

/// Decisions for a task and band, or for an abstention, that chose a model.
#[derive(Debug, Serialize)]
pub(super) struct CellCount {
    task: Option<Task>,
    band: Option<Band>,
    /// Why the labels were not relied on.
    abstained: Option<&'static str>,
    model: ModelName,
    decisions: u64,
}

/// A model that was chosen or has answered.
#[derive(Debug, Default, Serialize)]
pub(super) struct ModelCount {
    model: String,
    /// Where it is, if it is still in the table.
    target: Option<ModelId>,
    /// Decisions for it.
    chosen: u64,
    /// Replies that it gave.
    answered: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// What its replies cost, those with a price.
    spent_usd: f64,
    /// What the baseline would have cost for the same tokens.
    baseline_usd: f64,
}

/// Requests that named a model.
#[derive(Debug, Serialize)]
pub(super) struct NamedCount {
    /// The model's name in the table, or its provider with `/*`.
    model: String,
    requests: u64,
    /// Those whose answer was cut, or that got none.
    failed: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// What the replies cost, those with a price.
    spent_usd: f64,
}

/// Calls that failed.
#[derive(Debug, Serialize)]
pub(super) struct ErrorCount {
    provider: String,
    /// The kind of failure, or `status_429` and the like.
    kind: String,
    count: u64,
}

/// A step of a window.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// When it begins, in microseconds since 1970 (UTC).
    at_us: u64,
    decisions: u64,
    abstained: u64,
    /// Requests that named a model.
    named: u64,
    /// Answers that were cut or that no model gave.
    failed: u64,
    spent_usd: f64,
    baseline_usd: f64,
    /// Median time from arrival to decision.
    overhead_p50_us: u64,
}

/// Money of a window.
#[derive(Debug, Serialize)]
pub(super) struct MoneyView {
    /// The model that everything is compared with; nothing if no model has a price.
    baseline: Option<ModelName>,
    /// Why it is this one.
    baseline_reason: Option<BaselineReason>,
    /// The models that may be asked for as baseline.
    baselines: Vec<ModelName>,
    spent_usd: f64,
    baseline_usd: f64,
    /// Replies that are counted.
    priced: u64,
    /// Replies of models without a price.
    without_price: u64,
    /// Replies that do not say how many tokens they took.
    without_tokens: u64,
    /// The static mix that costs the same, if there is one.
    mix: Option<Mix>,
}

/// A coin that sends so many requests to the baseline and the others to the cheapest model.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Mix {
    cheap: ModelName,
    /// Share that goes to the baseline, 0–1.
    share_baseline: f64,
    /// What everything would have cost with the cheapest model.
    cheap_usd: f64,
}

/// How things stand.
#[derive(Debug, Serialize)]
pub(super) struct Now {
    /// Requests being answered.
    pub(super) in_flight: i64,
    /// Prompts that wait to be labelled.
    pub(super) classify_waiting: usize,
    /// When the process began, in microseconds since 1970 (UTC).
    pub(super) started_us: u64,
    /// What labels: model, version and engine.
    pub(super) classifier: String,
    pub(super) version: &'static str,
    /// Models that have failed of late.
    pub(super) breakers: Vec<Breaker>,
    pub(super) drift: Drift,
    pub(super) records: Records,
}

/// A model that has failed of late.
#[derive(Debug, Serialize)]
pub(super) struct Breaker {
    pub(super) target: ModelId,
    /// Whether it is left alone at present.
    pub(super) open: bool,
    /// Failures in a row, while it is not left alone.
    pub(super) failures: u32,
    /// How long it is left alone still.
    pub(super) for_ms: u64,
}

/// How recording fares.
#[derive(Debug, Serialize)]
pub(super) struct Records {
    /// Whether decisions are recorded: windows beyond an hour are read from records.
    pub(super) on: bool,
    pub(super) written: u64,
    pub(super) dropped: u64,
    pub(super) failed_commits: u64,
}

/// The model that costs are compared with.
#[derive(Debug)]
pub(super) struct Baseline<'a> {
    models: &'a Models,
    chosen: Option<pointsman_policy::Baseline<'a>>,
}

impl<'a> Baseline<'a> {
    /// The model called `wanted`, else [`Policy::baseline`]. What is wrong with `wanted` is the error.
    pub(super) fn of(policy: &'a Policy, wanted: Option<&str>) -> Result<Self, String> {
        let models = policy.models();
        let chosen = match wanted {
            None => policy.baseline(),
            Some(wanted) => Some(baseline::named(models, wanted)?),
        };
        Ok(Self { models, chosen })
    }

    fn cost_usd(&self, money: &Money) -> f64 {
        self.chosen.map_or(0.0, |chosen| money.priced_tokens.cost_usd(&chosen.price))
    }

    /// The mix of the baseline and the model that is cheapest for these very tokens that costs what was spent.
    fn mix(&self, money: &Money) -> Option<Mix> {
        let price = self.chosen?.price;
        let costs = baseline::priced(self.models);
        let costs = costs.map(|(name, price)| (name, money.priced_tokens.cost_usd(&price)));
        let (cheap, cheap_usd) = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let span = money.priced_tokens.cost_usd(&price) - cheap_usd;
        let share_baseline = ((money.spent_usd - cheap_usd) / span).clamp(0.0, 1.0);
        (span > 0.0).then(|| Mix { cheap: cheap.clone(), share_baseline, cheap_usd })
    }

    /// Money of a window.
    pub(super) fn view(&self, totals: &Totals) -> MoneyView {
        let money = totals.money();
        MoneyView {
            baseline: self.chosen.map(|chosen| chosen.name.clone()),
            baseline_reason: self.chosen.map(|chosen| chosen.reason),
            baselines: baseline::priced(self.models).map(|(name, _)| name.clone()).collect(),
            spent_usd: money.spent_usd,
            baseline_usd: self.cost_usd(&money),
            priced: money.priced,
            without_price: money.without_price,
            without_tokens: money.without_tokens,
            mix: self.mix(&money),
        }
    }

    /// A step of a window.
    pub(super) fn step(&self, (at_us, totals): &(u64, Totals)) -> Step {
        let money = totals.money();
        Step {
            at_us: *at_us,
            decisions: totals.decisions,
            abstained: totals.abstained,
            named: totals.named.values().map(|named| named.requests).sum(),
            failed: totals.failed(),
            spent_usd: money.spent_usd,
            baseline_usd: self.cost_usd(&money),
            overhead_p50_us: totals.times(Stage::Overhead).spread().p50_us,
        }
    }

    /// Counts of a window.
    pub(super) fn counts(&self, totals: &Totals) -> Counts {
        let errors = totals.errors.iter().map(|((provider, kind), count)| ErrorCount {
            provider: provider.clone(),
            kind: kind.clone(),
            count: *count,
        });
        let times = Stage::ALL.map(|stage| (stage.as_str(), totals.times(stage).spread()));
        Counts {
            decisions: totals.decisions,
            abstained: totals.abstained,
            ends: totals.ends.clone(),
            cells: totals.cells.iter().map(CellCount::of).collect(),
            models: self.models(totals),
            named: named(totals),
            errors: errors.collect(),
            times: times.into(),
        }
    }

    /// The models that were chosen or have answered, those that were chosen most first.
    fn models(&self, totals: &Totals) -> Vec<ModelCount> {
        let mut counts: BTreeMap<&ModelName, ModelCount> = BTreeMap::new();
        for ((_, model), decisions) in &totals.cells {
            counts.entry(model).or_default().chosen += decisions;
        }
        for (model, money) in &totals.models {
            let count = counts.entry(model).or_default();
            count.answered = money.priced + money.without_price + money.without_tokens;
            count.input_tokens = money.input_tokens();
            count.output_tokens = money.output_tokens();
            count.spent_usd = money.spent_usd;
            count.baseline_usd = self.cost_usd(money);
        }
        let named = counts.into_iter().map(|(name, count)| ModelCount {
            model: name.to_string(),
            target: self.models.get(name).map(|model| model.target.clone()),
            ..count
        });
        let mut named: Vec<ModelCount> = named.collect();
        named.sort_by_key(|count| std::cmp::Reverse(count.chosen));
        named
    }
}

/// The models that requests named, those that were named most first.
fn named(totals: &Totals) -> Vec<NamedCount> {
    let counts = totals.named.iter().map(|(model, named)| NamedCount {
        model: model.clone(),
        requests: named.requests,
        failed: named.failed,
        input_tokens: named.money.input_tokens(),
        output_tokens: named.money.output_tokens(),
        spent_usd: named.money.spent_usd,
    });
    let mut counts: Vec<NamedCount> = counts.collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.requests));
    counts
}

impl CellCount {
    fn of(((label, model), decisions): (&(Label, ModelName), &u64)) -> Self {
        let (task, band, abstained) = match label {
            Label::Sure(task, band) => (Some(task.clone()), Some(*band), None),
            Label::Abstained(reason) => (None, None, Some(*reason)),
        };
        Self { task, band, abstained, model: model.clone(), decisions: *decisions }
    }
}
