//! One key, and what has been done with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pointsman_domain::Usd;
use pointsman_policy::UnixMicros;
use tokio::time::Instant;

use super::super::error::ApiError;
use crate::config::ClientKey;

const MINUTE: Duration = Duration::from_secs(60);
const DAY_US: u64 = 86_400_000_000;

/// The day of a time, counted from 1970 (UTC).
pub(super) fn day_of(time: UnixMicros) -> u64 {
    time.0 / DAY_US
}

/// A key with its counts.
#[derive(Debug)]
pub(super) struct Key {
    settings: ClientKey,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// Requests that may come at once; grows with time up to those of a minute.
    free: f64,
    as_of: Instant,
    /// What has been spent on `day`, counted from 1970 (UTC).
    spent: f64,
    day: u64,
}

impl Key {
    pub(super) fn new(settings: ClientKey, now: Instant) -> Self {
        let free = settings.requests_per_minute.map_or(0.0, f64::from);
        Self { settings, counts: Mutex::new(Counts { free, as_of: now, spent: 0.0, day: 0 }) }
    }

    pub(super) fn settings(&self) -> &ClientKey {
        &self.settings
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn allows(&self, model: &str) -> bool {
        self.settings.models.as_ref().is_none_or(|models| models.contains(model))
    }

    /// Whether there is a limit to what it may spend.
    pub(super) fn may_spend_so_much(&self) -> bool {
        self.settings.usd_per_day.is_some()
    }

    /// Takes one more request at `now`, unless there have been too many, or too much has been spent.
    pub(super) fn admit(&self, now: Instant, today: UnixMicros) -> Result<(), ApiError> {
        let mut counts = self.counts();
        counts.begin_day(today);
        if let Some(most) = self.settings.usd_per_day
            && counts.spent >= most
        {
            let message = format!("the key `{}` has spent its {most:.2} USD of today (UTC)", self.name());
            let left_s = (DAY_US - today.0 % DAY_US).div_ceil(1_000_000);
            return Err(ApiError::too_many(
                message,
                "insufficient_quota",
                u32::try_from(left_s).unwrap_or(u32::MAX),
            ));
        }
        if let Some(most) = self.settings.requests_per_minute {
            let wait = counts.take(f64::from(most), now);
            if let Some(wait) = wait {
                let message = format!("the key `{}` may ask {most} times a minute", self.name());
                return Err(ApiError::too_many(message, "rate_limit_exceeded", wait));
            }
        }
        Ok(())
    }

    /// Adds what a reply has cost.
    pub(super) fn spent(&self, cost: Usd, today: UnixMicros) {
        let mut counts = self.counts();
        counts.begin_day(today);
        counts.spent += cost.0;
    }

    /// The last day on which something was spent, and how many US dollars.
    pub(super) fn spent_on(&self) -> (u64, f64) {
        let counts = self.counts();
        (counts.day, counts.spent)
    }

    /// Counts what was spent on a day, before anything else is.
    pub(super) fn restore(&self, day: u64, usd: f64) {
        let mut counts = self.counts();
        (counts.day, counts.spent) = (day, usd.max(0.0));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn begin_day(&mut self, today: UnixMicros) {
        let day = day_of(today);
        if day != self.day {
            (self.day, self.spent) = (day, 0.0);
        }
    }

    /// Takes one of `most` requests a minute; else says in how many seconds there will be one.
    fn take(&mut self, most: f64, now: Instant) -> Option<u32> {
        let minutes = now.saturating_duration_since(self.as_of).as_secs_f64() / MINUTE.as_secs_f64();
        self.free = (self.free + minutes * most).min(most);
        self.as_of = now;
        if self.free >= 1.0 {
            self.free -= 1.0;
            return None;
        }
        let seconds = ((1.0 - self.free) / most * MINUTE.as_secs_f64()).ceil();
        Some(seconds.clamp(1.0, 60.0) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeyHash;

    fn key(requests_per_minute: Option<u32>, usd_per_day: Option<f64>) -> (Key, Instant) {
        let settings = ClientKey {
            name: "ann".to_owned(),
            hash: KeyHash::of(b"k"),
            models: None,
            requests_per_minute,
            usd_per_day,
        };
        let now = Instant::now();
        (Key::new(settings, now), now)
    }

    #[test]
    fn requests_come_back_with_time() {
        let (key, start) = key(Some(3), None);
        let admitted = |seconds| key.admit(start + Duration::from_secs(seconds), UnixMicros(0)).is_ok();
        let at = [0, 0, 0, 0, 19, 20, 21, 40, 1000, 1000, 1000, 1000];
        let outcomes = at.map(admitted);
        assert_eq!(outcomes, [true, true, true, false, false, true, false, true, true, true, true, false]);
        let refused = format!("{:?}", key.admit(start + Duration::from_secs(1000), UnixMicros(0)));
        assert!(refused.contains("retry_after_s: Some(20)"), "{refused}");
    }

    #[test]
    fn money_comes_back_with_the_day() {
        let (key, now) = key(None, Some(1.0));
        let day = |days: u64| UnixMicros(days * DAY_US + DAY_US / 2);
        key.spent(Usd(0.6), day(1));
        assert!(key.admit(now, day(1)).is_ok());
        key.spent(Usd(0.6), day(1));
        let refused = format!("{:?}", key.admit(now, day(1)));
        assert!(refused.contains("retry_after_s: Some(43200)") && refused.contains("1.00 USD"), "{refused}");
        assert!(key.admit(now, day(2)).is_ok());
    }
}
