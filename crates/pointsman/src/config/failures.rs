//! `[failures]`: what is done when a model does not answer.

use std::time::Duration;

use pointsman_domain::{ModelId, ModelName, nearest};
use pointsman_policy::config::{Diagnostics, Document, Entry};
use pointsman_upstream::{FailurePolicies, FailurePolicy};

use super::reading;

/// What may be set for all models and for one.
const KEYS: [&str; 7] = [
    "first_byte_timeout_ms",
    "idle_timeout_ms",
    "retries",
    "retry_delay_ms",
    "retry_delay_max_ms",
    "breaker_failures",
    "breaker_pause_ms",
];

/// What may be set for all models only.
const COMMON_KEYS: [&str; 4] = ["total_timeout_ms", "retry_percent", "health_check_ms", "models"];

/// What the section says, with defaults for what it does not.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> FailurePolicies {
    let mut usual = FailurePolicy::default();
    let mut of_models = None;
    for entry in reading::entries(document, "failures", diagnostics) {
        match entry.name() {
            "models" => of_models = Some(entry),
            "total_timeout_ms" => set_duration(&mut usual.total_timeout, &entry, diagnostics),
            "retry_percent" => set_number(&mut usual.retry_percent, 100, &entry, diagnostics),
            "health_check_ms" => {
                usual.health_check = reading::milliseconds(&entry, diagnostics);
            }
            name if KEYS.contains(&name) => set(&mut usual, &entry, diagnostics),
            _ => entry.unknown(&[&KEYS[..], &COMMON_KEYS[..]].concat(), diagnostics),
        }
    }
    let mut policies = FailurePolicies::from(usual);
    if let Some(section) = of_models.and_then(|entry| entry.section(diagnostics)) {
        for entry in section.entries() {
            read_model(document, &mut policies, &entry, diagnostics);
        }
    }
    policies
}

/// Reads what is said about one model, which has the usual policy otherwise.
fn read_model(
    document: &Document<'_>,
    policies: &mut FailurePolicies,
    entry: &Entry<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(section) = entry.section(diagnostics) else {
        return;
    };
    let mut policy = policies.usual.clone();
    for key in section.entries() {
        if KEYS.contains(&key.name()) {
            set(&mut policy, &key, diagnostics);
        } else {
            key.unknown(&KEYS, diagnostics);
        }
    }
    match target(document, entry.name()) {
        Some(target) => {
            policies.models.insert(target, policy);
        }
        None => {
            let names: Vec<ModelName> = models(document).map(|(name, _)| name).collect();
            let meant = nearest(entry.name(), names.iter().map(ModelName::as_str));
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name one of [models], or provider/model".to_owned(),
            };
            let message = format!("there is no model `{}`", entry.name());
            diagnostics.error(entry.key_span(), entry.path(), message).help(help);
        }
    }
}

/// The model that the file calls `name`, or that is written provider/model.
fn target(document: &Document<'_>, name: &str) -> Option<ModelId> {
    let named = models(document).find(|(known, _)| known.as_str() == name).map(|(_, target)| target);
    named.or_else(|| ModelId::parse(name).ok())
}

/// The models of the file that can be read; what is wrong with others is said where they are read for routing.
fn models<'a>(document: &'a Document<'_>) -> impl Iterator<Item = (ModelName, ModelId)> + 'a {
    let section = document.root().entries().into_iter().find(|entry| entry.name() == "models");
    let entries = section.and_then(|entry| Some(entry.as_section()?.entries())).unwrap_or_default();
    entries.into_iter().filter_map(|entry| {
        let text = entry.as_string().or_else(|| {
            let uses = entry.as_section()?.entries().into_iter().find(|key| key.name() == "use")?;
            uses.as_string()
        })?;
        Some((ModelName::new(entry.name()), ModelId::parse(text.get_ref()).ok()?))
    })
}

fn set(policy: &mut FailurePolicy, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    match entry.name() {
        "first_byte_timeout_ms" => set_duration(&mut policy.first_byte_timeout, entry, diagnostics),
        "idle_timeout_ms" => set_duration(&mut policy.idle_timeout, entry, diagnostics),
        "retry_delay_ms" => set_duration(&mut policy.retry_delay, entry, diagnostics),
        "retry_delay_max_ms" => set_duration(&mut policy.retry_delay_max, entry, diagnostics),
        "breaker_pause_ms" => set_duration(&mut policy.breaker_pause, entry, diagnostics),
        "retries" => set_number(&mut policy.retries, 10, entry, diagnostics),
        _ => set_number(&mut policy.breaker_failures, 1_000, entry, diagnostics),
    }
}

fn set_duration(duration: &mut Duration, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    if let Some(read) = reading::milliseconds(entry, diagnostics) {
        *duration = read;
    }
}

fn set_number(number: &mut u32, most: u64, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    if let Some(read) = reading::number(entry, 0..=most, diagnostics) {
        *number = u32::try_from(read).unwrap_or(u32::MAX);
    }
}
