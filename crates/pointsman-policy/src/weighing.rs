//! How the candidates of a target compare, for people.

use std::fmt;

use pointsman_domain::{Ability, Candidate, ModelName, Usd};
use serde::Serialize;

use crate::table::Table;
use crate::target::{Target, Weighed, chance};

/// The candidates of a decision that was among their chances, with what the chances follow from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weighing {
    /// The wanted chance of success, 0–1.
    pub quality: f64,
    /// The ability that the prompt needs.
    pub needed: Ability,
    /// The standard error of that.
    pub needed_sd: f32,
    /// The slope of the success curve for the task.
    pub discrimination: f64,
    /// The candidates, best first.
    pub candidates: Vec<WeighedModel>,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeighedModel {
    /// The user's name for it.
    pub model: ModelName,
    /// The chance that it succeeds on this prompt, 0–1.
    pub success: f64,
    /// What the call is expected to cost, if the model's price is known.
    pub cost: Option<Usd>,
    /// Whether the chance reaches the wanted one.
    pub reaches: bool,
    /// Its ability at the task.
    pub ability: Ability,
    /// The standard error of that.
    pub se: f32,
    /// The name under which the ability is listed.
    pub listed_as: ModelName,
    /// Whether the model is only said to be like that one.
    pub like: bool,
}

impl Table {
    /// How `candidates` compare; `None` where there are none, because a row decided.
    pub(crate) fn weighing(&self, prompt: Weighed<'_>, candidates: &[Candidate]) -> Option<Weighing> {
        let target = self.target().filter(|_| !candidates.is_empty())?;
        let weighed = |candidate: &Candidate| {
            let mut contenders = target.contenders().iter();
            let contender = contenders.find(|contender| contender.choice.name == candidate.model)?;
            let estimate = Target::estimate(contender, prompt);
            Some(WeighedModel {
                model: candidate.model.clone(),
                success: candidate.success,
                cost: candidate.cost,
                reaches: target.reached_by(candidate),
                ability: estimate.ability,
                se: estimate.se,
                listed_as: contender.listed_as.clone(),
                like: contender.like,
            })
        };
        Some(Weighing {
            quality: target.quality(),
            needed: prompt.needed.0,
            needed_sd: prompt.needed.1,
            discrimination: target.discrimination().at(prompt.task, prompt.group),
            candidates: candidates.iter().filter_map(weighed).collect(),
        })
    }
}

impl fmt::Display for Weighing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quality, needed, needed_sd, candidates, .. } = self;
        writeln!(
            f,
            "candidates, best first; wanted chance {}, ability needed {needed} ± {needed_sd:.2}",
            chance(*quality)
        )?;
        let width = candidates.iter().map(|one| one.model.as_str().chars().count()).max().unwrap_or(0);
        for (place, candidate) in candidates.iter().enumerate() {
            let mark = match (place, candidate.reaches) {
                (0, _) => '→',
                (_, true) => '·',
                (_, false) => '✗',
            };
            let cost = candidate.cost.map_or_else(|| "no price".to_owned(), |cost| cost.to_string());
            let WeighedModel { model, success, ability, se, listed_as, like, .. } = candidate;
            let source = if *like { format!("like {listed_as}") } else { listed_as.to_string() };
            writeln!(
                f,
                "  {mark} {model:width$}  {success:.2}  {cost:>9}  ability {ability} ± {se:.2}, {source}"
            )?;
        }
        Ok(())
    }
}
