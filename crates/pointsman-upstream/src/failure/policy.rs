//! How failures are met: usually, of a table, of a model.

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman_domain::ModelId;

/// How failures are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePolicy {
    /// How long the head of a stream may take.
    pub first_byte_timeout: Duration,
    /// How long the head of a reply that is not streamed may take, which comes when most models have written all of it.
    pub reply_timeout: Duration,
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

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            first_byte_timeout: Duration::from_secs(120),
            reply_timeout: Duration::from_secs(300),
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

/// What is different for one table or one model. What is not set is as it would be without.
///
/// How many retries there may be and how often providers are asked is the same for all. What concerns a breaker has no
/// meaning for a table, for a model has one breaker whichever table chose it; how long a request may take has none for a
/// model, for a request may ask several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureOverrides {
    /// See [`FailurePolicy::first_byte_timeout`].
    pub first_byte_timeout: Option<Duration>,
    /// See [`FailurePolicy::reply_timeout`].
    pub reply_timeout: Option<Duration>,
    /// See [`FailurePolicy::idle_timeout`].
    pub idle_timeout: Option<Duration>,
    /// See [`FailurePolicy::total_timeout`].
    pub total_timeout: Option<Duration>,
    /// See [`FailurePolicy::retries`].
    pub retries: Option<u32>,
    /// See [`FailurePolicy::retry_delay`].
    pub retry_delay: Option<Duration>,
    /// See [`FailurePolicy::retry_delay_max`].
    pub retry_delay_max: Option<Duration>,
    /// See [`FailurePolicy::breaker_failures`].
    pub breaker_failures: Option<u32>,
    /// See [`FailurePolicy::breaker_pause`].
    pub breaker_pause: Option<Duration>,
}

impl FailureOverrides {
    /// `policy`, but for what is set here.
    #[must_use]
    pub fn over(&self, policy: FailurePolicy) -> FailurePolicy {
        FailurePolicy {
            first_byte_timeout: self.first_byte_timeout.unwrap_or(policy.first_byte_timeout),
            reply_timeout: self.reply_timeout.unwrap_or(policy.reply_timeout),
            idle_timeout: self.idle_timeout.unwrap_or(policy.idle_timeout),
            total_timeout: self.total_timeout.unwrap_or(policy.total_timeout),
            retries: self.retries.unwrap_or(policy.retries),
            retry_delay: self.retry_delay.unwrap_or(policy.retry_delay),
            retry_delay_max: self.retry_delay_max.unwrap_or(policy.retry_delay_max),
            breaker_failures: self.breaker_failures.unwrap_or(policy.breaker_failures),
            breaker_pause: self.breaker_pause.unwrap_or(policy.breaker_pause),
            ..policy
        }
    }
}

/// How failures are met usually, and what is different for some tables and models. A model goes before its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailurePolicies {
    /// Where nothing else is said.
    pub usual: FailurePolicy,
    /// Of some tables, by their names.
    pub tables: BTreeMap<String, FailureOverrides>,
    /// Of some models.
    pub models: BTreeMap<ModelId, FailureOverrides>,
}

impl FailurePolicies {
    /// The one for calls to `model` that `table` has decided, or nobody but the client.
    #[must_use]
    pub fn of(&self, table: Option<&str>, model: &ModelId) -> FailurePolicy {
        let policy = self.of_table(table);
        self.models.get(model).map_or(policy, |own| own.over(policy))
    }

    /// The one for requests that go to `table`, or to a model that they name.
    #[must_use]
    pub fn of_table(&self, table: Option<&str>) -> FailurePolicy {
        let own = table.and_then(|table| self.tables.get(table));
        own.map_or(self.usual, |own| own.over(self.usual))
    }
}

impl From<FailurePolicy> for FailurePolicies {
    fn from(usual: FailurePolicy) -> Self {
        Self { usual, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_goes_before_its_table_and_both_before_the_usual() {
        let model = |name: &str| ModelId::parse(name).expect("provider/model");
        let times = |retries, idle_s: Option<u64>| FailureOverrides {
            retries,
            idle_timeout: idle_s.map(Duration::from_secs),
            ..FailureOverrides::default()
        };
        let policies = FailurePolicies {
            tables: BTreeMap::from([("patient".to_owned(), times(Some(5), Some(300)))]),
            models: BTreeMap::from([(model("a/own"), times(Some(0), None))]),
            ..FailurePolicies::default()
        };
        for (table, name, retries, idle_s) in [
            (None, "a/b", 1, 120),
            (Some("auto"), "a/b", 1, 120),
            (Some("patient"), "a/b", 5, 300),
            (None, "a/own", 0, 120),
            (Some("patient"), "a/own", 0, 300),
        ] {
            let policy = policies.of(table, &model(name));
            assert_eq!(
                (policy.retries, policy.idle_timeout.as_secs()),
                (retries, idle_s),
                "{table:?} {name}"
            );
        }
    }
}
