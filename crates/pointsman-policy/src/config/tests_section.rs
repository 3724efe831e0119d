//! Reading `[[test]]`.

use std::ops::Range;

use pointsman_domain::ModelName;
use toml::Spanned;

use super::{Diagnostics, Entry, Section};
use crate::model::Models;
use crate::table::Table;
use crate::test_block::TestBlock;

/// One block as it is written.
#[derive(Debug)]
pub(super) struct RawTest {
    place: Range<usize>,
    path: String,
    prompt: Option<Spanned<String>>,
    expect: Option<Spanned<Vec<Spanned<String>>>>,
    table: Option<Spanned<String>>,
}

impl RawTest {
    /// Reads all blocks.
    pub(super) fn read(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Vec<Self> {
        let sections = entry.sections(diagnostics).unwrap_or_default();
        sections.iter().map(|section| Self::read_one(section, diagnostics)).collect()
    }

    fn read_one(section: &Section<'_>, diagnostics: &mut Diagnostics) -> Self {
        const KEYS: [&str; 3] = ["prompt", "expect", "table"];
        let mut raw = Self {
            place: section.span(),
            path: section.path().to_owned(),
            prompt: None,
            expect: None,
            table: None,
        };
        let entries = section.entries();
        for entry in &entries {
            match entry.name() {
                "prompt" => raw.prompt = entry.string(diagnostics),
                "expect" => {
                    let names = entry.strings(diagnostics);
                    raw.expect = names.map(|names| Spanned::new(entry.value_span(), names));
                }
                "table" => raw.table = entry.string(diagnostics),
                _ => entry.unknown(&KEYS, diagnostics),
            }
        }
        for (key, example) in [("prompt", "\"Write a haiku\""), ("expect", "\"NAME\"")] {
            if !entries.iter().any(|entry| entry.name() == key) {
                diagnostics
                    .error(raw.place.clone(), &raw.path, format!("the test has no `{key}`"))
                    .help(format!("add {key} = {example}"));
            }
        }
        raw
    }

    /// The block's meaning, with models and tables that there are; others are reported.
    pub(super) fn resolve(
        &self,
        models: &Models,
        tables: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Option<TestBlock> {
        let expect = self.expect.as_ref()?;
        if expect.get_ref().is_empty() {
            diagnostics
                .error(expect.span(), &self.path, "the test expects no model")
                .help("name at least one, or remove the test");
        }
        let known = || models.keys().map(ModelName::as_str);
        for name in expect.get_ref() {
            if !known().any(|own| own == name.get_ref()) {
                let message = format!("unknown model `{}`", name.get_ref());
                diagnostics.error(name.span(), &self.path, message).suggest(
                    name.get_ref(),
                    known().collect::<Vec<_>>(),
                    "models",
                );
            }
        }
        let table = self.table.as_ref().map_or(Table::AUTO, |table| table.get_ref());
        if let Some(written) = &self.table
            && !tables.contains(&table)
        {
            diagnostics.error(written.span(), &self.path, format!("unknown table `{table}`")).suggest(
                table,
                tables.iter().copied(),
                "tables",
            );
        }
        Some(TestBlock {
            prompt: self.prompt.as_ref()?.get_ref().clone(),
            expect: expect.get_ref().iter().map(|name| ModelName::new(name.get_ref().as_str())).collect(),
            table: table.to_owned(),
            line: diagnostics.source().position(self.place.start).line,
        })
    }
}
