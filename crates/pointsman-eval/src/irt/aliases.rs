//! Names of models: the same model under several spellings, and ways of running one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The table that comes with the program.
const BUILT_IN: &str = include_str!("../../data/model-aliases.toml");

/// Which spellings mean the same model. The case of listed names does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    /// Canonical name by lower-case spelling, the canonical one included.
    canonical: BTreeMap<String, String>,
    /// The model of which this is a mode, by canonical name of the mode.
    modes: BTreeMap<String, String>,
    /// Further names, which join no outcomes, by canonical name.
    names: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    #[serde(default)]
    models: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    names: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    modes: BTreeMap<String, Vec<String>>,
}

/// A table of names that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// It is no TOML, or of another form.
    #[error("not a table of names: {0}: give `[models]`, `[names]` and `[modes]` with lists of spellings")]
    Malformed(String),
    /// A spelling is in it twice.
    #[error("`{spelling}` stands for both `{first}` and `{second}`: keep it with one of them")]
    Ambiguous {
        /// The name that has two meanings.
        spelling: String,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
}

impl Aliases {
    /// The table for the public records of outcomes that Pointsman's own abilities are fitted to.
    ///
    /// # Errors
    /// Never, unless the built-in table is at fault, which a test checks.
    pub fn built_in() -> Result<Self, AliasError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a table: `[models]` with a model's other spellings in outcomes, `[names]` with further names that people know
    /// it by, `[modes]` with the names of its modes.
    ///
    /// # Errors
    /// When `text` is no such table, or a spelling has two meanings.
    pub fn parse(text: &str) -> Result<Self, AliasError> {
        let raw: RawTable =
            toml::from_str(text).map_err(|error| AliasError::Malformed(error.message().to_owned()))?;
        let mut aliases = Self::default();
        for (name, spellings) in &raw.models {
            for spelling in std::iter::once(name).chain(spellings) {
                aliases.add(spelling, name)?;
            }
        }
        let mut owners = aliases.canonical.clone();
        for (model, names) in raw.names {
            let model = aliases.canonical(&model).to_owned();
            for name in &names {
                match owners.insert(name.to_lowercase(), model.clone()) {
                    Some(first) if first != model => return Err(ambiguous(name, &first, &model)),
                    _ => {}
                }
            }
            aliases.names.insert(model, names);
        }
        for (model, modes) in &raw.modes {
            let model = aliases.canonical(model).to_owned();
            for mode in modes {
                aliases.add(mode, mode)?;
                aliases.modes.insert(mode.clone(), model.clone());
            }
        }
        Ok(aliases)
    }

    fn add(&mut self, spelling: &str, name: &str) -> Result<(), AliasError> {
        match self.canonical.insert(spelling.to_lowercase(), name.to_owned()) {
            Some(first) if first != name => Err(ambiguous(spelling, &first, name)),
            _ => Ok(()),
        }
    }

    /// The model that `spelling` means; one that is not listed means itself.
    #[must_use]
    pub fn canonical<'a>(&'a self, spelling: &'a str) -> &'a str {
        self.canonical.get(&spelling.to_lowercase()).map_or(spelling, String::as_str)
    }

    /// The model of which `name` is a mode.
    #[must_use]
    pub fn mode_of(&self, name: &str) -> Option<&str> {
        self.modes.get(name).map(String::as_str)
    }

    /// The other spellings of the model called `name`, in lower case where only case differs is left out, and the further
    /// names that it has.
    #[must_use]
    pub fn spellings(&self, name: &str) -> Vec<&str> {
        let own = name.to_lowercase();
        let spellings = self.canonical.iter().filter(|(spelling, model)| *model == name && **spelling != own);
        let names = self.names.get(name).into_iter().flatten().map(String::as_str);
        spellings.map(|(spelling, _)| spelling.as_str()).chain(names).collect()
    }
}

fn ambiguous(spelling: &str, first: &str, second: &str) -> AliasError {
    AliasError::Ambiguous {
        spelling: spelling.to_owned(),
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_joins_spellings_and_nothing_else() {
        let aliases = Aliases::built_in().expect("valid");
        for (spelling, model) in [
            ("Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct"),
            ("llama-3.1-8b-instruct", "Meta-Llama-3.1-8B-Instruct"),
            ("mistral-large-2407", "Mistral-Large-2407"),
            ("Meta-Llama-3_1-8B", "Meta-Llama-3_1-8B"),
            ("gpt-4o-2024-05-13-FC", "gpt-4o-2024-05-13-FC"),
            ("never seen", "never seen"),
        ] {
            assert_eq!(aliases.canonical(spelling), model);
        }
        assert_eq!(aliases.mode_of("gpt-4o-2024-05-13-FC"), Some("gpt-4o-2024-05-13"));
        assert_eq!(aliases.mode_of("mistral-large-2407-FC-Any"), Some("Mistral-Large-2407"));
        assert_eq!(aliases.mode_of("gpt-4o-2024-05-13"), None);
        assert_eq!(
            aliases.spellings("Meta-Llama-3.1-8B-Instruct"),
            ["llama-3.1-8b-instruct", "meta-llama-3_1-8b-instruct", "llama-3.1-8b"]
        );
        // A further name joins nothing.
        assert_eq!(aliases.canonical("gpt-4o-mini"), "gpt-4o-mini");
        assert_eq!(aliases.spellings("gpt-4o-mini-2024-07-18"), ["gpt-4o-mini"]);
    }

    #[test]
    fn a_spelling_has_one_meaning() {
        for (text, message) in [
            ("[models]\na = [\"x\"]\nb = [\"X\"]", "stands for both `a` and `b`"),
            ("[models]\na = [\"x\"]\n[modes]\na = [\"x\"]", "stands for both"),
            ("[models]\na = [\"x\"]\n[names]\nb = [\"X\"]", "stands for both `a` and `b`"),
            ("[model]\n", "unknown field `model`"),
            ("[models]\na = \"x\"", "expected a sequence"),
        ] {
            let error = Aliases::parse(text).expect_err(text).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
