//! Prompts with outcomes, and what the classifier reads in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pointsman_classifier::features::QUESTION_WORDS;
use pointsman_classifier::{Classifier, Embedded, features};
use pointsman_domain::{Prompt, nearest};
use pointsman_eval::adapt::Names;
use pointsman_eval::outcomes::{Item, Outcomes};
use pointsman_eval::routing::Reading;
use pointsman_eval::routing::published;
use pointsman_policy::config::Source;
use pointsman_policy::{Abilities, ModelAbility};

use crate::cli::{Global, OutcomesArgs};
use crate::config::Config;
use crate::model;
use crate::terminal::{self, WARNING, styled};

/// Prompts that are read between two moves of the progress bar.
const BATCH: usize = 256;

/// How many rows that cannot be used are named one by one.
const NAMED: usize = 10;

/// The outcomes that a command was given; rows that cannot be used are named on standard error.
pub(super) fn read(args: &OutcomesArgs) -> Result<Outcomes> {
    let mut outcomes = published::read(&args.input, args.format)?;
    for row in outcomes.skipped.iter().take(NAMED) {
        anstream::eprintln!("{} {row}", styled(WARNING, "skipped:"));
    }
    if outcomes.skipped.len() > NAMED {
        anstream::eprintln!("{} {} more rows", styled(WARNING, "skipped:"), outcomes.skipped.len() - NAMED);
    }
    if !args.source.is_empty() {
        let wanted = |item: &Item| {
            args.source.iter().any(|name| *name == item.source || *name == item.source_family())
        };
        let known = by_source(&outcomes.items.iter().collect::<Vec<_>>());
        outcomes.items.retain(wanted);
        anyhow::ensure!(
            !outcomes.items.is_empty(),
            "--source: no row is of {}; there are {}",
            args.source.join(" or "),
            known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    anyhow::ensure!(!outcomes.items.is_empty(), "the input has no row with outcomes");
    Ok(outcomes)
}

/// What was read, in a line.
pub(super) fn name(files: &[PathBuf]) -> String {
    match files {
        [first, .., last] => {
            format!("{} … {} ({} files)", first.display(), last.display(), files.len())
        }
        files => files.iter().map(|file| file.display().to_string()).collect(),
    }
}

/// How many items each source has, the largest first.
pub(super) fn by_source(items: &[&Item]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        *counts.entry(&item.source).or_default() += 1;
    }
    let mut sources: Vec<(String, usize)> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    sources.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    sources
}

/// Refuses a model that the outcomes do not name.
pub(super) fn known_model(outcomes: &Outcomes, name: &str) -> Result<()> {
    let models = outcomes.models();
    if models.contains(&name) {
        return Ok(());
    }
    match nearest(name, models.iter().copied()) {
        Some(meant) => anyhow::bail!("no outcome is of a model `{name}`; did you mean `{meant}`?"),
        None => anyhow::bail!("no outcome is of a model `{name}`; there are {}", models.join(", ")),
    }
}

/// Labels and representation of every prompt, in order.
pub(super) fn embed(classifier: &Classifier, items: &[&Item]) -> Result<Vec<Embedded>> {
    let bar = terminal::progress(Some(items.len() as u64), "prompts");
    bar.set_message("reading");
    let mut embedded = Vec::with_capacity(items.len());
    for chunk in items.chunks(BATCH) {
        let prompts: Vec<Prompt> = chunk.iter().map(|item| item.prompt.clone()).collect();
        embedded.append(&mut classifier.embed(&prompts)?);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(embedded)
}

/// What a head may learn from. Of the encoder's layers the last alone is read: few rows do not tell what the others would add.
pub(super) fn reading(classifier: &Classifier, item: &Item, embedded: &Embedded) -> Reading {
    let hidden = classifier.card().encoder.hidden;
    let last = embedded.embedding.len().saturating_sub(hidden);
    Reading {
        embedding: embedded.embedding[last..].to_vec(),
        features: features(item.prompt.subject()).to_vec(),
    }
}

/// Words of what a text asks, answers to choose from left out, on a logarithmic scale.
pub(super) fn question_words(text: &str) -> f64 {
    f64::from(features(text)[QUESTION_WORDS])
}

/// What `--calibration` names: abilities of models, a classifier with a head of its own, or both.
pub(super) struct Calibration {
    /// The abilities with the name of their file.
    pub(super) abilities: Option<(String, Abilities)>,
    /// The folder of the classifier.
    model: Option<PathBuf>,
    config: Config,
}

impl Calibration {
    pub(super) fn read(args: &OutcomesArgs, global: &Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        let Some(folder) = &args.calibration else {
            return Ok(Self { abilities: None, model: None, config });
        };
        let (path, model) = (folder.join("abilities.toml"), folder.join("model"));
        let calibration = Self {
            abilities: path.exists().then(|| abilities(&path)).transpose()?,
            model: model.exists().then_some(model),
            config,
        };
        anyhow::ensure!(
            calibration.abilities.is_some() || calibration.model.is_some(),
            "--calibration {}: there is neither abilities.toml nor a folder `model`, as `pointsman fit` and `calibrate` write",
            folder.display()
        );
        Ok(calibration)
    }

    /// The classifier: that of `--model`, else the calibrated one, else that of the configuration.
    pub(super) fn classifier(&self, global: &Global) -> Result<Classifier> {
        match &self.model {
            Some(folder) if global.model.is_none() => {
                let model = Some(folder.display().to_string());
                model::load(&Global { model, ..global.clone() }, &self.config)
            }
            _ => model::load(global, &self.config),
        }
    }

    /// Whose abilities are known, by any of their names: outcomes may call a model what the table or its provider calls it.
    pub(super) fn known(&self) -> Option<ByName<'_>> {
        let (_, abilities) = self.abilities.as_ref()?;
        Some(ByName { abilities, names: Names::new(abilities, self.config.named_models()) })
    }
}

/// Abilities that are found by any name of a model.
pub(super) struct ByName<'a> {
    pub(super) abilities: &'a Abilities,
    names: Names<'a>,
}

impl<'a> ByName<'a> {
    /// The ability of the model that outcomes call `name`.
    pub(super) fn find(&self, name: &str) -> Option<&'a ModelAbility> {
        let found = self.abilities.find(name);
        let (_, model) = found.or_else(|| self.abilities.find(self.names.of_written(name).as_str()))?;
        Some(model)
    }
}

fn abilities(path: &Path) -> Result<(String, Abilities)> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let abilities = Abilities::parse(&Source::new(name.as_str(), text))?;
    Ok((name, abilities))
}
