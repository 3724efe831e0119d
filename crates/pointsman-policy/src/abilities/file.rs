//! `abilities.toml`: its form, read with the place of every fault and written the same way each time.
//!
//! ```toml
//! version = "abilities/1"
//! date    = "2025-11-21"
//! origin  = "which outcomes they were fitted to"
//!
//! [discrimination]          # slope of the success curve: `default`, and tasks or groups that have their own
//! default = 1.0
//! code    = 1.2
//!
//! [models."gpt-4o-mini-2024-07-18"]
//! aliases = ["gpt-4o-mini"]
//! ability = -0.12           # standard deviations of the reference pool; 0 is its average model
//! se      = 0.04
//! items   = 11402           # outcomes
//! [models."gpt-4o-mini-2024-07-18".labels]
//! math    = { ability = 0.1, se = 0.09, items = 3100 }
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use pointsman_domain::{Ability, ModelName, Task};
use serde::Deserialize;
use toml::Spanned;

use super::{Abilities, Discrimination, Estimate, ModelAbility};
use crate::config::{Diagnostic, Diagnostics, Source};

/// The form that this version of the program reads and writes.
const VERSION: &str = "abilities/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: Spanned<String>,
    date: String,
    origin: String,
    #[serde(default)]
    discrimination: Option<BTreeMap<Task, Spanned<f64>>>,
    models: BTreeMap<String, RawModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    ability: Spanned<f64>,
    se: Spanned<f64>,
    items: u32,
    #[serde(default)]
    labels: BTreeMap<Task, RawEstimate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEstimate {
    ability: Spanned<f64>,
    se: Spanned<f64>,
    items: u32,
}

/// Everything that is wrong with an `abilities.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AbilitiesError {
    name: String,
    findings: Vec<Diagnostic>,
}

impl AbilitiesError {
    /// What was found, in the order of the file.
    #[must_use]
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }
}

impl fmt::Display for AbilitiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used", self.name)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding:#}"))
    }
}

impl Abilities {
    /// Reads the text of an `abilities.toml`.
    ///
    /// # Errors
    /// When it is not TOML, has another version, lacks a key, has an unknown one, a number out of range, or a name
    /// twice; every finding has its line, and what to do.
    pub fn parse(source: &Source) -> Result<Self, AbilitiesError> {
        let mut reader = Reader { diagnostics: Diagnostics::new(source.clone()) };
        let abilities = match toml::from_str(source.text()) {
            Ok(raw) => Some(reader.file(raw)),
            Err(error) => {
                reader.not_read(&error);
                None
            }
        };
        match abilities {
            Some(abilities) if !reader.diagnostics.has_errors() => Ok(abilities),
            _ => {
                let name = source.name().to_owned();
                Err(AbilitiesError { name, findings: reader.diagnostics.into_sorted() })
            }
        }
    }

    /// The text of an `abilities.toml`, models and labels by name, numbers to four decimals.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "version = {}\ndate = {}\norigin = {}\n\n[discrimination]\ndefault = {}\n",
            quoted(VERSION),
            quoted(&self.date),
            quoted(&self.origin),
            number(self.discrimination.default),
        );
        for (label, slope) in &self.discrimination.labels {
            let _ = writeln!(text, "{label} = {}", number(*slope));
        }
        for (name, model) in &self.models {
            let name = quoted(name.as_str());
            let _ = writeln!(text, "\n[models.{name}]");
            if !model.aliases.is_empty() {
                let aliases: Vec<String> = model.aliases.iter().map(|alias| quoted(alias)).collect();
                let _ = writeln!(text, "aliases = [{}]", aliases.join(", "));
            }
            let _ = writeln!(text, "{}", fields(&model.general, "\n"));
            if !model.labels.is_empty() {
                let _ = writeln!(text, "[models.{name}.labels]");
            }
            for (label, estimate) in &model.labels {
                let _ = writeln!(text, "{label} = {{ {} }}", fields(estimate, ", "));
            }
        }
        text
    }
}

fn fields(estimate: &Estimate, between: &str) -> String {
    let Estimate { ability, se, items } = estimate;
    let (ability, se) = (number(ability.0.into()), number((*se).into()));
    [format!("ability = {ability}"), format!("se = {se}"), format!("items = {items}")].join(between)
}

/// JSON's strings are strings of TOML, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// At most four decimals, at least one, and no negative zero.
fn number(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4 + 0.0;
    format!("{rounded:?}")
}

struct Reader {
    diagnostics: Diagnostics,
}

impl Reader {
    fn not_read(&mut self, error: &toml::de::Error) {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        self.diagnostics.error(error.span().unwrap_or(0..0), "", message).help(
            "docs/target-mode.md has the file's form; `pointsman fit` and `pointsman calibrate` write it",
        );
    }

    fn file(&mut self, raw: RawFile) -> Abilities {
        if raw.version.get_ref() != VERSION {
            let message =
                format!("`version` is `{}`, and this program reads `{VERSION}`", raw.version.get_ref());
            self.diagnostics
                .error(raw.version.span(), "version", message)
                .help("write the file again with `pointsman fit` or `pointsman calibrate` of this version");
        }
        let discrimination =
            raw.discrimination.map(|slopes| self.discrimination(&slopes)).unwrap_or_default();
        self.check_names(&raw.models);
        let models = raw.models.into_iter().map(|(name, model)| {
            let ability = self.model(&name, model);
            (ModelName::new(name), ability)
        });
        let models = models.collect();
        Abilities { date: raw.date, origin: raw.origin, discrimination, models }
    }

    fn discrimination(&mut self, raw: &BTreeMap<Task, Spanned<f64>>) -> Discrimination {
        let mut slopes = Discrimination::default();
        for (label, slope) in raw {
            let value = *slope.get_ref();
            if !(value.is_finite() && value > 0.0) {
                let key = format!("discrimination.{label}");
                self.diagnostics
                    .error(slope.span(), &key, format!("`{key}` must be above 0, not {value}"))
                    .help("1.0 is the slope that the scale is defined with");
            }
            if label.as_str() == "default" {
                slopes.default = value;
            } else {
                slopes.labels.insert(label.clone(), value);
            }
        }
        slopes
    }

    fn model(&mut self, name: &str, raw: RawModel) -> ModelAbility {
        let key = format!("models.{name}");
        let labels = raw.labels.into_iter().map(|(label, estimate)| {
            let key = format!("{key}.labels.{label}");
            let estimate = self.estimate(&key, &estimate.ability, &estimate.se, estimate.items);
            (label, estimate)
        });
        let labels = labels.collect();
        ModelAbility {
            aliases: raw.aliases.into_iter().map(Spanned::into_inner).collect(),
            general: self.estimate(&key, &raw.ability, &raw.se, raw.items),
            labels,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "abilities are kept as f32")]
    fn estimate(&mut self, key: &str, ability: &Spanned<f64>, se: &Spanned<f64>, items: u32) -> Estimate {
        let (theta, error) = (*ability.get_ref(), *se.get_ref());
        if !(-20.0..=20.0).contains(&theta) {
            self.diagnostics
                .error(
                    ability.span(),
                    format!("{key}.ability"),
                    format!("`ability` is {theta}: it must lie within ±20"),
                )
                .help("abilities are in standard deviations of the reference pool; most lie within ±3");
        }
        if !(0.0..=20.0).contains(&error) {
            self.diagnostics
                .error(
                    se.span(),
                    format!("{key}.se"),
                    format!("`se` is {error}: it must lie between 0 and 20"),
                )
                .help("a standard error is in the unit of `ability`");
        }
        Estimate { ability: Ability(theta as f32), se: error as f32, items }
    }

    /// Complains about names and aliases that are empty or stand for two models.
    fn check_names(&mut self, models: &BTreeMap<String, RawModel>) {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        // Names first: where an alias clashes with a name, the alias is at fault.
        let names = models.iter().map(|(name, model)| (name, name, model.ability.span()));
        let aliases = models.iter().flat_map(|(name, model)| {
            model.aliases.iter().map(move |alias| (name, alias.get_ref(), alias.span()))
        });
        for (owner, called, span) in names.chain(aliases) {
            let key = format!("models.{owner}");
            if called.trim().is_empty() {
                self.diagnostics.error(span, key, "a model has an empty name").help("give its public name");
            } else if let Some(earlier) = owners.insert(called.to_ascii_lowercase(), owner) {
                self.diagnostics
                    .error(span, key, format!("`{called}` stands for both `{earlier}` and `{owner}`"))
                    .help("keep it with one of them; case does not count");
            }
        }
    }
}
