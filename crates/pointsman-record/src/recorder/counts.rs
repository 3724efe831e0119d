//! What the recorder counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decisions, and requests that named their model, in the file.
    pub written: u64,
    /// Decisions, and requests that named their model, that found no room.
    pub dropped_decisions: u64,
    /// Answers that found no room: their decisions stay without one.
    pub dropped_answers: u64,
    /// Commits that failed.
    pub failed_commits: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) dropped_decisions: AtomicU64,
    pub(super) dropped_answers: AtomicU64,
    pub(super) failed_commits: AtomicU64,
    /// Bytes of prompts in the queue.
    pub(super) queued_bytes: AtomicUsize,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            written: read(&self.written),
            dropped_decisions: read(&self.dropped_decisions),
            dropped_answers: read(&self.dropped_answers),
            failed_commits: read(&self.failed_commits),
        }
    }
}
