//! What is written in the file, before it is known what it means.

use std::ops::Range;

use pointsman_domain::{TokenCount, Usd};
use toml::Spanned;

use super::targeting::RawTargeting;
use super::tests_section::RawTest;
use super::{Diagnostics, Document, Entry, Section};
use crate::model::{Capabilities, Model, Origin, Price};

/// The sections of a file that are about routing.
#[derive(Debug, Default)]
pub(super) struct RawPolicy {
    /// `[models]`.
    pub(super) models: Vec<RawModel>,
    /// `[route]`, under the name `auto`, and `[tables.NAME]`.
    pub(super) tables: Vec<RawTable>,
    /// Whether there is a key `route`, be it a section or not.
    pub(super) has_route: bool,
    /// `[policy]`.
    pub(super) targeting: RawTargeting,
    /// `[[test]]`.
    pub(super) tests: Vec<RawTest>,
}

/// One entry of `[models]`.
#[derive(Debug)]
pub(super) struct RawModel {
    /// The user's name for it.
    pub(super) name: Spanned<String>,
    /// The key, dotted from the top of the file.
    pub(super) path: String,
    /// What should be `provider/model`; `None` when it is missing or no string, which has been reported.
    pub(super) target: Option<Spanned<String>>,
    pub(super) price: Option<Price>,
    pub(super) context: Option<TokenCount>,
    pub(super) capabilities: Capabilities,
    /// A model of known ability that it is said to be like.
    pub(super) like: Option<Spanned<String>>,
}

/// `[route]` or one of `[tables]`.
#[derive(Debug)]
pub(super) struct RawTable {
    /// The name that requests select it by.
    pub(super) name: Spanned<String>,
    /// The section, dotted from the top of the file.
    pub(super) path: String,
    pub(super) rows: Vec<RawRow>,
}

/// One row of a table, a dotted key counting as one.
#[derive(Debug)]
pub(super) struct RawRow {
    /// `math`, `code.hard`, `default`, ….
    pub(super) key: Spanned<String>,
    /// Where the part of the key before the dot stands.
    pub(super) subject_span: Range<usize>,
    /// The key, dotted from the top of the file.
    pub(super) path: String,
    /// What should be names of models, with the place of the whole value; `None` when it is neither a string nor
    /// an array of strings, which has been reported.
    pub(super) models: Option<Spanned<Vec<Spanned<String>>>>,
}

impl RawPolicy {
    /// Reads the sections `models`, `route`, `tables`, `policy` and `test`.
    pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut raw = Self::default();
        for entry in document.root().entries() {
            match entry.name() {
                "models" => {
                    let entries = entry.section(diagnostics).map(|section| section.entries());
                    raw.models =
                        entries.unwrap_or_default().iter().map(|e| RawModel::read(e, diagnostics)).collect();
                }
                "route" => {
                    raw.has_route = true;
                    let name = Spanned::new(entry.key_span(), crate::Table::AUTO.to_owned());
                    raw.tables.extend(RawTable::read(&entry, name, diagnostics));
                }
                "tables" => {
                    for table in
                        entry.section(diagnostics).map(|section| section.entries()).unwrap_or_default()
                    {
                        let name = Spanned::new(table.key_span(), table.name().to_owned());
                        raw.tables.extend(RawTable::read(&table, name, diagnostics));
                    }
                }
                "test" => raw.tests = RawTest::read(&entry, diagnostics),
                "policy" => raw.targeting = RawTargeting::read(&entry, diagnostics),
                _ => {}
            }
        }
        raw
    }
}

impl RawModel {
    /// `model` with what the file says of it in place of what was known.
    pub(super) fn over(&self, model: Model) -> Model {
        let stated = self.capabilities;
        Model {
            price: self.price.or(model.price),
            price_origin: if self.price.is_some() { Origin::File } else { model.price_origin },
            context: self.context,
            max_input: if self.context.is_some() { None } else { model.max_input },
            capabilities: Capabilities {
                tools: stated.tools.or(model.capabilities.tools),
                vision: stated.vision.or(model.capabilities.vision),
                structured_output: stated.structured_output.or(model.capabilities.structured_output),
            },
            target: model.target,
            known_ability: model.known_ability,
        }
    }

    fn read(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut model = Self {
            name: Spanned::new(entry.key_span(), entry.name().to_owned()),
            path: entry.path().to_owned(),
            target: None,
            price: None,
            context: None,
            capabilities: Capabilities::default(),
            like: None,
        };
        match (entry.as_string(), entry.as_section()) {
            (Some(target), _) => model.target = Some(target),
            (_, Some(section)) => model.read_details(entry, &section, diagnostics),
            _ => entry.mismatch("\"provider/model\" or a table with `use`", diagnostics),
        }
        model
    }

    fn read_details(&mut self, model: &Entry<'_>, section: &Section<'_>, diagnostics: &mut Diagnostics) {
        const KEYS: [&str; 7] = ["use", "price", "context", "tools", "vision", "structured_output", "like"];
        let mut says_where = false;
        for entry in section.entries() {
            match entry.name() {
                "use" => {
                    says_where = true;
                    self.target = entry.string(diagnostics);
                }
                "price" => self.price = read_price(&entry, diagnostics),
                "context" => self.context = read_tokens(&entry, diagnostics),
                "tools" => self.capabilities.tools = entry.boolean(diagnostics),
                "vision" => self.capabilities.vision = entry.boolean(diagnostics),
                "structured_output" => self.capabilities.structured_output = entry.boolean(diagnostics),
                "like" => self.like = entry.string(diagnostics),
                _ => entry.unknown(&KEYS, diagnostics),
            }
        }
        if !says_where {
            diagnostics
                .error(model.key_span(), model.path(), format!("model `{}` has no `use`", model.name()))
                .help("say where it is: use = \"provider/model\"");
        }
    }
}

/// `{ input = 1.0, output = 2.0 }` and perhaps `cache_read`, `cache_write`, in US dollars per million tokens.
fn read_price(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<Price> {
    const KEYS: [&str; 4] = ["input", "output", "cache_read", "cache_write"];
    let section = entry.section(diagnostics)?;
    let entries = section.entries();
    for other in entries.iter().filter(|entry| !KEYS.contains(&entry.name())) {
        other.unknown(&KEYS, diagnostics);
    }
    let mut amount = |key: &str| match entries.iter().find(|entry| entry.name() == key) {
        Some(amount) => amount.number(diagnostics).map(Usd),
        None => {
            diagnostics
                .error(entry.key_span(), entry.path(), format!("the price has no `{key}`"))
                .help("give US dollars per million tokens: { input = 1.0, output = 4.0 }");
            None
        }
    };
    let (input, output) = (amount("input"), amount("output"));
    let mut optional =
        |key: &str| entries.iter().find(|entry| entry.name() == key)?.number(diagnostics).map(Usd);
    let (cache_read, cache_write) = (optional("cache_read"), optional("cache_write"));
    Some(Price { input: input?, output: output?, cache_read, cache_write })
}

fn read_tokens(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<TokenCount> {
    let tokens = entry.whole_number(diagnostics)?;
    match u32::try_from(tokens) {
        Ok(tokens) if tokens > 0 => Some(TokenCount(tokens)),
        _ => {
            entry.mismatch(&format!("a number of tokens from 1 to {}", u32::MAX), diagnostics);
            None
        }
    }
}

impl RawTable {
    fn read(entry: &Entry<'_>, name: Spanned<String>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let section = entry.section(diagnostics)?;
        let mut table = Self { name, path: entry.path().to_owned(), rows: Vec::new() };
        for row in section.entries() {
            match row.as_section() {
                None => {
                    let key = row.name().to_owned();
                    table.rows.push(RawRow::read(&row, key, row.key_span(), diagnostics));
                }
                Some(bands) => {
                    for band in bands.entries() {
                        let key = format!("{}.{}", row.name(), band.name());
                        table.rows.push(RawRow::read(&band, key, row.key_span(), diagnostics));
                    }
                }
            }
        }
        Some(table)
    }
}

impl RawRow {
    fn read(
        entry: &Entry<'_>,
        key: String,
        subject_span: Range<usize>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let models = entry.strings(diagnostics).map(|models| Spanned::new(entry.value_span(), models));
        let key = Spanned::new(entry.key_span(), key);
        Self { key, subject_span, path: entry.path().to_owned(), models }
    }
}
