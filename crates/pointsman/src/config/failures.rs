//! `[failures]`: what is done when a model does not answer.

use pointsman_policy::config::{Diagnostics, Document, Entry};
use pointsman_upstream::FailurePolicy;

use super::reading;

const KEYS: [&str; 9] = [
    "first_byte_timeout_ms",
    "idle_timeout_ms",
    "total_timeout_ms",
    "retries",
    "retry_delay_ms",
    "retry_delay_max_ms",
    "retry_percent",
    "breaker_failures",
    "breaker_pause_ms",
];

/// What the section says, with defaults for what it does not.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> FailurePolicy {
    let mut policy = FailurePolicy::default();
    for entry in reading::entries(document, "failures", diagnostics) {
        set(&mut policy, &entry, diagnostics);
    }
    policy
}

fn set(policy: &mut FailurePolicy, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    let (duration, number) = match entry.name() {
        "first_byte_timeout_ms" => (Some(&mut policy.first_byte_timeout), None),
        "idle_timeout_ms" => (Some(&mut policy.idle_timeout), None),
        "total_timeout_ms" => (Some(&mut policy.total_timeout), None),
        "retry_delay_ms" => (Some(&mut policy.retry_delay), None),
        "retry_delay_max_ms" => (Some(&mut policy.retry_delay_max), None),
        "breaker_pause_ms" => (Some(&mut policy.breaker_pause), None),
        "retries" => (None, Some((&mut policy.retries, 10))),
        "retry_percent" => (None, Some((&mut policy.retry_percent, 100))),
        "breaker_failures" => (None, Some((&mut policy.breaker_failures, 1_000))),
        _ => return entry.unknown(&KEYS, diagnostics),
    };
    if let Some(duration) = duration
        && let Some(read) = reading::milliseconds(entry, diagnostics)
    {
        *duration = read;
    }
    if let Some((number, most)) = number
        && let Some(read) = reading::number(entry, 0..=most, diagnostics)
    {
        *number = u32::try_from(read).unwrap_or(u32::MAX);
    }
}
