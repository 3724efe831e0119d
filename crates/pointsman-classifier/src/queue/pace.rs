//! How fast work goes, so that a batch takes no longer than those who wait for it have time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tokens of a batch while nothing has been measured.
const FIRST_TOKENS: usize = 512;

/// How much of what was measured before counts beside a new batch.
const MEMORY: f64 = 0.8;

/// What bounds batches by the time that they take. Without it only their size is bounded, and on a slow machine under load every
/// batch could take longer than anybody waits for it.
#[derive(Debug)]
pub struct Pace {
    now: fn() -> Duration,
    batch: Duration,
    measured: Mutex<Measured>,
}

/// Work done, the newest counted most.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    tokens: f64,
    seconds: f64,
}

impl Pace {
    /// Batches that take about `batch`, by a clock that never goes back.
    #[must_use]
    pub fn new(batch: Duration, now: fn() -> Duration) -> Self {
        Self { now, batch, measured: Mutex::default() }
    }

    /// How many tokens the next batch may have, `most` at most.
    pub(super) fn tokens(&self, most: usize) -> usize {
        let Measured { tokens, seconds } = *self.lock();
        if seconds <= 0.0 {
            return most.min(FIRST_TOKENS);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; what is larger is `most`"
        )]
        let tokens = (tokens / seconds * self.batch.as_secs_f64()) as usize;
        tokens.clamp(1, most.max(1))
    }

    /// How long so many tokens take, if anything has been measured.
    pub(super) fn of(&self, tokens: usize) -> Option<Duration> {
        let measured = *self.lock();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = tokens as f64 * measured.seconds / measured.tokens;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Does `work` on a batch of so many tokens and notes how long it took.
    pub(super) fn time(&self, tokens: usize, work: impl FnOnce()) {
        let begun = (self.now)();
        work();
        let took = (self.now)().saturating_sub(begun);
        let mut measured = self.lock();
        #[expect(clippy::cast_precision_loss, reason = "a batch has few tokens")]
        let tokens = tokens as f64;
        measured.tokens = MEMORY * measured.tokens + tokens;
        measured.seconds = MEMORY * measured.seconds + took.as_secs_f64();
    }

    /// Nothing that can panic is done under the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    fn now() -> Duration {
        NOW.get()
    }

    fn work(pace: &Pace, tokens: usize, micros: u64) {
        pace.time(tokens, || NOW.set(NOW.get() + Duration::from_micros(micros)));
    }

    #[test]
    fn a_batch_has_as_many_tokens_as_there_is_time_for() {
        let pace = Pace::new(Duration::from_millis(80), now);
        assert_eq!((pace.tokens(4096), pace.tokens(100)), (512, 100), "nothing is known");
        assert_eq!(pace.of(7), None);
        work(&pace, 100, 10_000);
        assert_eq!((pace.tokens(4096), pace.tokens(500)), (800, 500), "a tenth of a millisecond a token");
        assert_eq!(pace.of(50), Some(Duration::from_millis(5)));
        for _ in 0..40 {
            work(&pace, 100, 1_000);
        }
        assert_eq!(pace.tokens(4096), 4096, "the machine has become faster");
        for _ in 0..40 {
            work(&pace, 1, 1_000_000);
        }
        assert_eq!(pace.tokens(4096), 1, "one is always tried");
    }
}
