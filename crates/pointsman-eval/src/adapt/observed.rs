//! Outcomes beside what the classifier says of their prompts.

use pointsman_domain::{Group, Labels};

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
    /// Its representation: what a head may read; empty if only the labels are known.
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
    /// Adds a prompt, and of each model that answered it the name, the share of successes and of how many trials that is.
    pub fn add<'a>(&mut self, described: Described, outcomes: impl IntoIterator<Item = (&'a str, f64, f64)>) {
        let prompt = self.prompts.len();
        self.prompts.push(described);
        for (name, score, trials) in outcomes {
            let model = self.model(name);
            self.observations.push(Observation { prompt, model, score, trials });
        }
    }

    /// Whether every prompt has a representation, so that a head can be fitted.
    pub(super) fn has_representations(&self) -> bool {
        self.prompts.iter().all(|prompt| !prompt.embedding.is_empty())
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
