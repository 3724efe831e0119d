//! `[failures]`: what is done when a model does not answer.

use pointsman_domain::{ModelId, nearest};
use pointsman_policy::config::{Diagnostics, Document, Entry};
use pointsman_upstream::{FailureOverrides, FailurePolicies};

use super::{models, reading};

/// What may be set for all, for a table and for a model.
const KEYS: [&str; 6] = [
    "first_byte_timeout_ms",
    "reply_timeout_ms",
    "idle_timeout_ms",
    "retries",
    "retry_delay_ms",
    "retry_delay_max_ms",
];

/// What may be set for all and for a table: a request may ask several models.
const TABLE_KEYS: [&str; 1] = ["total_timeout_ms"];

/// What may be set for all and for a model: it has one breaker, whichever table chose it.
const MODEL_KEYS: [&str; 2] = ["breaker_failures", "breaker_pause_ms"];

/// What may be set for all only.
const COMMON_KEYS: [&str; 4] = ["retry_percent", "health_check_ms", "tables", "models"];

/// The name of the table `[route]`.
const AUTO: &str = "auto";

/// What the section says, with defaults for what it does not.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> FailurePolicies {
    let mut policies = FailurePolicies::default();
    let mut usual = FailureOverrides::default();
    let known = [&KEYS[..], &TABLE_KEYS, &MODEL_KEYS, &COMMON_KEYS].concat();
    for entry in reading::entries(document, "failures", diagnostics) {
        match entry.name() {
            "models" => each(&entry, diagnostics, |entry, diagnostics| {
                let own = read_own(entry, &[&KEYS[..], &MODEL_KEYS].concat(), diagnostics)?;
                policies.models.insert(model_of(document, entry, diagnostics)?, own);
                Some(())
            }),
            "tables" => each(&entry, diagnostics, |entry, diagnostics| {
                let own = read_own(entry, &[&KEYS[..], &TABLE_KEYS].concat(), diagnostics)?;
                policies.tables.insert(table_of(document, entry, diagnostics)?, own);
                Some(())
            }),
            "retry_percent" => {
                if let Some(percent) = number(&entry, 100, diagnostics) {
                    policies.usual.retry_percent = percent;
                }
            }
            "health_check_ms" => policies.usual.health_check = reading::milliseconds(&entry, diagnostics),
            _ => set(&mut usual, &entry, &known, diagnostics),
        }
    }
    policies.usual = usual.over(policies.usual);
    policies
}

/// Reads the entries of a section.
fn each(
    section: &Entry<'_>,
    diagnostics: &mut Diagnostics,
    mut read: impl FnMut(&Entry<'_>, &mut Diagnostics) -> Option<()>,
) {
    for entry in section.section(diagnostics).iter().flat_map(|section| section.entries()) {
        // What is wrong with one has been said, and says nothing of the others.
        let _ = read(&entry, diagnostics);
    }
}

/// What is said about one table or model, which may be any of `known`.
fn read_own(entry: &Entry<'_>, known: &[&str], diagnostics: &mut Diagnostics) -> Option<FailureOverrides> {
    let mut own = FailureOverrides::default();
    for key in entry.section(diagnostics)?.entries() {
        set(&mut own, &key, known, diagnostics);
    }
    Some(own)
}

/// The table that an entry is called like.
fn table_of(document: &Document<'_>, entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let section = document.root().entries().into_iter().find(|entry| entry.name() == "tables");
    let tables = section.and_then(|entry| Some(entry.as_section()?.entries())).unwrap_or_default();
    let names: Vec<&str> = tables.iter().map(Entry::name).chain([AUTO]).collect();
    if names.contains(&entry.name()) {
        return Some(entry.name().to_owned());
    }
    unknown(entry, "table", &names, "name one of [tables], or \"auto\" for [route]", diagnostics);
    None
}

/// The model that an entry is called like.
fn model_of(document: &Document<'_>, entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<ModelId> {
    let target = target(document, entry.name());
    if target.is_none() {
        let models = models::read(document);
        let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        unknown(entry, "model", &names, "name one of [models], or provider/model", diagnostics);
    }
    target
}

fn unknown(entry: &Entry<'_>, what: &str, names: &[&str], otherwise: &str, diagnostics: &mut Diagnostics) {
    let meant = nearest(entry.name(), names.iter().copied());
    let help = meant.map_or_else(|| otherwise.to_owned(), |meant| format!("did you mean `{meant}`?"));
    let message = format!("there is no {what} `{}`", entry.name());
    diagnostics.error(entry.key_span(), entry.path(), message).help(help);
}

/// The model that the file calls `name`, or that is written provider/model.
fn target(document: &Document<'_>, name: &str) -> Option<ModelId> {
    let named = models::read(document).into_iter().find(|model| model.name.as_str() == name);
    named.map(|model| model.target).or_else(|| ModelId::parse(name).ok())
}

/// Sets what an entry says, if it is one of `known`.
fn set(own: &mut FailureOverrides, entry: &Entry<'_>, known: &[&str], diagnostics: &mut Diagnostics) {
    if !known.contains(&entry.name()) {
        return entry.unknown(known, diagnostics);
    }
    match entry.name() {
        "first_byte_timeout_ms" => own.first_byte_timeout = reading::milliseconds(entry, diagnostics),
        "reply_timeout_ms" => own.reply_timeout = reading::milliseconds(entry, diagnostics),
        "idle_timeout_ms" => own.idle_timeout = reading::milliseconds(entry, diagnostics),
        "total_timeout_ms" => own.total_timeout = reading::milliseconds(entry, diagnostics),
        "retry_delay_ms" => own.retry_delay = reading::milliseconds(entry, diagnostics),
        "retry_delay_max_ms" => own.retry_delay_max = reading::milliseconds(entry, diagnostics),
        "breaker_pause_ms" => own.breaker_pause = reading::milliseconds(entry, diagnostics),
        "retries" => own.retries = number(entry, 10, diagnostics),
        _ => own.breaker_failures = number(entry, 1_000, diagnostics),
    }
}

fn number(entry: &Entry<'_>, most: u64, diagnostics: &mut Diagnostics) -> Option<u32> {
    reading::number(entry, 0..=most, diagnostics).and_then(|number| u32::try_from(number).ok())
}
