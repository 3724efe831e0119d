//! `[record]`: where decisions are written down, what of prompts, and for how long.

use std::path::PathBuf;

use pointsman_policy::config::{Diagnostics, Document, Entry};
use pointsman_record::{Options, PromptPolicy, Retention};

use super::reading;

/// The file where the section names none.
const DEFAULT_PATH: &str = "pointsman-records.db";

const KEYS: [&str; 4] = ["path", "prompts", "keep_days", "keep_mb"];

/// What the section says; nothing is recorded where there is no section.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Option<Options> {
    let section = document.section("record", diagnostics)?;
    let mut options = Options {
        path: PathBuf::from(DEFAULT_PATH),
        prompts: PromptPolicy::None,
        retention: Retention { days: 30, mebibytes: 1024 },
    };
    for entry in section.entries() {
        set(&mut options, &entry, diagnostics);
    }
    Some(options)
}

fn set(options: &mut Options, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    let number = |most: u32, diagnostics: &mut Diagnostics| {
        let number = reading::number(entry, 1..=u64::from(most), diagnostics)?;
        u32::try_from(number).ok()
    };
    match entry.name() {
        "path" => {
            if let Some(path) = entry.string(diagnostics) {
                options.path = path.into_inner().into();
            }
        }
        "prompts" => {
            if let Some(prompts) = prompts(entry, diagnostics) {
                options.prompts = prompts;
            }
        }
        "keep_days" => {
            if let Some(days) = number(36_500, diagnostics) {
                options.retention.days = days;
            }
        }
        "keep_mb" => {
            if let Some(mebibytes) = number(1 << 20, diagnostics) {
                options.retention.mebibytes = mebibytes;
            }
        }
        _ => entry.unknown(&KEYS, diagnostics),
    }
}

fn prompts(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<PromptPolicy> {
    match entry.string(diagnostics)?.get_ref().as_str() {
        "none" => Some(PromptPolicy::None),
        "hash" => Some(PromptPolicy::Hash),
        "redacted" => Some(PromptPolicy::Redacted),
        "full" => Some(PromptPolicy::Full),
        _ => {
            entry.mismatch("\"none\", \"hash\", \"redacted\" or \"full\"", diagnostics);
            None
        }
    }
}
