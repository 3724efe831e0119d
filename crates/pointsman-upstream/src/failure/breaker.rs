//! Models that fail again and again are left alone for a while.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pointsman_domain::ModelId;
use tokio::time::Instant;

use super::FailurePolicy;

/// How many models are watched at most; requests may name any.
const LIMIT: usize = 10_000;

/// One circuit breaker for each model that has failed.
#[derive(Debug)]
pub struct Breakers {
    policy: FailurePolicy,
    /// Models that are not here are well.
    states: Mutex<BTreeMap<ModelId, State>>,
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
    pub fn new(policy: FailurePolicy) -> Self {
        Self { policy, states: Mutex::default() }
    }

    /// Whether `target` may be asked at `now`. Where it has been left alone long enough, this is the one trial.
    pub fn admit(&self, target: &ModelId, now: Instant) -> bool {
        let mut states = self.states();
        match states.get_mut(target) {
            Some(State::Open(until)) if now < *until => false,
            Some(State::Open(until)) => {
                *until = now + self.policy.breaker_pause;
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
        if self.policy.breaker_failures == 0 {
            return false;
        }
        let mut states = self.states();
        if states.len() >= LIMIT && !states.contains_key(target) {
            return false;
        }
        let state = states.entry(target.clone()).or_insert(State::Closed(0));
        let open = State::Open(now + self.policy.breaker_pause);
        match *state {
            State::Closed(failures) if failures + 1 < self.policy.breaker_failures => {
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

    fn states(&self) -> MutexGuard<'_, BTreeMap<ModelId, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        breakers.answered(&target);
        assert!(breakers.admit(&target, after(47)) && breakers.admit(&target, after(47)));
        assert!(!breakers.failed(&target, after(48)), "the count begins anew");
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
