//! Values with a meaning beyond their type.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use pointsman_policy::config::{Diagnostics, Document, Entry};

/// The entries of a top-level section; none where there is none.
pub(super) fn entries<'a>(
    document: &'a Document<'_>,
    section: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<Entry<'a>> {
    document.section(section, diagnostics).map(|section| section.entries()).unwrap_or_default()
}

/// A whole number of `range`.
pub(super) fn number(
    entry: &Entry<'_>,
    range: RangeInclusive<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    let number = entry.whole_number(diagnostics)?;
    if !range.contains(&number) {
        entry.mismatch(&format!("a whole number from {} to {}", range.start(), range.end()), diagnostics);
        return None;
    }
    Some(number)
}

/// A number of milliseconds, from 1 to a day.
pub(super) fn milliseconds(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    number(entry, 1..=86_400_000, diagnostics).map(Duration::from_millis)
}

/// A string that has a meaning.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    entry: &Entry<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let text = entry.string(diagnostics)?;
    text.get_ref()
        .parse()
        .map_err(|error| {
            diagnostics.error(entry.value_span(), entry.path(), format!("`{}`: {error}", entry.name()));
        })
        .ok()
}

/// The name of an environment variable. Whoever puts the key itself there is told, without repeating it.
pub(super) fn variable(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = entry.string(diagnostics)?.into_inner();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        diagnostics
            .error(
                entry.value_span(),
                entry.path(),
                format!("`{}` is not the name of an environment variable", entry.name()),
            )
            .unquoted()
            .help("put the key in the environment and its variable's name here, such as \"OPENAI_API_KEY\"");
        return None;
    }
    Some(name)
}
