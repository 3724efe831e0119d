//! Records summed up, for `records stats` and for `/v1/stats`.

use std::collections::BTreeMap;

use pointsman_eval::savings::{BaselineError, Report as SavingsReport, Savings};
use pointsman_policy::{Abilities, Policy};
use pointsman_record::{Answered, NamedRecord, Record};
use serde::Serialize;

/// Counts, times and money of records as they are read.
#[derive(Debug)]
pub(crate) struct Summing<'a> {
    stats: Stats,
    times_us: BTreeMap<&'static str, Vec<u64>>,
    scores: f64,
    savings: Result<Savings<'a>, BaselineError>,
}

/// What was counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Stats {
    /// Decisions.
    pub(crate) records: u64,
    /// Requests that named their model. They are in counts, tokens, costs and times, and not in savings.
    pub(crate) named: u64,
    /// Time of the earliest of both, in microseconds since the start of 1970 (UTC).
    pub(crate) first_us: Option<u64>,
    pub(crate) last_us: Option<u64>,
    /// How often each model was chosen or named, and the like.
    pub(crate) by: BTreeMap<&'static str, BTreeMap<String, u64>>,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
    /// Records that say what they cost.
    pub(crate) with_cost: u64,
    pub(crate) with_score: u64,
    pub(crate) mean_score: Option<f64>,
    pub(crate) with_prompt: u64,
    /// Of each kind of time the median and the 95th percentile.
    pub(crate) times: BTreeMap<&'static str, Quantiles>,
    /// What was spent beside what a baseline would have cost.
    pub(crate) savings: Option<SavingsReport>,
    /// Why there is no such comparison.
    pub(crate) no_savings: Option<String>,
}

/// Of some times, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_us: u64,
    pub(crate) p95_us: u64,
}

impl<'a> Summing<'a> {
    /// Nothing yet. Costs are compared with those of `baseline`, else of [`Policy::baseline`].
    pub(crate) fn new(policy: &'a Policy, abilities: &'a Abilities, baseline: Option<&str>) -> Self {
        let savings = Savings::new(policy, abilities, baseline);
        Self { stats: Stats::default(), times_us: BTreeMap::new(), scores: 0.0, savings }
    }

    /// Why costs cannot be compared with the named model, if they cannot.
    pub(crate) fn baseline_error(&self) -> Option<&BaselineError> {
        self.savings.as_ref().err()
    }

    pub(crate) fn add(&mut self, record: &Record) {
        if let Ok(savings) = &mut self.savings {
            savings.add(record);
        }
        self.stats.records += 1;
        self.stats.with_prompt += u64::from(record.prompt.is_some());
        self.count_decision(record);
        self.count_request(record.time_us, &record.endpoint, record.key.as_deref());
        if let Some(answered) = &record.answered {
            self.add_answer(answered);
        }
        if let Some(feedback) = record.feedback {
            self.scores += feedback.score;
            self.stats.with_score += 1;
        }
    }

    pub(crate) fn add_named(&mut self, record: &NamedRecord) {
        self.stats.named += 1;
        self.count("model", record.model.clone());
        self.count("rule", NamedRecord::RULE.to_owned());
        self.count_request(record.time_us, &record.endpoint, record.key.as_deref());
        self.add_answer(&record.answered);
    }

    fn count_request(&mut self, time_us: u64, endpoint: &str, key: Option<&str>) {
        let stats = &mut self.stats;
        stats.first_us = Some(stats.first_us.map_or(time_us, |first| first.min(time_us)));
        stats.last_us = stats.last_us.max(Some(time_us));
        self.count("endpoint", endpoint.to_owned());
        if let Some(key) = key {
            self.count("key", key.to_owned());
        }
    }

    fn count_decision(&mut self, record: &Record) {
        let Record { labels, decision, .. } = record;
        self.count("model", decision.model.to_string());
        self.count("rule", decision.rule.to_string());
        self.count("reason", decision.reason.as_str().to_owned());
        if labels.abstained.is_none() {
            self.count("task", labels.task.to_string());
            self.count("band", labels.band.to_string());
        }
        self.time("queue", record.queue_us);
        self.time("classify", record.classify_us);
        self.time("overhead", record.overhead_us);
    }

    fn add_answer(&mut self, answered: &Answered) {
        self.count("end", answered.end.as_str().to_owned());
        self.time("total", answered.total_us);
        if let Some(first) = answered.first_bytes_us {
            self.time("first_bytes", first);
        }
        if let Some(usage) = answered.usage {
            self.stats.input_tokens += u64::from(usage.input.0);
            self.stats.output_tokens += u64::from(usage.output.0);
        }
        if let Some(cost) = answered.cost {
            self.stats.cost_usd += cost.0;
            self.stats.with_cost += 1;
        }
    }

    fn count(&mut self, what: &'static str, name: String) {
        *self.stats.by.entry(what).or_default().entry(name).or_default() += 1;
    }

    fn time(&mut self, what: &'static str, us: u64) {
        self.times_us.entry(what).or_default().push(us);
    }

    /// What was counted.
    #[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
    pub(crate) fn finish(self) -> Stats {
        let mut stats = self.stats;
        stats.mean_score = (stats.with_score > 0).then(|| self.scores / stats.with_score as f64);
        stats.times = self.times_us.into_iter().map(|(what, times)| (what, quantiles(times))).collect();
        match self.savings {
            Ok(savings) => stats.savings = Some(savings.finish()),
            Err(error) => stats.no_savings = Some(error.to_string()),
        }
        stats
    }
}

/// Of at least one time.
fn quantiles(mut times: Vec<u64>) -> Quantiles {
    times.sort_unstable();
    let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).saturating_sub(1)];
    Quantiles { p50_us: rank(50), p95_us: rank(95) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        assert_eq!(quantiles(vec![7]), Quantiles { p50_us: 7, p95_us: 7 });
        let hundred = (1..=100).rev().collect();
        assert_eq!(quantiles(hundred), Quantiles { p50_us: 50, p95_us: 95 });
    }
}
