//! Counts of windows that are longer than what is kept in memory, read from records.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use pointsman_eval::savings::{Report as SavingsReport, Savings};
use pointsman_record::{Filter, NamedRecord, Record, Store, StoreError};

use crate::serve::live::Live;
use crate::serve::traffic::Totals;

/// How long what was read is good enough, in microseconds.
const FRESH_US: u64 = 30_000_000;

/// The counts of a window.
#[derive(Debug)]
pub(in crate::serve) struct Sum {
    pub(super) until_us: u64,
    pub(super) totals: Totals,
    pub(super) steps: Vec<(u64, Totals)>,
    pub(super) savings: Option<SavingsReport>,
}

/// What was read of late, by window and baseline, so that several who look cost as much as one.
#[derive(Debug, Default)]
pub(in crate::serve) struct Sums(Mutex<BTreeMap<Key, Arc<Sum>>>);

/// Window and baseline.
type Key = (&'static str, Option<String>);

impl Sums {
    /// What is known of a window at `now_us`, if that is good enough.
    pub(super) fn get(&self, window: &'static str, baseline: Option<&str>, now_us: u64) -> Option<Arc<Sum>> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.get(&(window, baseline.map(str::to_owned)))?;
        (now_us.saturating_sub(sum.until_us) < FRESH_US).then(|| Arc::clone(sum))
    }

    /// Remembers the counts of a window, and forgets those that are too old.
    pub(super) fn put(&self, window: &'static str, baseline: Option<String>, sum: Arc<Sum>) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.retain(|_, old| sum.until_us.saturating_sub(old.until_us) < FRESH_US);
        sums.insert((window, baseline), sum);
    }
}

impl Sum {
    /// Reads the records of `span_us` before `now_us` at `path`. One that cannot be read is left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(
        path: &Path,
        live: &Live,
        baseline: Option<&str>,
        (span_us, points, now_us): (u64, u64, u64),
    ) -> Result<Self, StoreError> {
        let step_us = span_us / points;
        let since_us = now_us.saturating_sub(span_us);
        let mut steps: Vec<(u64, Totals)> =
            (0..points).map(|i| (since_us + i * step_us, Totals::default())).collect();
        let last = steps.len() - 1;
        let place = |time_us: u64| {
            usize::try_from(time_us.saturating_sub(since_us) / step_us).unwrap_or(usize::MAX).min(last)
        };
        let mut savings = Savings::new(&live.policy, &live.abilities, baseline).ok();
        let each = |record: Result<Record, StoreError>| {
            let Ok(record) = record else { return Ok(()) };
            let totals = &mut steps[place(record.time_us)].1;
            totals.decided(&record);
            if let Some(answered) = &record.answered {
                totals.answered(answered);
            }
            if let Some(savings) = &mut savings {
                savings.add(&record);
            }
            Ok::<(), StoreError>(())
        };
        let (store, filter) = (Store::open(path)?, Filter { since_us, newest: None });
        store.each(filter, each)?;
        store.each_named(filter, |record: Result<NamedRecord, StoreError>| {
            if let Ok(NamedRecord { time_us, model, answered, .. }) = record {
                steps[place(time_us)].1.named(&model, &answered);
            }
            Ok::<(), StoreError>(())
        })?;
        let mut totals = Totals::default();
        steps.iter().for_each(|(_, step)| totals.merge(step));
        Ok(Self { until_us: now_us, totals, steps, savings: savings.map(Savings::finish) })
    }
}
