//! Outcomes beside what the classifier says of their prompts.

use pointsman_domain::{Group, Labels, ModelName};

/// Outcomes of named models on prompts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Names of the models as [`Names`](super::Names) gives them, each once, whatever the case.
    pub models: Vec<ModelName>,
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
    /// Adds a prompt, and of each model that answered it the name that [`Names`](super::Names) gives it, the share of
    /// successes and of how many trials that is. A model may come twice: both are trials of it.
    pub fn add(&mut self, described: Described, outcomes: impl IntoIterator<Item = (ModelName, f64, f64)>) {
        let prompt = self.prompts.len();
        self.prompts.push(described);
        for (name, score, trials) in outcomes {
            let model = self.place(name);
            self.observations.push(Observation { prompt, model, score, trials });
        }
    }

    /// Whether every prompt has a representation, so that a head can be fitted.
    pub(super) fn has_representations(&self) -> bool {
        self.prompts.iter().all(|prompt| !prompt.embedding.is_empty())
    }

    /// Whether there are outcomes of the model called `name`.
    pub(super) fn has(&self, name: &ModelName) -> bool {
        self.find(name).is_some()
    }

    /// The place of the model called `name`, which is added if it is new.
    fn place(&mut self, name: ModelName) -> usize {
        self.find(&name).unwrap_or_else(|| {
            self.models.push(name);
            self.models.len() - 1
        })
    }

    /// Case does not count, since a file of abilities cannot have names that differ in nothing else.
    fn find(&self, name: &ModelName) -> Option<usize> {
        self.models.iter().position(|known| known.as_str().eq_ignore_ascii_case(name.as_str()))
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
