//! Prompts with the difficulty that outcomes say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use pointsman_domain::Prompt;
use pointsman_eval::irt;
use pointsman_eval::linear::Target;
use pointsman_eval::outcomes::{self, Outcomes, source_family};

use crate::calibrate;
use crate::error::TrainError;
use crate::recipe::{DifficultyRecipe, expand};

/// Prompts with the difficulty that an item-response fit found them to have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DifficultyItems {
    /// The prompts.
    pub prompts: Vec<Prompt>,
    /// Their difficulties, in the same order.
    pub targets: Vec<Target>,
    /// The sources that they are from, without parts, in the same order.
    pub sources: Vec<String>,
}

impl DifficultyItems {
    /// Reads the recipe's outcomes and fits an item-response model to them.
    ///
    /// # Errors
    /// When a file cannot be read, a row of it is unusable, or nothing can be fitted.
    pub fn read(recipe: &DifficultyRecipe, data: Option<&Path>) -> Result<Self, TrainError> {
        let mut paths = Vec::new();
        for pattern in &recipe.outcomes {
            paths.extend(expand(pattern, data)?);
        }
        let outcomes = outcomes::read(&paths).map_err(|error| TrainError::Model(Box::new(error)))?;
        if let Some(row) = outcomes.skipped.first() {
            return Err(TrainError::Data { message: format!("{}: {}", row.file, row.error) });
        }
        let built_in = |error: &dyn std::fmt::Display| TrainError::Data { message: error.to_string() };
        let options = irt::Options {
            aliases: irt::Aliases::built_in().map_err(|error| built_in(&error))?,
            tasks: irt::SourceTasks::built_in().map_err(|error| built_in(&error))?,
            exclude: BTreeSet::new(),
            keep_broken: false,
        };
        let fit = irt::fit(&outcomes, &options).map_err(|error| TrainError::Model(Box::new(error)))?;
        Ok(Self::new(outcomes, &fit))
    }

    /// Joins a fit with the prompts that it was made from. Each source counts as the square root of its size.
    #[must_use]
    pub fn new(outcomes: Outcomes, fit: &irt::Fit) -> Self {
        let mut prompts: HashMap<(String, String), Prompt> =
            outcomes.items.into_iter().map(|item| ((item.source, item.id), item.prompt)).collect();
        let mut sizes: BTreeMap<&str, f64> = BTreeMap::new();
        for item in &fit.items {
            *sizes.entry(source_family(&item.source)).or_default() += 1.0;
        }
        let mut items = Self::default();
        for item in &fit.items {
            let Some(prompt) = prompts.remove(&(item.source.clone(), item.id.clone())) else { continue };
            let source = source_family(&item.source);
            items.prompts.push(prompt);
            items.targets.push(Target {
                b: item.b,
                variance: item.b_se * item.b_se,
                weight: sizes.get(source).map_or(1.0, |size| size.sqrt().recip()),
            });
            items.sources.push(source.to_owned());
        }
        items
    }

    /// For each source its items and the rank correlation of `predicted` difficulties with those found.
    #[must_use]
    pub fn correlations(&self, predicted: &[f64]) -> BTreeMap<String, (usize, f64)> {
        let mut pairs: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for ((source, target), predicted) in self.sources.iter().zip(&self.targets).zip(predicted) {
            let (found, said) = pairs.entry(source).or_default();
            found.push(target.b);
            said.push(*predicted);
        }
        let correlation = |(source, (found, said)): (&str, (Vec<f64>, Vec<f64>))| {
            (source.to_owned(), (found.len(), calibrate::spearman(&found, &said)))
        };
        pairs.into_iter().map(correlation).collect()
    }
}
