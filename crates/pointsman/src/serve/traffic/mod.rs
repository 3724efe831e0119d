//! The last hour of decisions and answers, kept in memory for whoever looks: the dashboard and `/metrics`.
//!
//! Counts are kept in slots of [`SLOT_US`]; labels beyond the last hour go into a mix of up to seven days, against which
//! drift is measured. What is kept is bounded by time and by the configuration's models, whatever the traffic.

mod drift;
mod named;
mod times;
mod totals;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pointsman_record::{Answered, Record};

use self::drift::Mix;
pub(super) use self::drift::{Divergence, Drift};
pub(super) use self::named::{Named, NamedAnswer};
pub(super) use self::times::Spread;
use self::totals::add_all;
pub(super) use self::totals::{Label, Money, Stage, Totals};

/// How much time a slot covers.
const SLOT_US: u64 = 15_000_000;

/// Slots of the last hour.
const SLOTS: u64 = 240;

/// The longest stretch that [`Traffic::window`] tells of.
pub(super) const HOUR_US: u64 = SLOT_US * SLOTS;

/// How much time a part of the mix from before covers.
const PART_US: u64 = HOUR_US;

/// Parts of the mix from before.
const PARTS: u64 = 7 * 24;

/// Decisions that are kept one by one, and as many requests that named a model.
pub(super) const RECENT: usize = 256;

/// What went through the sidecar of late.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The oldest first.
    slots: VecDeque<(u64, Totals)>,
    /// The oldest first; prompts are never among them.
    recent: VecDeque<Record>,
    /// Requests that named a model, the oldest first.
    named: VecDeque<NamedAnswer>,
    /// Labels from before the last hour, the oldest first.
    parts: VecDeque<(u64, Mix)>,
}

impl Traffic {
    /// A table decided. What there is of the prompt is not kept.
    pub(super) fn decided(&self, record: &Record) {
        let kept = Record { prompt: None, ..record.clone() };
        let mut inner = self.inner();
        inner.slot(record.time_us).decided(record);
        if inner.recent.len() == RECENT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(kept);
    }

    /// The answer to the decision `id` ended at `now_us`.
    pub(super) fn answered(&self, id: &str, answered: &Answered, now_us: u64) {
        let mut inner = self.inner();
        inner.slot(now_us).answered(answered);
        if let Some(record) = inner.recent.iter_mut().rev().find(|record| record.id == id) {
            record.answered = Some(answered.clone());
        }
    }

    /// The answer to a request that named a model ended at `now_us`.
    pub(super) fn named(&self, named: Named, answered: &Answered, now_us: u64) {
        let mut inner = self.inner();
        inner.slot(now_us).named(&named.model, answered);
        if inner.named.len() == RECENT {
            inner.named.pop_front();
        }
        inner.named.push_back(NamedAnswer::new(named, answered, now_us));
    }

    /// Counts of the last `span_us` before `now_us`, of at most [`HOUR_US`], and the same in `points` equal steps, the
    /// oldest first, each with the moment when it begins.
    pub(super) fn window(&self, span_us: u64, points: u64, now_us: u64) -> (Totals, Vec<(u64, Totals)>) {
        let step = (span_us.min(HOUR_US) / SLOT_US / points).max(1);
        let first = (now_us / SLOT_US + 1).saturating_sub(step * points);
        let mut steps: Vec<(u64, Totals)> =
            (0..points).map(|i| ((first + i * step) * SLOT_US, Totals::default())).collect();
        let inner = self.inner();
        for (index, totals) in &inner.slots {
            let Some(place) = index.checked_sub(first).map(|after| after / step) else { continue };
            if let Some((_, sum)) = usize::try_from(place).ok().and_then(|place| steps.get_mut(place)) {
                sum.merge(totals);
            }
        }
        drop(inner);
        let mut all = Totals::default();
        steps.iter().for_each(|(_, totals)| all.merge(totals));
        (all, steps)
    }

    /// The newest decisions, the newest first.
    pub(super) fn recent(&self, limit: usize) -> Vec<Record> {
        self.inner().recent.iter().rev().take(limit).cloned().collect()
    }

    /// The newest requests that named a model, the newest first.
    pub(super) fn recent_named(&self, limit: usize) -> Vec<NamedAnswer> {
        self.inner().named.iter().rev().take(limit).cloned().collect()
    }

    /// The decision `id`, if it is among those that are kept.
    pub(super) fn get(&self, id: &str) -> Option<Record> {
        self.inner().recent.iter().rev().find(|record| record.id == id).cloned()
    }

    /// Labels of the last hour beside those of before.
    pub(super) fn drift(&self, now_us: u64) -> Drift {
        let (mut recent, mut before) = (Mix::new(), Mix::new());
        {
            let mut inner = self.inner();
            inner.forget(now_us);
            for (_, totals) in &inner.slots {
                add_labels(&mut recent, totals);
            }
            inner.parts.iter().for_each(|(_, mix)| add_all(&mut before, mix));
        }
        Drift::between(&recent, &before)
    }

    /// Adds the labels of a decision that was recorded before this process began. They count as from before the last hour.
    pub(super) fn remember(&self, record: &Record, now_us: u64) {
        let mut inner = self.inner();
        let (label, age) = (Label::of(&record.labels), now_us.saturating_sub(record.time_us));
        if age < PARTS * PART_US {
            *inner.part(record.time_us.min(now_us.saturating_sub(HOUR_US))).entry(label).or_default() += 1;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Counts that a panic left halfway are still counts.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The counts of the slot for `now_us`, or of the newest one should the clock have gone back.
    fn slot(&mut self, now_us: u64) -> &mut Totals {
        let index = now_us / SLOT_US;
        if self.slots.back().is_none_or(|(newest, _)| *newest < index) {
            self.forget(now_us);
            self.slots.push_back((index, Totals::default()));
        }
        &mut self.slots.back_mut().expect("one was there or has been added").1
    }

    /// Moves labels of slots that are over an hour old to the mix from before, and drops what is too old for that.
    fn forget(&mut self, now_us: u64) {
        let oldest = (now_us / SLOT_US).saturating_sub(SLOTS - 1);
        while self.slots.front().is_some_and(|(index, _)| *index < oldest) {
            if let Some((index, totals)) = self.slots.pop_front() {
                add_labels(self.part(index * SLOT_US), &totals);
            }
        }
        let oldest = (now_us / PART_US).saturating_sub(PARTS);
        while self.parts.front().is_some_and(|(index, _)| *index < oldest) {
            self.parts.pop_front();
        }
    }

    /// The part of the mix from before for `at_us`.
    fn part(&mut self, at_us: u64) -> &mut Mix {
        let index = at_us / PART_US;
        let place = match self.parts.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => place,
            Err(place) => {
                self.parts.insert(place, (index, Mix::new()));
                place
            }
        };
        &mut self.parts[place].1
    }
}

fn add_labels(mix: &mut Mix, totals: &Totals) {
    for ((label, _), count) in &totals.cells {
        *mix.entry(label.clone()).or_default() += count;
    }
}
