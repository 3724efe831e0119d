//! Outcomes beside what the classifier says of their prompts.

use pointsman_domain::{Group, Labels};

use crate::outcomes::Item;

/// Outcomes of named models on prompts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Names of the models.
    pub models: Vec<String>,
    /// The prompts.
    pub prompts: Vec<Described>,
    /// The outcomes, by prompt.
    pub observations: Vec<Observation>,
}

/// A prompt as the classifier sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Its labels.
    pub labels: Labels,
    /// The group of its task.
    pub group: Option<Group>,
    /// Its representation: what a head may read.
    pub embedding: Vec<f64>,
}

/// One model's success on one prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Which prompt.
    pub prompt: usize,
    /// Which model.
    pub model: usize,
    /// Share of successes, 0 to 1.
    pub score: f64,
    /// Trials that the share is of.
    pub trials: f64,
}

impl Observed {
    /// Items with what the classifier says of each, in the same order: labels, group, representation.
    pub fn new<'a>(items: impl IntoIterator<Item = (&'a Item, Labels, Option<Group>, Vec<f64>)>) -> Self {
        let mut observed = Self::default();
        for (item, labels, group, embedding) in items {
            let prompt = observed.prompts.len();
            observed.prompts.push(Described { labels, group, embedding });
            for (name, outcome) in &item.outcomes {
                let model = observed.model(name);
                let (score, trials) = (outcome.score, f64::from(outcome.trials));
                observed.observations.push(Observation { prompt, model, score, trials });
            }
        }
        observed
    }

    /// The place of the model called `name`, which is added if it is new.
    fn model(&mut self, name: &str) -> usize {
        self.models.iter().position(|known| known == name).unwrap_or_else(|| {
            self.models.push(name.to_owned());
            self.models.len() - 1
        })
    }

    /// The same models on some of the prompts.
    pub(super) fn select(&self, prompts: &[usize]) -> Self {
        let mut places = vec![None; self.prompts.len()];
        for (to, from) in prompts.iter().enumerate() {
            places[*from] = Some(to);
        }
        let kept = self.observations.iter().filter_map(|observation| {
            places[observation.prompt].map(|prompt| Observation { prompt, ..*observation })
        });
        Self {
            models: self.models.clone(),
            observations: kept.collect(),
            prompts: prompts.iter().map(|at| self.prompts[*at].clone()).collect(),
        }
    }
}
