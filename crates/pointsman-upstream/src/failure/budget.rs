//! A limit on retries, so that they do not add to what has brought a provider down.

use std::sync::atomic::{AtomicU64, Ordering};

/// A hundred of these are one retry.
const RETRY: u64 = 100;

/// Retries that may be made without requests before them.
const RESERVE: u64 = 10 * RETRY;

/// The most that is saved up.
const MOST: u64 = 100 * RETRY;

/// Each request pays in a part of a retry, each retry takes a whole one (as in Finagle's and tower's budgets, without
/// their windows of time).
#[derive(Debug)]
pub struct RetryBudget {
    percent: u64,
    saved: AtomicU64,
}

impl RetryBudget {
    /// A budget of `percent` retries for a hundred requests, and a reserve of ten.
    #[must_use]
    pub fn new(percent: u32) -> Self {
        Self { percent: percent.into(), saved: AtomicU64::new(RESERVE) }
    }

    /// Pays in for a request.
    pub fn deposit(&self) {
        let add = |saved: u64| Some(saved.saturating_add(self.percent).min(MOST));
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Takes a retry, if there is one left.
    pub fn withdraw(&self) -> bool {
        let take = |saved: u64| saved.checked_sub(RETRY);
        self.percent > 0 && self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_part_of_requests() {
        let budget = RetryBudget::new(20);
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10, "the reserve");
        for _ in 0..50 {
            budget.deposit();
        }
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10, "a fifth of 50");
        for _ in 0..10_000 {
            budget.deposit();
        }
        assert_eq!((0..1_000).filter(|_| budget.withdraw()).count(), 100, "no more is saved up");
        assert!(!RetryBudget::new(0).withdraw());
    }
}
