//! `[policy]` and `like`: which mode decides, and what is known of how able the models are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pointsman_domain::ModelName;
use toml::Spanned;

use super::raw::RawModel;
use super::{Diagnostics, Document, Entry, Severity};
use crate::abilities::{Abilities, KnownAbility};
use crate::table::{Choice, Choices};
use crate::target::{Contender, Target};

/// The wanted chance of success where `[policy]` names none.
const DEFAULT_QUALITY: f64 = 0.9;

const MODES: [&str; 2] = ["table", "target"];

/// What `[policy]` says.
#[derive(Debug, Default)]
pub(super) struct RawTargeting {
    /// Whether the mode is `target`.
    pub(super) on: bool,
    quality: Option<f64>,
    /// The models that may be chosen, if they are listed, with the place of the list.
    pub(super) candidates: Option<Spanned<Vec<Spanned<String>>>>,
    /// The model that costs are compared with, if one is named.
    pub(super) baseline: Option<Spanned<String>>,
}

impl RawTargeting {
    /// Reads `[policy]`.
    pub(super) fn read(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Self {
        const KEYS: [&str; 5] = ["mode", "quality", "candidates", "abilities", "baseline"];
        let mut raw = Self::default();
        let entries = entry.section(diagnostics).map(|section| section.entries()).unwrap_or_default();
        let has_mode = entries.iter().any(|entry| entry.name() == "mode");
        for entry in entries {
            match entry.name() {
                "mode" => raw.on = is_target(&entry, diagnostics),
                "quality" => raw.quality = share(&entry, diagnostics),
                "candidates" => {
                    let names = entry.strings(diagnostics);
                    raw.candidates = names.map(|names| Spanned::new(entry.value_span(), names));
                }
                // Its content comes from the caller, who can read files.
                "abilities" => {
                    entry.string(diagnostics);
                }
                "baseline" => {
                    raw.baseline = entry.string(diagnostics);
                    // It counts in either mode.
                    continue;
                }
                _ => entry.unknown(&KEYS, diagnostics),
            }
            if !has_mode && KEYS.contains(&entry.name()) {
                let message = format!("`{}` counts in mode `target` only", entry.name());
                diagnostics
                    .warning(entry.key_span(), entry.path(), message)
                    .help("add mode = \"target\", or mode = \"table\" if it is there for later");
            }
        }
        raw
    }
}

/// The path that `[policy]` names as `abilities`, with its place, if it does.
#[must_use]
pub fn abilities_path(document: &Document<'_>) -> Option<Spanned<String>> {
    let entries = document.root().entries();
    let policy = entries.iter().find(|entry| entry.name() == "policy")?.as_section()?;
    policy.entries().iter().find(|entry| entry.name() == "abilities")?.as_string()
}

fn is_target(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> bool {
    let mode = entry.string(diagnostics);
    let Some(mode) = mode.as_ref().map(|mode| mode.get_ref().as_str()) else { return false };
    if !MODES.contains(&mode) {
        diagnostics.error(entry.value_span(), entry.path(), format!("unknown mode `{mode}`")).suggest(
            mode,
            MODES,
            "known modes",
        );
    }
    mode == "target"
}

/// A number from 0 to 1.
fn share(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<f64> {
    let share = entry.number(diagnostics)?;
    if share > 1.0 {
        let message = format!("`{}` must be a chance from 0 to 1, not {share}", entry.name());
        diagnostics.error(entry.value_span(), entry.path(), message).help("write 0.9 for nine in ten");
        return None;
    }
    Some(share)
}

/// What is known of the models of a file, for the targets of its tables.
pub(super) struct Targeting<'a> {
    abilities: &'a Abilities,
    quality: f64,
    /// Where models are declared.
    places: BTreeMap<&'a str, &'a RawModel>,
    /// Models of which something has been said.
    reported: BTreeSet<ModelName>,
}

impl<'a> Targeting<'a> {
    /// Nothing has been said of any of `models` yet.
    pub(super) fn new(raw: &RawTargeting, models: &'a [RawModel], abilities: &'a Abilities) -> Self {
        Self {
            abilities,
            quality: raw.quality.unwrap_or(DEFAULT_QUALITY),
            places: models.iter().map(|model| (model.name.get_ref().as_str(), model)).collect(),
            reported: BTreeSet::new(),
        }
    }

    /// What chooses among `candidates`, given in the order of the file. Models without a place of their own are reported
    /// at `place`.
    pub(super) fn target(
        &mut self,
        candidates: &[Choice],
        place: &Range<usize>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Target> {
        let contenders = candidates.iter().filter_map(|choice| {
            let contender = contender(choice);
            self.report(choice, contender.is_some(), place, diagnostics);
            contender
        });
        let contenders = contenders.collect();
        let target = Target::new(self.quality, self.abilities.discrimination.clone(), contenders);
        if target.is_none() {
            diagnostics
                .warning(
                    place.clone(),
                    "policy.mode",
                    "mode `target` chooses nothing: no candidate's ability is known",
                )
                .help(
                    "say what they are like, `like = \"gpt-4o-mini\"`; until then the row `default` decides",
                );
        }
        target
    }

    /// Says, once for each model, what keeps it from being chosen or compared.
    fn report(&mut self, choice: &Choice, able: bool, place: &Range<usize>, diagnostics: &mut Diagnostics) {
        if !self.reported.insert(choice.name.clone()) {
            return;
        }
        let name = &choice.name;
        let raw = self.places.get(name.as_str());
        let span = raw.map_or(place.clone(), |raw| raw.name.span());
        let key = raw.map_or("policy.mode", |raw| raw.path.as_str());
        if !able {
            let message = format!("mode `target` never chooses `{name}`: its ability is not known");
            diagnostics.warning(span, key, message).help(
                "say what it is like, `like = \"gpt-4o-mini\"`, or measure it with `pointsman calibrate`",
            );
        } else if choice.model.price.is_none() {
            let message = format!("mode `target` takes `{name}` for the dearest: it has no price");
            diagnostics
                .warning(span, key, message)
                .help("add price = { input = 0.15, output = 0.6 }, dollars per million tokens; 0 if it costs nothing");
        }
        let measured = choice.model.known_ability.as_ref().filter(|known| !known.like);
        if let (Some(like), Some(known)) = (raw.and_then(|raw| raw.like.as_ref()), measured) {
            let message = format!(
                "`like` does not count: `{name}` has an ability of its own, as `{}`",
                known.listed_as
            );
            diagnostics.push(Severity::Note, like.span(), key, message).help("remove it");
        }
    }
}

/// `choice` as one that may be chosen, if it is known how able it is.
fn contender(choice: &Choice) -> Option<Contender> {
    let KnownAbility { listed_as, like, ability } = choice.model.known_ability.as_deref()?.clone();
    Some(Contender { choice: choice.clone(), listed_as, like, ability })
}

/// The ability of what `model` is said to be like, if the file says it.
pub(super) fn like(
    model: &RawModel,
    abilities: &Abilities,
    diagnostics: &mut Diagnostics,
) -> Option<KnownAbility> {
    let written = model.like.as_ref()?;
    let name = written.get_ref().as_str();
    match abilities.find(name) {
        Some((listed_as, ability)) => {
            let (listed_as, ability) = (listed_as.clone(), ability.of_one_like_it());
            Some(KnownAbility { listed_as, like: true, ability })
        }
        None => {
            let path = format!("{}.like", model.path);
            let message = format!("nothing is known of a model `{name}`");
            diagnostics.error(written.span(), path, message).help(match abilities.nearest(name) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => name_some(abilities),
            });
            None
        }
    }
}

/// Models of known ability, for a message: all of a few, else the first with their number.
fn name_some(abilities: &Abilities) -> String {
    const FEW: usize = 12;
    let names: Vec<&str> = abilities.models.keys().map(ModelName::as_str).collect();
    match names.as_slice() {
        [] => "the file of abilities lists no model".to_owned(),
        few if few.len() <= FEW => format!("models of known ability: {}", few.join(", ")),
        many => {
            let (first, count) = (many[..FEW].join(", "), many.len());
            format!("the file of abilities lists {count} models, such as {first}")
        }
    }
}

/// The models that may be chosen where nothing lists them: those of `[models]`, and those of the row default.
pub(super) fn all_candidates(declared: &[Choice], default: &Choices) -> Vec<Choice> {
    let mut candidates = declared.to_vec();
    for choice in default.iter() {
        if !candidates.iter().any(|candidate| candidate.name == choice.name) {
            candidates.push(choice.clone());
        }
    }
    candidates
}
