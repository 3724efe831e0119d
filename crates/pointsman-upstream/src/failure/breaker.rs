//! Models that fail again and again are left alone for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pointsman_domain::{ModelId, ProviderName};
use tokio::time::Instant;

use super::FailurePolicies;

/// How many models are watched at most; requests may name any.
const LIMIT: usize = 10_000;

/// One circuit breaker for each model that has failed.
#[derive(Debug)]
pub struct Breakers {
    policies: FailurePolicies,
    /// Models that are not here are well.
    states: Mutex<BTreeMap<ModelId, State>>,
    /// Providers that have not answered when they were asked whether they are there.
    absent: Mutex<BTreeSet<ProviderName>>,
}

/// A model that has failed of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The model.
    pub target: ModelId,
    /// Failures in a row.
    pub failures: u32,
    /// How much longer it is left alone, if it is; nothing is left of that while it is being tried again.
    pub left_alone: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has failed so often in a row.
    Closed(u32),
    /// It is left alone until then; then one request may try it. A trial that is never heard of again counts as over when
    /// as much time has passed once more.
    Open(Instant),
}

impl Breakers {
    /// Breakers of models that are all well.
    #[must_use]
    pub fn new(policies: impl Into<FailurePolicies>) -> Self {
        Self { policies: policies.into(), states: Mutex::default(), absent: Mutex::default() }
    }

    /// Whether `target` may be asked at `now`. Where it has been left alone long enough, this is the one trial.
    pub fn admit(&self, target: &ModelId, now: Instant) -> bool {
        if self.absent().contains(target.provider()) {
            return false;
        }
        let mut states = self.states();
        match states.get_mut(target) {
            Some(State::Open(until)) if now < *until => false,
            Some(State::Open(until)) => {
                *until = now + self.policies.of(None, target).breaker_pause;
                true
            }
            Some(State::Closed(_)) | None => true,
        }
    }

    /// `target` has begun to answer: it is no longer left alone. Failures before still count until it has
    /// [succeeded](Self::succeeded).
    pub fn answered(&self, target: &ModelId) {
        let mut states = self.states();
        if let Some(state @ State::Open(_)) = states.get_mut(target) {
            *state = State::Closed(0);
        }
    }

    /// `target` has answered to the end.
    pub fn succeeded(&self, target: &ModelId) {
        self.states().remove(target);
    }

    /// `target` has failed at `now`. Returns whether it is left alone from now on, and was not before.
    pub fn failed(&self, target: &ModelId, now: Instant) -> bool {
        let policy = self.policies.of(None, target);
        if policy.breaker_failures == 0 {
            return false;
        }
        let mut states = self.states();
        if states.len() >= LIMIT && !states.contains_key(target) {
            return false;
        }
        let state = states.entry(target.clone()).or_insert(State::Closed(0));
        let open = State::Open(now + policy.breaker_pause);
        match *state {
            State::Closed(failures) if failures + 1 < policy.breaker_failures => {
                *state = State::Closed(failures + 1);
                false
            }
            State::Closed(_) => {
                *state = open;
                true
            }
            State::Open(_) => {
                *state = open;
                false
            }
        }
    }

    /// Models that have failed of late, by name, as they stand at `now`.
    pub fn failing(&self, now: Instant) -> Vec<Failing> {
        let states = self.states();
        let failing = states.iter().map(|(target, state)| match state {
            State::Closed(failures) => {
                Failing { target: target.clone(), failures: *failures, left_alone: None }
            }
            State::Open(until) => {
                let left_alone = Some(until.saturating_duration_since(now));
                Failing {
                    target: target.clone(),
                    failures: self.policies.of(None, target).breaker_failures,
                    left_alone,
                }
            }
        });
        failing.filter(|failing| failing.failures > 0 || failing.left_alone.is_some()).collect()
    }

    /// Models of `provider` are left alone until it [is there](Self::present). Returns whether they were not before.
    pub fn missed(&self, provider: &ProviderName) -> bool {
        self.absent().insert(provider.clone())
    }

    /// `provider` is there. Returns whether its models were left alone.
    pub fn present(&self, provider: &ProviderName) -> bool {
        self.absent().remove(provider)
    }

    fn absent(&self) -> MutexGuard<'_, BTreeSet<ProviderName>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<ModelId, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FailureOverrides, FailurePolicy};
    use super::*;

    fn model(name: &str) -> ModelId {
        ModelId::parse(name).expect("provider/model")
    }

    #[test]
    fn a_model_that_fails_is_left_alone_then_tried_once() {
        let breakers = Breakers::new(FailurePolicy::default());
        let (target, start) = (model("a/b"), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..4 {
            assert!(!breakers.failed(&target, start));
        }
        assert!(breakers.admit(&target, start));
        assert!(breakers.failed(&target, start), "the fifth in a row");
        assert!(!breakers.admit(&target, after(14)));
        assert!(breakers.admit(&model("a/c"), after(14)), "others are not concerned");
        assert!(breakers.admit(&target, after(15)), "the trial");
        assert!(!breakers.admit(&target, after(16)), "one at a time");
        assert!(!breakers.failed(&target, after(17)), "it was left alone before");
        assert!(!breakers.admit(&target, after(31)));
        assert!(breakers.admit(&target, after(32)), "the next trial");
        assert!(breakers.admit(&target, after(47)), "the trial before was never heard of again");
        let failing = |left_alone, failures| Failing { target: target.clone(), failures, left_alone };
        assert_eq!(breakers.failing(after(50)), [failing(Some(Duration::from_secs(12)), 5)]);
        breakers.answered(&target);
        assert_eq!(breakers.failing(after(50)), [], "it is well again");
        assert!(breakers.admit(&target, after(47)) && breakers.admit(&target, after(47)));
        assert!(!breakers.failed(&target, after(48)), "the count begins anew");
    }

    #[test]
    fn models_of_an_absent_provider_are_left_alone() {
        let breakers = Breakers::new(FailurePolicy::default());
        let (target, now) = (model("a/b"), Instant::now());
        assert!(breakers.missed(target.provider()) && !breakers.missed(target.provider()));
        assert!(!breakers.admit(&target, now) && breakers.admit(&model("b/b"), now));
        assert!(breakers.present(target.provider()) && !breakers.present(target.provider()));
        assert!(breakers.admit(&target, now));
    }

    #[test]
    fn a_model_may_have_a_policy_of_its_own() {
        let strict = FailureOverrides { breaker_failures: Some(1), ..FailureOverrides::default() };
        let models = BTreeMap::from([(model("a/strict"), strict)]);
        let breakers = Breakers::new(FailurePolicies { models, ..FailurePolicies::default() });
        let now = Instant::now();
        assert!(breakers.failed(&model("a/strict"), now) && !breakers.failed(&model("a/b"), now));
    }

    #[test]
    fn replies_that_begin_and_break_off_count() {
        let breakers = Breakers::new(FailurePolicy::default());
        let (target, now) = (model("a/b"), Instant::now());
        let mut opened = Vec::new();
        for _ in 0..5 {
            breakers.answered(&target);
            opened.push(breakers.failed(&target, now));
        }
        assert_eq!(opened, [false, false, false, false, true]);
    }

    #[test]
    fn successes_between_failures_and_no_limit_keep_it_closed() {
        let breakers = Breakers::new(FailurePolicy::default());
        let (target, now) = (model("a/b"), Instant::now());
        for _ in 0..20 {
            assert!(!breakers.failed(&target, now));
            assert!(!breakers.failed(&target, now));
            breakers.succeeded(&target);
        }
        let breakers = Breakers::new(FailurePolicy { breaker_failures: 0, ..FailurePolicy::default() });
        assert!((0..100).all(|_| !breakers.failed(&target, now)));
        assert!(breakers.admit(&target, now));
    }
}
