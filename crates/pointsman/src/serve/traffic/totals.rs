//! What is counted of decisions and answers, be they of the last minutes or read from records.

use std::collections::BTreeMap;

use pointsman_domain::{Band, Labels, ModelName, Task, TokenUsage};
use pointsman_policy::Price;
use pointsman_record::{Answered, Attempt, End, Record};

use super::named::NamedTotals;
use super::times::Times;

/// What a prompt was labelled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::serve) enum Label {
    /// Task and band.
    Sure(Task, Band),
    /// Why not.
    Abstained(&'static str),
}

impl Label {
    /// What `labels` say.
    pub(in crate::serve) fn of(labels: &Labels) -> Self {
        match labels.abstained {
            Some(reason) => Self::Abstained(reason.as_str()),
            None => Self::Sure(labels.task.clone(), labels.band),
        }
    }
}

/// Parts of the time that a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Stage {
    /// Waiting for the classifier.
    Queue,
    /// Being labelled.
    Classify,
    /// From the arrival to the decision, both of the above included.
    Overhead,
    /// From the call to the first bytes of the reply.
    FirstToken,
    /// From the arrival to the last byte of the reply.
    Total,
}

impl Stage {
    /// In the order in which they come.
    pub(in crate::serve) const ALL: [Self; 5] =
        [Self::Queue, Self::Classify, Self::Overhead, Self::FirstToken, Self::Total];

    /// The name in answers.
    pub(in crate::serve) fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Classify => "classify",
            Self::Overhead => "overhead",
            Self::FirstToken => "first_token",
            Self::Total => "total",
        }
    }
}

/// Sums of tokens, each kind priced on its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::serve) struct Tokens {
    /// Sent, and neither from nor into a cache.
    pub(in crate::serve) plain: u64,
    pub(in crate::serve) cache_read: u64,
    pub(in crate::serve) cache_write: u64,
    pub(in crate::serve) output: u64,
}

impl Tokens {
    /// Everything sent.
    fn input(self) -> u64 {
        self.plain + self.cache_read + self.cache_write
    }

    /// What they cost, in US dollars.
    #[expect(clippy::cast_precision_loss, reason = "sums of tokens stay below what a float counts exactly")]
    pub(in crate::serve) fn cost_usd(self, price: &Price) -> f64 {
        let read = price.cache_read.unwrap_or(price.input);
        let write = price.cache_write.unwrap_or(price.input);
        let parts = [
            (self.plain, price.input),
            (self.cache_read, read),
            (self.cache_write, write),
            (self.output, price.output),
        ];
        parts.iter().map(|(tokens, price)| *tokens as f64 * price.0 / 1e6).sum()
    }

    fn add(&mut self, usage: TokenUsage) {
        let TokenUsage { input, cache_read, cache_write, output } = usage;
        self.plain += u64::from(input.0.saturating_sub(cache_read.0).saturating_sub(cache_write.0));
        self.cache_read += u64::from(cache_read.0);
        self.cache_write += u64::from(cache_write.0);
        self.output += u64::from(output.0);
    }

    fn merge(&mut self, other: Self) {
        self.plain += other.plain;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
    }
}

/// Replies, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::serve) struct Money {
    /// Tokens of replies with a price.
    pub(in crate::serve) priced_tokens: Tokens,
    /// Tokens of the others.
    pub(in crate::serve) unpriced_tokens: Tokens,
    pub(in crate::serve) spent_usd: f64,
    /// Replies with a price.
    pub(in crate::serve) priced: u64,
    /// Replies whose model has no price.
    pub(in crate::serve) without_price: u64,
    /// Replies that do not say how many tokens they took.
    pub(in crate::serve) without_tokens: u64,
}

impl Money {
    /// Tokens sent, with a price or without.
    pub(in crate::serve) fn input_tokens(&self) -> u64 {
        self.priced_tokens.input() + self.unpriced_tokens.input()
    }

    /// Tokens written.
    pub(in crate::serve) fn output_tokens(&self) -> u64 {
        self.priced_tokens.output + self.unpriced_tokens.output
    }

    pub(super) fn add(&mut self, answered: &Answered) {
        match (answered.usage, answered.cost) {
            (Some(usage), Some(cost)) => {
                self.priced += 1;
                self.priced_tokens.add(usage);
                self.spent_usd += cost.0;
            }
            (Some(usage), None) => {
                self.without_price += 1;
                self.unpriced_tokens.add(usage);
            }
            (None, _) => self.without_tokens += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.priced_tokens.merge(other.priced_tokens);
        self.unpriced_tokens.merge(other.unpriced_tokens);
        self.spent_usd += other.spent_usd;
        self.priced += other.priced;
        self.without_price += other.without_price;
        self.without_tokens += other.without_tokens;
    }
}

/// Counts over some stretch of time.
#[derive(Debug, Clone, Default)]
pub(in crate::serve) struct Totals {
    pub(in crate::serve) decisions: u64,
    pub(in crate::serve) abstained: u64,
    /// Replies that ended, by how: whole, cut, given up, failed.
    pub(in crate::serve) ends: BTreeMap<&'static str, u64>,
    /// Decisions by what the prompt was labelled and which model was chosen.
    pub(in crate::serve) cells: BTreeMap<(Label, ModelName), u64>,
    /// Replies by the model that gave them.
    pub(in crate::serve) models: BTreeMap<ModelName, Money>,
    /// Requests that named a model, by what they are counted as.
    pub(in crate::serve) named: BTreeMap<String, NamedTotals>,
    /// Calls without a reply, or with a status from 400, by provider and kind.
    pub(in crate::serve) errors: BTreeMap<(String, String), u64>,
    times: [Times; Stage::ALL.len()],
}

impl Totals {
    /// Counts a decision.
    pub(in crate::serve) fn decided(&mut self, record: &Record) {
        let label = Label::of(&record.labels);
        self.decisions += 1;
        self.abstained += u64::from(matches!(label, Label::Abstained(_)));
        *self.cells.entry((label, record.decision.model.clone())).or_default() += 1;
        self.time(Stage::Queue, record.queue_us);
        self.time(Stage::Classify, record.classify_us);
        self.time(Stage::Overhead, record.overhead_us);
    }

    /// Counts the end of an answer.
    pub(in crate::serve) fn answered(&mut self, answered: &Answered) {
        *self.ends.entry(answered.end.as_str()).or_default() += 1;
        self.count_errors(answered);
        if let Some(first) = answered.first_bytes_us {
            self.time(Stage::FirstToken, first);
        }
        self.time(Stage::Total, answered.total_us);
        if let Some(by) = answered.by() {
            self.models.entry(by.model.clone()).or_default().add(answered);
        }
    }

    /// Counts a request that named `model`. How long it took is not among the times, which are those of decisions.
    pub(in crate::serve) fn named(&mut self, model: &str, answered: &Answered) {
        self.count_errors(answered);
        self.named.entry(model.to_owned()).or_default().add(answered);
    }

    fn count_errors(&mut self, answered: &Answered) {
        for attempt in &answered.attempts {
            if let Some(kind) = failure(attempt) {
                let provider = attempt.target.provider().to_string();
                *self.errors.entry((provider, kind)).or_default() += 1;
            }
        }
    }

    /// Counts what another has counted.
    pub(in crate::serve) fn merge(&mut self, other: &Self) {
        self.decisions += other.decisions;
        self.abstained += other.abstained;
        add_all(&mut self.ends, &other.ends);
        add_all(&mut self.cells, &other.cells);
        add_all(&mut self.errors, &other.errors);
        for (model, money) in &other.models {
            self.models.entry(model.clone()).or_default().merge(money);
        }
        for (model, totals) in &other.named {
            self.named.entry(model.clone()).or_default().merge(totals);
        }
        for (own, more) in self.times.iter_mut().zip(&other.times) {
            own.merge(more);
        }
    }

    /// How long a part of the requests took.
    pub(in crate::serve) fn times(&self, stage: Stage) -> &Times {
        &self.times[stage as usize]
    }

    /// Replies that did not reach the client whole, though it waited for them.
    pub(in crate::serve) fn failed(&self) -> u64 {
        [End::Cut, End::Failed].iter().filter_map(|end| self.ends.get(end.as_str())).sum()
    }

    /// Replies of all models.
    pub(in crate::serve) fn money(&self) -> Money {
        let mut sum = Money::default();
        self.models.values().for_each(|money| sum.merge(money));
        sum
    }

    fn time(&mut self, stage: Stage, us: u64) {
        self.times[stage as usize].add(us);
    }
}

/// What went wrong with a call, if something did.
fn failure(attempt: &Attempt) -> Option<String> {
    match (attempt.status, &attempt.error) {
        (Some(status), _) => (status >= 400).then(|| format!("status_{status}")),
        (None, Some(kind)) => Some(kind.clone().into_owned()),
        (None, None) => None,
    }
}

/// Adds counts to counts.
pub(in crate::serve) fn add_all<K: Ord + Clone>(own: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        if let Some(sum) = own.get_mut(key) {
            *sum += count;
        } else {
            own.insert(key.clone(), *count);
        }
    }
}
