//! What is done when a model does not answer: how long it is waited for, what is asked again, and who is left alone.

mod backoff;
mod breaker;
mod budget;
mod content;
mod overflow;
mod timeouts;

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman_domain::ModelId;

pub use backoff::{retry_after, wait};
pub use breaker::{Breakers, Failing};
pub use budget::RetryBudget;
pub use content::until_content;
pub use overflow::overflows;
pub(crate) use timeouts::{head, timed};

/// How failures are met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePolicy {
    /// How long the head of a stream may take. A reply that is not streamed comes when it is whole, and is bound by
    /// `total_timeout` alone.
    pub first_byte_timeout: Duration,
    /// How long nothing may come within a reply.
    pub idle_timeout: Duration,
    /// How long a request may take, all attempts and the whole reply together.
    pub total_timeout: Duration,
    /// How often a model is asked again.
    pub retries: u32,
    /// How long is waited before the first retry, at most; twice as long before each further one.
    pub retry_delay: Duration,
    /// How long is waited before any retry, at most. A provider that asks for more is not asked again.
    pub retry_delay_max: Duration,
    /// How many retries there may be for a hundred requests.
    pub retry_percent: u32,
    /// After so many failures in a row a model is left alone; 0: never.
    pub breaker_failures: u32,
    /// For so long, until one request tries it.
    pub breaker_pause: Duration,
    /// How often providers are asked whether they are there; never without.
    pub health_check: Option<Duration>,
}

/// How failures of all models are met, and those of some of them in other ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailurePolicies {
    /// For models that have none of their own.
    pub usual: FailurePolicy,
    /// Of some models. How long a request may take, how many retries there may be and how often providers are asked is
    /// the same for all.
    pub models: BTreeMap<ModelId, FailurePolicy>,
}

impl FailurePolicies {
    /// The one for `model`.
    #[must_use]
    pub fn of(&self, model: &ModelId) -> &FailurePolicy {
        self.models.get(model).unwrap_or(&self.usual)
    }
}

impl From<FailurePolicy> for FailurePolicies {
    fn from(usual: FailurePolicy) -> Self {
        Self { usual, models: BTreeMap::new() }
    }
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            first_byte_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(120),
            total_timeout: Duration::from_secs(600),
            retries: 1,
            retry_delay: Duration::from_millis(250),
            retry_delay_max: Duration::from_secs(5),
            retry_percent: 20,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(15),
            health_check: None,
        }
    }
}
