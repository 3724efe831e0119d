//! What well-known models charge, take and can do, as of the day on which the list was made.
//!
//! The list is `catalogue.tsv`, which `scripts/make_catalogue.py` makes from public prices. What a configuration says of a
//! model comes before it.

use std::collections::BTreeMap;

use pointsman_domain::{ModelId, TokenCount, Usd};
use serde::Serialize;

use crate::model::{Capabilities, Model, Origin, Price};

/// Models by provider and by the name that its API knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    date: String,
    origin: String,
    models: BTreeMap<String, BTreeMap<String, ListedModel>>,
}

/// A model of the catalogue. Prices are US dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedModel {
    /// Who sells it, as the catalogue names them.
    pub provider: String,
    /// Its name at the provider.
    pub model: String,
    /// What it does.
    pub kind: ListedKind,
    /// What a call costs.
    pub price: Price,
    /// What a token sent in a batch costs.
    pub batch_input: Option<Usd>,
    /// What a token written in a batch costs.
    pub batch_output: Option<Usd>,
    /// How many tokens may be sent.
    pub max_input: Option<TokenCount>,
    /// How many tokens it writes at most.
    pub max_output: Option<TokenCount>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether it reasons before it answers.
    pub reasoning: Option<bool>,
    /// The day from which it is not sold any more, such as `2026-12-11`.
    pub retires: Option<String>,
}

/// What a listed model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// It answers.
    Chat,
    /// It turns text into vectors.
    Embedding,
}

impl ListedKind {
    /// The name in the catalogue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embedding => "embedding",
        }
    }
}

/// Why a text is no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalogue, line {line}: {detail}; make it again with scripts/make_catalogue.py")]
pub struct CatalogueError {
    /// The line, counted from 1.
    pub line: usize,
    detail: String,
}

const SHIPPED: &str = include_str!("../catalogue.tsv");

/// What the first line begins with.
const FORMAT: &str = "# pointsman-catalogue 1";

const COLUMNS: usize = 13;

impl Catalogue {
    /// The catalogue that is shipped with the program.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test reads the file")]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("a test reads the file")
    }

    /// Reads tab-separated lines: the format with date and origin, the names of the columns, then a model each.
    ///
    /// # Errors
    /// When the format is another, or a line has a field too many or few or one that cannot be read.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let error = |line: usize, detail: &str| CatalogueError { line, detail: detail.to_owned() };
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let [FORMAT, date, origin] = head[..] else {
            return Err(error(1, "it is not `# pointsman-catalogue 1` with date and origin"));
        };
        let mut models: BTreeMap<String, BTreeMap<String, ListedModel>> = BTreeMap::new();
        for (at, line) in lines.enumerate().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let fields: [&str; COLUMNS] =
                fields.try_into().map_err(|_| error(at + 2, "it does not have 13 fields"))?;
            let model = ListedModel::parse(fields).ok_or_else(|| error(at + 2, "a field cannot be read"))?;
            models.entry(model.provider.clone()).or_default().insert(model.model.clone(), model);
        }
        Ok(Self { date: date.to_owned(), origin: origin.to_owned(), models })
    }

    /// The day of the prices, such as `2026-11-21`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// What the prices come from, for people.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The names of providers.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// All models, by provider and name.
    pub fn models(&self) -> impl Iterator<Item = &ListedModel> {
        self.models.values().flat_map(BTreeMap::values)
    }

    /// The model that `provider` calls `model`, if it is listed.
    #[must_use]
    pub fn get(&self, provider: &str, model: &str) -> Option<&ListedModel> {
        self.models.get(provider)?.get(model)
    }
}

impl ListedModel {
    fn parse(fields: [&str; COLUMNS]) -> Option<Self> {
        let [provider, model, kind, prices @ .., max_input, max_output, can, retires] = fields;
        let prices: [&str; 6] = prices;
        let mut amounts = [None; 6];
        for (amount, text) in amounts.iter_mut().zip(prices) {
            *amount =
                optional(text, |text| text.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd >= 0.0))?;
        }
        let [input, output, cache_read, cache_write, batch_input, batch_output] =
            amounts.map(|amount| amount.map(Usd));
        let tokens = |text: &str| optional(text, |text| text.parse().ok().map(TokenCount));
        let able = |letter: char| match (can.contains(letter), can.contains(letter.to_ascii_uppercase())) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        Some(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            kind: match kind {
                "chat" => ListedKind::Chat,
                "embedding" => ListedKind::Embedding,
                _ => return None,
            },
            price: Price { input: input?, output: output?, cache_read, cache_write },
            batch_input,
            batch_output,
            max_input: tokens(max_input)?,
            max_output: tokens(max_output)?,
            capabilities: Capabilities { tools: able('t'), vision: able('v'), structured_output: able('s') },
            reasoning: able('r'),
            retires: (!retires.is_empty()).then(|| retires.to_owned()),
        })
    }

    /// What a table needs to know of it. That it can do something says no more than that nothing is known, and is left
    /// out, so that a new list does not give every table another hash.
    #[must_use]
    pub fn model(&self, target: ModelId) -> Model {
        let lacks = |able: Option<bool>| able.filter(|able| !able);
        let Capabilities { tools, vision, structured_output } = self.capabilities;
        Model {
            price: Some(self.price),
            price_origin: Origin::Catalogue,
            max_input: self.max_input,
            capabilities: Capabilities {
                tools: lacks(tools),
                vision: lacks(vision),
                structured_output: lacks(structured_output),
            },
            ..Model::at(target)
        }
    }
}

/// Nothing for an empty text, else what `read` makes of it; `None` if that is nothing.
fn optional<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_is_whole_and_sorted() {
        let shipped = Catalogue::shipped();
        assert!(
            shipped.date() >= "2026-11-21" && shipped.origin().starts_with("litellm "),
            "{}",
            shipped.origin()
        );
        let lines: Vec<&str> = SHIPPED.lines().skip(2).collect();
        assert_eq!(shipped.models().count(), lines.len(), "no model is listed twice");
        assert!(shipped.models().count() > 500);
        for provider in ["anthropic", "azure", "bedrock", "deepseek", "gemini", "mistral", "openai"] {
            assert!(shipped.providers().any(|own| own == provider), "{provider}");
        }
        let mini = shipped.get("openai", "gpt-5-mini").expect("listed");
        assert_eq!((mini.price.input, mini.price.output), (Usd(0.25), Usd(2.0)));
        assert_eq!((mini.price.cache_read, mini.batch_output), (Some(Usd(0.025)), Some(Usd(1.0))));
        assert_eq!((mini.max_input, mini.max_output), (Some(TokenCount(272_000)), Some(TokenCount(128_000))));
        assert_eq!((mini.kind, mini.capabilities.tools), (ListedKind::Chat, Some(true)));
    }

    #[test]
    fn what_is_no_catalogue_is_refused_with_its_line() {
        let head = "# pointsman-catalogue 1\t2026-11-21\ta test\ncolumns\n";
        let row = "openai\tgpt\tchat\t1\t2\t\t\t\t\t10\t\ttVs\t\n";
        let good = Catalogue::parse(&format!("{head}{row}")).expect("readable");
        let model = good.get("openai", "gpt").expect("listed");
        assert_eq!((model.capabilities.vision, model.reasoning), (Some(false), None));
        let known = model.model(ModelId::parse("mine/gpt").expect("valid"));
        assert_eq!((known.capabilities.tools, known.capabilities.vision), (None, Some(false)));
        for (text, line) in [
            ("", 1),
            ("# pointsman-catalogue 2\td\to\nc\n", 1),
            (&format!("{head}{row}openai\tgpt\n"), 4),
            (&format!("{head}{}", row.replace("\t1\t", "\t-1\t")), 3),
            (&format!("{head}{}", row.replace("\t1\t", "\t\t")), 3),
            (&format!("{head}{}", row.replace("chat", "dance")), 3),
        ] {
            assert_eq!(Catalogue::parse(text).map_err(|error| error.line), Err(line), "{text}");
        }
    }
}
