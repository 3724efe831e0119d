//! What each model's answers were worth and cost: the ground that routing is judged on.

/// Quality and cost of every model on every prompt.
///
/// Quality is 0 (wrong) to 1 (right); costs are US dollars for the answer. Costs are known for all or for none: where
/// one is missing, no figure about money would be right.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    models: Vec<String>,
    /// (prompts, models).
    quality: Vec<f64>,
    /// (prompts, models).
    cost: Option<Vec<f64>>,
}

/// Quality and cost of one model on one prompt, or their means over many prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spent {
    /// 0–1.
    pub quality: f64,
    /// US dollars for an answer; 0 where costs are not known.
    pub cost: f64,
}

impl Answers {
    /// A table without prompts yet.
    #[must_use]
    pub fn new(models: Vec<String>) -> Self {
        Self { models, quality: Vec::new(), cost: Some(Vec::new()) }
    }

    /// Adds a prompt with the quality and, if known, the cost of each model's answer, in the order of the models.
    pub fn push(&mut self, answers: impl IntoIterator<Item = (f64, Option<f64>)>) {
        let end = self.quality.len() + self.models.len();
        for (quality, cost) in answers.into_iter().take(self.models.len()) {
            self.quality.push(quality);
            match (&mut self.cost, cost) {
                (Some(costs), Some(cost)) => costs.push(cost),
                (costs, _) => *costs = None,
            }
        }
        if self.quality.len() < end {
            self.quality.resize(end, 0.0);
            self.cost = None;
        }
    }

    /// The models' names, in order.
    #[must_use]
    pub fn models(&self) -> &[String] {
        &self.models
    }

    /// How many prompts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.quality.len().checked_div(self.models.len()).unwrap_or(0)
    }

    /// Whether there are no prompts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quality.is_empty()
    }

    /// Whether the costs of all answers are known.
    #[must_use]
    pub fn has_costs(&self) -> bool {
        self.cost.is_some()
    }

    /// What `model` (its index) made of `prompt`.
    #[must_use]
    pub fn get(&self, prompt: usize, model: usize) -> Spent {
        let at = prompt * self.models.len() + model;
        Spent { quality: self.quality[at], cost: self.cost.as_ref().map_or(0.0, |costs| costs[at]) }
    }

    /// The prompts at these indices, in this order.
    #[must_use]
    pub fn select(&self, prompts: &[usize]) -> Self {
        let width = self.models.len();
        let rows = |values: &[f64]| {
            prompts.iter().flat_map(|prompt| values[prompt * width..][..width].iter().copied()).collect()
        };
        Self {
            models: self.models.clone(),
            quality: rows(&self.quality),
            cost: self.cost.as_deref().map(rows),
        }
    }

    /// Mean quality and cost of each model, with each prompt counted `counts` times.
    #[must_use]
    pub fn means(&self, counts: &[f64]) -> Vec<Spent> {
        let total = counts.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mean = |model: usize| {
            counts.iter().enumerate().fold(Spent::default(), |sum, (prompt, count)| {
                let own = self.get(prompt, model);
                let share = count / total;
                Spent { quality: sum.quality + share * own.quality, cost: sum.cost + share * own.cost }
            })
        };
        (0..self.models.len()).map(mean).collect()
    }

    /// How much better the second model did than the first, on each prompt: −1 to 1.
    #[must_use]
    pub fn gains(&self) -> Vec<f64> {
        (0..self.len()).map(|prompt| self.get(prompt, 1).quality - self.get(prompt, 0).quality).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_cost_makes_all_costs_unknown() {
        let mut answers = Answers::new(vec!["a".into(), "b".into()]);
        answers.push([(0.0, Some(1.0)), (1.0, Some(3.0))]);
        answers.push([(1.0, Some(2.0)), (0.5, Some(4.0))]);
        assert_eq!((answers.len(), answers.has_costs()), (2, true));
        assert_eq!(answers.get(1, 0), Spent { quality: 1.0, cost: 2.0 });
        assert_eq!(answers.means(&[1.0, 3.0])[1], Spent { quality: 0.625, cost: 3.75 });
        assert_eq!(answers.gains(), [1.0, -0.5]);
        assert_eq!(answers.select(&[1]).gains(), [-0.5]);
        answers.push([(1.0, None), (1.0, Some(1.0))]);
        assert_eq!((answers.len(), answers.has_costs(), answers.get(0, 0).cost), (3, false, 0.0));
    }
}
