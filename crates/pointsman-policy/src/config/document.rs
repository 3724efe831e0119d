//! A TOML file as sections and entries that know where they stand, so that every complaint can name its place.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Diagnostics, Source};

/// A parsed TOML file.
#[derive(Debug)]
pub struct Document<'s> {
    source: &'s Source,
    root: DeTable<'s>,
    syntax: Diagnostics,
}

impl<'s> Document<'s> {
    /// Reads `source`. Syntax errors do not stop it: they are in [`Document::syntax`], and what could be read around
    /// them is in the sections.
    #[must_use]
    pub fn parse(source: &'s Source) -> Self {
        let (root, errors) = DeTable::parse_recoverable(source.text());
        let mut syntax = Diagnostics::new(source.clone());
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let help = help_for(source, &span);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let added = syntax.error(span, "", format!("not valid TOML: {message}"));
            if let Some(help) = help {
                added.help(help);
            }
        }
        Self { source, root: root.into_inner(), syntax }
    }

    /// The file.
    #[must_use]
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// What is not TOML in the file, one error each.
    #[must_use]
    pub fn syntax(&self) -> &Diagnostics {
        &self.syntax
    }

    /// The whole file as a section.
    #[must_use]
    pub fn root(&self) -> Section<'_> {
        Section { path: String::new(), span: 0..0, table: &self.root }
    }

    /// A top-level section, such as `[models]`. A key of that name which is no section is an error.
    pub fn section(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<Section<'_>> {
        self.root().entries().into_iter().find(|entry| entry.name() == name)?.section(diagnostics)
    }

    /// Complains about top-level keys that are not in `known`.
    pub fn check_sections(&self, known: &[&str], diagnostics: &mut Diagnostics) {
        for entry in self.root().entries() {
            if !known.contains(&entry.name()) {
                entry.unknown(known, diagnostics);
            }
        }
    }
}

/// What may have been meant where the parser stumbled, for slips that routing tables invite.
fn help_for(source: &Source, span: &Range<usize>) -> Option<String> {
    let position = source.position(span.start);
    let line = source.line(position.line).trim_start();
    let key = line.split('=').next().unwrap_or("").trim();
    if key.starts_with('*') {
        return Some(format!("a key with `*` stands in quotes: \"{key}\""));
    }
    let row_with_band = key.split_once('.').is_some_and(|(_, band)| !band.contains(['.', '"', '\'']));
    (row_with_band && line.contains('='))
        .then(|| format!("beside a row without a band, a row with one stands in quotes: \"{key}\""))
}

/// A table of a TOML file.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    path: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// The section's name, dotted from the top of the file; empty for the whole file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the section is declared.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The entries in the order of the file.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| Entry { path: join(&self.path, key.get_ref()), key, value })
            .collect();
        entries.sort_by_key(|entry| entry.key.span().start);
        entries
    }
}

/// One key of a section with its value.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    path: String,
    key: &'a Spanned<Cow<'a, str>>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// The key.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.key.get_ref()
    }

    /// The key, dotted from the top of the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the key stands.
    #[must_use]
    pub fn key_span(&self) -> Range<usize> {
        self.key.span()
    }

    /// Where the value stands.
    #[must_use]
    pub fn value_span(&self) -> Range<usize> {
        self.value.span()
    }

    /// Complains that this key is not one of `known`.
    pub fn unknown(&self, known: &[&str], diagnostics: &mut Diagnostics) {
        let what =
            if self.value.get_ref().is_table() && !self.path.contains('.') { "section" } else { "key" };
        diagnostics.error(self.key_span(), &self.path, format!("unknown {what} `{}`", self.name())).suggest(
            self.name(),
            known.iter().copied(),
            &format!("known {what}s"),
        );
    }

    /// Complains that the value is not what was `expected`, such as "a string".
    pub fn mismatch(&self, expected: &str, diagnostics: &mut Diagnostics) {
        let found = describe(self.value.get_ref());
        let message = format!("`{}` must be {expected}, not {found}", self.name());
        diagnostics.error(self.value_span(), &self.path, message);
    }

    /// The value if it is a table.
    #[must_use]
    pub fn as_section(&self) -> Option<Section<'a>> {
        let table = self.value.get_ref().as_table()?;
        let span = if self.value_span().is_empty() { self.key_span() } else { self.value_span() };
        Some(Section { path: self.path.clone(), span, table })
    }

    /// The value if it is a string, with its place.
    #[must_use]
    pub fn as_string(&self) -> Option<Spanned<String>> {
        string(self.value)
    }

    /// The value as a table; anything else is an error.
    pub fn section(&self, diagnostics: &mut Diagnostics) -> Option<Section<'a>> {
        self.expect("a table", self.as_section(), diagnostics)
    }

    /// The value as tables, written `[[name]]`; anything else is an error.
    pub fn sections(&self, diagnostics: &mut Diagnostics) -> Option<Vec<Section<'a>>> {
        let section = |(place, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let path = format!("{}.{}", self.path, place + 1);
            Some(Section { path, span: item.span(), table: item.get_ref().as_table()? })
        };
        let sections = match self.value.get_ref() {
            DeValue::Array(items) => items.iter().enumerate().map(section).collect(),
            _ => None,
        };
        self.expect(&format!("tables, each under [[{}]]", self.name()), sections, diagnostics)
    }

    /// The value as a string; anything else is an error.
    pub fn string(&self, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
        self.expect("a string", self.as_string(), diagnostics)
    }

    /// The value as a string or an array of strings; anything else is an error.
    pub fn strings(&self, diagnostics: &mut Diagnostics) -> Option<Vec<Spanned<String>>> {
        let strings = match self.value.get_ref() {
            DeValue::String(_) => string(self.value).map(|one| vec![one]),
            DeValue::Array(items) => items.iter().map(string).collect(),
            _ => None,
        };
        self.expect("a string or an array of strings", strings, diagnostics)
    }

    /// The value as `true` or `false`; anything else is an error.
    pub fn boolean(&self, diagnostics: &mut Diagnostics) -> Option<bool> {
        self.expect("true or false", self.value.get_ref().as_bool(), diagnostics)
    }

    /// The value as a whole number that is not negative; anything else is an error.
    pub fn whole_number(&self, diagnostics: &mut Diagnostics) -> Option<u64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        self.expect("a whole number from 0", number, diagnostics)
    }

    /// The value as a finite number that is not negative; anything else is an error.
    pub fn number(&self, diagnostics: &mut Diagnostics) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str().parse().ok(),
            _ => None,
        };
        self.expect("a number from 0", number.filter(|n: &f64| n.is_finite() && *n >= 0.0), diagnostics)
    }

    fn expect<T>(&self, expected: &str, value: Option<T>, diagnostics: &mut Diagnostics) -> Option<T> {
        if value.is_none() {
            self.mismatch(expected, diagnostics);
        }
        value
    }
}

fn string(value: &Spanned<DeValue<'_>>) -> Option<Spanned<String>> {
    Some(Spanned::new(value.span(), value.get_ref().as_str()?.to_owned()))
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_str()) => {
            "an array of strings".into()
        }
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
