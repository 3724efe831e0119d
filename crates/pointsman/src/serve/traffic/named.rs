//! Requests that named a model and were passed on to it: no decisions, but traffic, money and failures all the same.

use pointsman_domain::{ModelId, ModelName, TokenUsage, Usd};
use pointsman_policy::Models;
use pointsman_record::{Answered, Attempt, End, NAMED_VERSION, NamedRecord};
use serde::Serialize;

use super::totals::Money;

/// Characters of a model's name that are kept: clients may name what they like.
const SHOWN_CHARS: usize = 100;

/// A request that named a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::serve) struct Named {
    /// Tells it from others; there is no decision that it could be.
    pub(in crate::serve) id: String,
    /// Path of the request.
    pub(in crate::serve) endpoint: &'static str,
    /// The name of the client's key, if it came with one.
    pub(in crate::serve) key: Option<String>,
    /// What it is counted as: the model's name in `[models]`, else its provider with `/*`, so that clients cannot invent
    /// things to be counted.
    pub(in crate::serve) model: String,
    /// The model, its name shortened if it is very long.
    pub(in crate::serve) target: ModelId,
}

impl Named {
    /// A request of `key`'s owner for `target`.
    pub(in crate::serve) fn new(
        id: String,
        endpoint: &'static str,
        key: Option<String>,
        target: &ModelId,
        models: &Models,
    ) -> Self {
        let own = models.iter().find(|(_, model)| model.target == *target);
        let model = own.map_or_else(|| format!("{}/*", target.provider()), |(name, _)| name.to_string());
        Self { id, endpoint, key, model, target: shortened(target) }
    }

    /// What is recorded of it, once its answer ended at `ended_us`.
    pub(in crate::serve) fn record(&self, answered: &Answered, ended_us: u64) -> NamedRecord {
        let model = ModelName::new(self.model.as_str());
        let attempts = answered.attempts.iter().map(|attempt| Attempt {
            model: model.clone(),
            target: self.target.clone(),
            ..attempt.clone()
        });
        NamedRecord {
            version: NAMED_VERSION,
            id: self.id.clone(),
            time_us: ended_us.saturating_sub(answered.total_us),
            endpoint: self.endpoint.into(),
            key: self.key.clone(),
            model: self.model.clone(),
            target: self.target.clone(),
            answered: Answered { attempts: attempts.collect(), ..answered.clone() },
        }
    }
}

/// `target` with no more of its name than is kept.
fn shortened(target: &ModelId) -> ModelId {
    let name: String = target.model().trim_start().chars().take(SHOWN_CHARS).collect();
    ModelId::new(target.provider().clone(), name)
}

/// A request that named a model, and how it was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::serve) struct NamedAnswer {
    #[serde(flatten)]
    pub(super) named: Named,
    /// When the answer ended, in microseconds since 1970 (UTC).
    pub(super) time_us: u64,
    /// The status of the reply, if there was one.
    pub(super) status: Option<u16>,
    /// The kind of failure, if there was none.
    pub(super) error: Option<String>,
    pub(super) end: End,
    pub(super) first_bytes_us: Option<u64>,
    pub(super) total_us: u64,
    pub(super) usage: Option<TokenUsage>,
    pub(super) cost: Option<Usd>,
}

impl NamedAnswer {
    pub(super) fn new(named: Named, answered: &Answered, time_us: u64) -> Self {
        let last = answered.attempts.last();
        Self {
            named,
            time_us,
            status: last.and_then(|attempt| attempt.status),
            error: last.and_then(|attempt: &Attempt| attempt.error.clone()).map(Into::into),
            end: answered.end,
            first_bytes_us: answered.first_bytes_us,
            total_us: answered.total_us,
            usage: answered.usage,
            cost: answered.cost,
        }
    }
}

/// Requests that named the same model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::serve) struct NamedTotals {
    pub(in crate::serve) requests: u64,
    /// Those whose answer was cut, or that got none.
    pub(in crate::serve) failed: u64,
    pub(in crate::serve) money: Money,
}

impl NamedTotals {
    pub(super) fn add(&mut self, answered: &Answered) {
        self.requests += 1;
        self.failed += u64::from(matches!(answered.end, End::Cut | End::Failed));
        if answered.by().is_some() {
            self.money.add(answered);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.money.merge(&other.money);
    }
}
