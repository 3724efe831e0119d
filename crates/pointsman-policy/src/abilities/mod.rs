//! How able models are, on the scale on which prompts have their difficulty.
//!
//! Abilities come from measured outcomes: the file shipped with the program from public ones, a user's own from
//! `pointsman calibrate`. Reading and writing `abilities.toml` is in [`Abilities::parse`] and [`Abilities::to_toml`].

mod bedrock;
mod file;

use std::collections::BTreeMap;

use pointsman_domain::{Ability, Group, ModelId, ModelName, Task, nearest};

use crate::config::Source;
pub use file::AbilitiesError;

/// The abilities of models, with what is needed to turn them into chances of success.
#[derive(Debug, Clone, PartialEq)]
pub struct Abilities {
    /// The day of the fit, such as `2025-11-21`.
    pub date: String,
    /// Which outcomes they were fitted to, for people.
    pub origin: String,
    /// How sharply chances fall around a prompt's difficulty.
    pub discrimination: Discrimination,
    /// Abilities by a model's public name, such as `gpt-4o-mini-2024-07-18`. Names and aliases are distinct, whatever
    /// their case.
    pub models: BTreeMap<ModelName, ModelAbility>,
}

/// The slope `a` of the two-parameter logistic model, above 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Discrimination {
    /// For labels that are not listed.
    pub default: f64,
    /// By task or group; a task's own comes before its group's.
    pub labels: BTreeMap<Task, f64>,
}

impl Default for Discrimination {
    /// 1 for every label, with which the scale is defined.
    fn default() -> Self {
        Self { default: 1.0, labels: BTreeMap::new() }
    }
}

impl Discrimination {
    /// The slope for `task` of `group`.
    #[must_use]
    pub fn at(&self, task: &Task, group: Option<&Group>) -> f64 {
        most_specific(&self.labels, task, group).copied().unwrap_or(self.default)
    }
}

/// How able one model is.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAbility {
    /// Further names of the same model.
    pub aliases: Vec<String>,
    /// Over all its outcomes.
    pub general: Estimate,
    /// By task or group, shrunk towards `general` as far as outcomes are few; a task's own comes before its group's.
    pub labels: BTreeMap<Task, Estimate>,
}

impl ModelAbility {
    /// The ability at `task` of `group`; the general one where neither is listed.
    #[must_use]
    pub fn at(&self, task: &Task, group: Option<&Group>) -> Estimate {
        most_specific(&self.labels, task, group).copied().unwrap_or(self.general)
    }

    /// The abilities of a model that is said to be `like` this one: the same, with [`LIKE_SD`] more uncertainty.
    #[must_use]
    pub fn of_one_like_it(&self) -> Self {
        let labels = self.labels.iter().map(|(label, estimate)| (label.clone(), estimate.wider(LIKE_SD)));
        Self { aliases: Vec::new(), general: self.general.wider(LIKE_SD), labels: labels.collect() }
    }
}

/// What is known of how able a model of a configuration is.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownAbility {
    /// The name under which it is listed; of a model that is only said to be like another, the other's.
    pub listed_as: ModelName,
    /// Whether it is only said to be like `listed_as`.
    pub like: bool,
    /// How able it is.
    pub ability: ModelAbility,
}

/// Standard deviation of the difference between a model and the one that a user says it is like, in units of the
/// ability scale: half of the reference pool's own.
pub const LIKE_SD: f32 = 0.5;

/// A fitted ability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// `θ`, in standard deviations of the reference pool.
    pub ability: Ability,
    /// Its standard error, in the same unit.
    pub se: f32,
    /// How many outcomes it rests on.
    pub items: u32,
}

impl Estimate {
    /// The chance that this model succeeds on a prompt of difficulty `N(b, b_sd²)`, 0 to 1.
    ///
    /// `σ(a (θ − b) / √(1 + π a² s² / 8))` with `s² = b_sd² + se²`: the expectation of `σ(a (θ − b))` over the errors of
    /// ability and difficulty in the logistic–normal approximation (MacKay 1992, "The evidence framework applied to
    /// classification networks", eq. 10). `a` is the `discrimination`. Where a number is none, of which nothing follows,
    /// it is 0.5.
    #[must_use]
    pub fn success(&self, discrimination: f64, b: Ability, b_sd: f32) -> f64 {
        let a = discrimination;
        let variance = f64::from(b_sd).powi(2) + f64::from(self.se).powi(2);
        let distance = f64::from(self.ability.0) - f64::from(b.0);
        let logit = a * distance / (1.0 + std::f64::consts::PI / 8.0 * a * a * variance).sqrt();
        if logit.is_nan() { 0.5 } else { 1.0 / (1.0 + (-logit).exp()) }
    }

    /// The same ability with a further, independent error of standard deviation `sd`.
    fn wider(self, sd: f32) -> Self {
        Self { se: self.se.hypot(sd), ..self }
    }
}

/// The file that is shipped with the program.
const SHIPPED: &str = include_str!("../../abilities.toml");

impl Abilities {
    /// The abilities that are shipped with the program, fitted to public outcomes on the day of [`Abilities::date`].
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test reads the file")]
    pub fn shipped() -> Self {
        Self::parse(&Source::new("built-in abilities", SHIPPED)).expect("a test reads the file")
    }

    /// The model called `name`, by its own name or an alias, whatever the case; with its own name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&ModelName, &ModelAbility)> {
        let called = |other: &str| other.eq_ignore_ascii_case(name);
        self.models
            .iter()
            .find(|(own, model)| called(own.as_str()) || model.aliases.iter().any(|alias| called(alias)))
    }

    /// The model that a table calls `name` and that is at `target`; with its own name.
    ///
    /// The first of these that is listed, as a name or an alias: the table's name for it (`cheap`), the whole id
    /// (`my_vllm/meta-llama/Llama-3.1-8B`), the id without its provider (`meta-llama/Llama-3.1-8B`), what follows
    /// the last slash (`Llama-3.1-8B`), and that without what Bedrock puts around a name (`us.anthropic.`, `-v2:0`).
    #[must_use]
    pub fn of(&self, name: &ModelName, target: &ModelId) -> Option<(&ModelName, &ModelAbility)> {
        let id = target.to_string();
        let model = target.model();
        let last = model.rsplit('/').next().unwrap_or(model);
        let own = [name.as_str(), &id, model, last].into_iter();
        own.chain(bedrock::public_names(last)).find_map(|called| self.find(called))
    }

    /// The name or alias that was probably meant by `name`.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.names())
    }

    /// The chance that `model` succeeds on a prompt of `task`, which is in `group`, and difficulty `N(b, b_sd²)`:
    /// [`Estimate::success`] with the ability and the discrimination for that task.
    #[must_use]
    pub fn success(
        &self,
        model: &ModelAbility,
        (task, group): (&Task, Option<&Group>),
        (b, b_sd): (Ability, f32),
    ) -> f64 {
        model.at(task, group).success(self.discrimination.at(task, group), b, b_sd)
    }

    /// All names and aliases.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.models.iter().flat_map(|(name, model)| {
            [name.as_str()].into_iter().chain(model.aliases.iter().map(String::as_str))
        })
    }
}

/// What is listed for `task`, else for its `group`.
fn most_specific<'a, T>(labels: &'a BTreeMap<Task, T>, task: &Task, group: Option<&Group>) -> Option<&'a T> {
    labels.get(task).or_else(|| labels.get(group?))
}

#[cfg(test)]
mod tests;
