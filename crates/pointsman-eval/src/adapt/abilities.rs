//! Abilities by posterior mode, given what is known of the prompts' difficulties.

use std::collections::{BTreeMap, BTreeSet};

use pointsman_domain::{Ability, Labels, ModelName, Task};
use pointsman_policy::{Abilities, Discrimination, Estimate, LIKE_SD, ModelAbility};

use super::observed::{Described, Observation, Observed};
use crate::linear::{Linear, sigmoid};

/// Standard deviation of a model's ability at one task around its general one.
const LABEL_SD: f64 = 0.5;

/// Fewest outcomes from which an ability at one task or group is told apart.
const LEAST_OF_LABEL: usize = 20;

/// Most Newton steps; the posterior is concave and takes about five.
const STEPS: usize = 50;

/// What is believed of models and prompts.
pub(super) struct Fitted {
    /// By the place of the model.
    pub(super) models: Vec<Believed>,
    /// What is added to the present head, and the standard deviation around the sum.
    pub(super) head: Option<(Linear, f64)>,
}

/// What is believed of a model.
pub(super) struct Believed {
    /// Mean and standard deviation before any outcome.
    prior: (f64, f64),
    ability: ModelAbility,
}

/// Mean and standard deviation of a prompt's difficulty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Difficulty {
    pub(super) mean: f64,
    pub(super) sd: f64,
}

impl Fitted {
    /// What was believed before: `known` abilities, and for other models the distribution of the reference pool.
    pub(super) fn before(observed: &Observed, known: &Abilities) -> Self {
        let believed = |name: &ModelName| match known.find(name.as_str()) {
            Some((_, model)) => {
                let Estimate { ability, se, .. } = model.general;
                Believed {
                    prior: (f64::from(ability.0), f64::from(se.hypot(LIKE_SD))),
                    ability: model.clone(),
                }
            }
            None => Believed {
                prior: (0.0, 1.0),
                ability: ModelAbility {
                    aliases: Vec::new(),
                    general: Estimate { ability: Ability(0.0), se: 1.0, items: 0 },
                    labels: BTreeMap::new(),
                },
            },
        };
        Self { models: observed.models.iter().map(believed).collect(), head: None }
    }

    /// What is believed of the difficulty of a prompt from its text.
    pub(super) fn difficulty(&self, prompt: &Described) -> Difficulty {
        let Labels { ability, ability_sd, .. } = &prompt.labels;
        let before = f64::from(ability.0);
        match &self.head {
            None => Difficulty { mean: before, sd: f64::from(*ability_sd) },
            Some((added, sd)) => Difficulty { mean: before + added.predict(&prompt.embedding), sd: *sd },
        }
    }

    /// The chance of success that is believed in.
    pub(super) fn success(&self, observed: &Observed, at: &Observation, slopes: &Discrimination) -> f64 {
        let prompt = &observed.prompts[at.prompt];
        let (task, group) = (&prompt.labels.task, prompt.group.as_ref());
        let Difficulty { mean, sd } = self.difficulty(prompt);
        let estimate = self.models[at.model].ability.at(task, group);
        estimate.success(slopes.at(task, group), Ability(single(mean)), single(sd))
    }

    /// The general ability of the model at this place.
    pub(super) fn ability(&self, model: usize) -> f64 {
        f64::from(self.models[model].ability.general.ability.0)
    }

    /// Fits the abilities to what was observed, with difficulties as the texts say.
    pub(super) fn update(&mut self, observed: &Observed, slopes: &Discrimination) {
        let difficulties: Vec<Difficulty> =
            observed.prompts.iter().map(|prompt| self.difficulty(prompt)).collect();
        self.update_at(observed, slopes, &difficulties);
    }

    /// Fits the abilities to what was observed, with these difficulties.
    pub(super) fn update_at(
        &mut self,
        observed: &Observed,
        slopes: &Discrimination,
        difficulties: &[Difficulty],
    ) {
        let mut trials: Vec<Vec<Trial>> = self.models.iter().map(|_| Vec::new()).collect();
        for observation in &observed.observations {
            let prompt = &observed.prompts[observation.prompt];
            let slope = slopes.at(&prompt.labels.task, prompt.group.as_ref());
            trials[observation.model].push(Trial::new(observation, slope, difficulties[observation.prompt]));
        }
        for (model, trials) in self.models.iter_mut().zip(&trials) {
            if trials.is_empty() {
                continue;
            }
            let general = mode(trials.iter(), model.prior);
            model.ability.general = general;
            model.ability.labels = labels_of(trials, observed)
                .into_iter()
                .map(|(label, trials)| {
                    (label, mode(trials.into_iter(), (f64::from(general.ability.0), LABEL_SD)))
                })
                .collect();
        }
    }

    /// `known` with the abilities of the observed models in the place of what was known of them. No two of their names are
    /// one listed model: [`Names`](super::Names) would have given both the same.
    pub(super) fn merged(&self, observed: &Observed, known: &Abilities) -> Abilities {
        let mut merged = known.clone();
        let mut replaced = BTreeSet::new();
        for (name, model) in observed.models.iter().zip(&self.models) {
            let own = known.find(name.as_str()).map_or(name, |(own, _)| own);
            let is_first = replaced.insert(own);
            debug_assert!(is_first, "{name} is the second name of {own}");
            merged.models.insert(own.clone(), model.ability.clone());
        }
        merged
    }
}

/// An outcome as one model's ability sees it.
#[derive(Clone, Copy)]
struct Trial {
    prompt: usize,
    score: f64,
    count: f64,
    /// The discrimination, lowered for the uncertainty of `b`: `a / √(1 + π a² s² / 8)` (MacKay 1992).
    slope: f64,
    b: f64,
}

impl Trial {
    fn new(observation: &Observation, slope: f64, b: Difficulty) -> Self {
        let lowered = slope / (1.0 + std::f64::consts::PI / 8.0 * (slope * b.sd).powi(2)).sqrt();
        let Observation { prompt, score, trials, .. } = *observation;
        Self { prompt, score, count: trials, slope: lowered, b: b.mean }
    }
}

/// The trials of each task and group that has enough of them.
fn labels_of<'a>(trials: &'a [Trial], observed: &Observed) -> BTreeMap<Task, Vec<&'a Trial>> {
    let mut labels: BTreeMap<Task, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        let prompt = &observed.prompts[trial.prompt];
        let task = prompt.labels.task.clone();
        for label in std::iter::once(task).chain(prompt.group.clone()) {
            labels.entry(label).or_default().push(trial);
        }
    }
    labels.retain(|_, trials| trials.len() >= LEAST_OF_LABEL);
    labels
}

/// The ability at which the posterior is largest, by Newton's method, and the standard error from its curvature.
fn mode<'a>(trials: impl Iterator<Item = &'a Trial> + Clone, (mean, sd): (f64, f64)) -> Estimate {
    let precision = 1.0 / (sd * sd);
    let mut ability = mean;
    let mut information = precision;
    for _ in 0..STEPS {
        let mut gradient = (mean - ability) * precision;
        information = precision;
        for Trial { score, count, slope, b, .. } in trials.clone() {
            let chance = sigmoid(slope * (ability - b));
            gradient += count * slope * (score - chance);
            information += count * slope * slope * chance * (1.0 - chance);
        }
        let step = (gradient / information).clamp(-1.0, 1.0);
        ability += step;
        if step.abs() < 1e-9 {
            break;
        }
    }
    let items = u32::try_from(trials.count()).unwrap_or(u32::MAX);
    Estimate { ability: Ability(single(ability)), se: single(information.sqrt().recip()), items }
}

#[expect(clippy::cast_possible_truncation, reason = "abilities are published as f32")]
fn single(value: f64) -> f32 {
    value as f32
}
