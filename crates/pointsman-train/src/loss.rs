//! What the fit makes small.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use pointsman_domain::Difficulty;

use crate::corpus::{Example, TaskTarget};
use crate::recipe::FitRecipe;

/// Targets of a batch as tensors. A row without a target has weight 0.
#[derive(Debug)]
pub(crate) struct Targets {
    /// (batch, labels): probabilities that add up to 1.
    task: Tensor,
    /// (batch)
    task_weight: Tensor,
    /// (batch): share of the pool that fails.
    share: Tensor,
    /// (batch)
    share_weight: Tensor,
}

impl Targets {
    pub(crate) fn new(
        batch: &[&Example],
        labels: usize,
        recipe: &FitRecipe,
        device: &Device,
    ) -> Result<Self> {
        let mut task = Vec::with_capacity(batch.len() * labels);
        for example in batch {
            task.extend(distribution(example.task.as_ref(), labels, recipe));
        }
        let column = |value: &dyn Fn(&Example) -> f32| {
            Tensor::from_iter(batch.iter().map(|example| value(example)), device)
        };
        Ok(Self {
            task: Tensor::from_vec(task, (batch.len(), labels), device)?,
            task_weight: column(&|example| example.task.as_ref().map_or(0.0, |task| task.weight))?,
            share: column(&|example| example.difficulty.map_or(0.5, |difficulty| difficulty.share))?,
            share_weight: column(&|example| example.difficulty.map_or(0.0, |difficulty| difficulty.weight))?,
        })
    }

    /// Weighted mean over the batch of the cross-entropy of `task` logits (batch, labels) and, times the recipe's
    /// `difficulty_loss`, of the binary cross-entropy of `σ(κ · ability)` against the failing share; with `consistency` the
    /// disagreement of the batch's halves is added.
    ///
    /// Both are proper scoring rules (Gneiting & Raftery 2007), so that expected shares are what is learnt.
    pub(crate) fn loss(&self, task: &Tensor, ability: &Tensor, recipe: &FitRecipe) -> Result<Tensor> {
        let cross_entropy = (&self.task * log_softmax(task, D::Minus1)?)?.sum(D::Minus1)?.neg()?;
        let logit = (ability * f64::from(Difficulty::KAPPA))?;
        let softplus = (logit.abs()?.neg()?.exp()? + 1.0)?.log()?;
        let binary = ((logit.relu()? - (&logit * &self.share)?)? + softplus)?;
        let task_loss = weighted_mean(&cross_entropy, &self.task_weight)?;
        let loss =
            (task_loss + (weighted_mean(&binary, &self.share_weight)? * f64::from(recipe.difficulty_loss))?)?;
        if recipe.consistency > 0.0 {
            return loss + (disagreement(task)? * f64::from(recipe.consistency))?;
        }
        Ok(loss)
    }
}

/// Mean over rows of `½ (KL(p‖q) + KL(q‖p))`, where `p` are the probabilities of a row in the first half of the logits
/// (2 · rows, labels) and `q` those of the same row in the second (R-Drop, Liang et al. 2021, arXiv 2106.14448).
fn disagreement(task: &Tensor) -> Result<Tensor> {
    let logs = log_softmax(task, D::Minus1)?;
    let rows = logs.dim(0)? / 2;
    let (first, second) = (logs.narrow(0, 0, rows)?, logs.narrow(0, rows, rows)?);
    let difference = ((first.exp()? - second.exp()?)? * (&first - &second)?)?;
    difference.sum(D::Minus1)?.mean_all()? * 0.5
}

/// Sum of `values · weights` over the sum of weights; 0 where all weights are 0.
fn weighted_mean(values: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let total = weights.sum_all()?.to_scalar::<f32>()?;
    (values * weights)?.sum_all()? * f64::from(total.max(f32::MIN_POSITIVE).recip().min(1e6))
}

/// The label's share, the other accepted labels' share, and the smoothing over all.
fn distribution(target: Option<&TaskTarget>, labels: usize, recipe: &FitRecipe) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "there are few labels")]
    let uniform = 1.0 / labels as f32;
    let Some(TaskTarget { label, also, .. }) = target else { return vec![uniform; labels] };
    let mut shares = vec![recipe.label_smoothing * uniform; labels];
    let second = if also.is_empty() { 0.0 } else { recipe.second_label };
    shares[*label] += 1.0 - recipe.label_smoothing - second;
    for other in also {
        #[expect(clippy::cast_precision_loss, reason = "there are few labels")]
        let each = second / also.len() as f32;
        shares[*other] += each;
    }
    shares
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Prompt;

    use super::*;
    use crate::corpus::{DifficultyTarget, Split};

    fn recipe() -> FitRecipe {
        toml::from_str(
            "epochs = 1\nbatch = 2\nlearning_rate = 1e-4\nhead_learning_rate = 1e-3\nwarmup = 0.0\nweight_decay = 0.0\n\
             clip_norm = 1.0\nlabel_smoothing = 0.1\nsecond_label = 0.2\ndropout = 0.0\ndifficulty_loss = 1.0",
        )
        .expect("valid")
    }

    fn example(task: Option<TaskTarget>, difficulty: Option<DifficultyTarget>) -> Example {
        let prompt = Prompt::from_text("");
        let (id, source) = (String::new(), String::new());
        Example { id, source, prompt, task, difficulty, language: None, split: Split::Train }
    }

    #[test]
    fn distributions_add_up() {
        let both = TaskTarget { label: 0, also: vec![1, 2], weight: 1.0 };
        let shares = distribution(Some(&both), 4, &recipe());
        for (share, expected) in shares.iter().zip([0.725, 0.125, 0.125, 0.025]) {
            assert!((share - expected).abs() < 1e-6, "{shares:?}");
        }
        for target in [Some(&both), Some(&TaskTarget { label: 3, also: vec![], weight: 1.0 }), None] {
            assert!((distribution(target, 4, &recipe()).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn rows_without_a_target_do_not_count() {
        let device = Device::Cpu;
        let task = TaskTarget { label: 0, also: vec![], weight: 1.0 };
        let difficulty = DifficultyTarget { share: 0.5, weight: 2.0, measured: true };
        let rows = [example(Some(task), None), example(None, Some(difficulty))];
        let recipe = FitRecipe { label_smoothing: 0.0, ..recipe() };
        let targets = Targets::new(&rows.iter().collect::<Vec<_>>(), 2, &recipe, &device).expect("built");
        let logits = Tensor::new(&[[0f32, 0.0], [30.0, -30.0]], &device).expect("built");
        let ability = Tensor::new(&[40f32, 0.0], &device).expect("built");
        let loss =
            targets.loss(&logits, &ability, &recipe).and_then(|l| l.to_scalar::<f32>()).expect("computed");
        assert!((loss - 2.0 * 2f32.ln()).abs() < 1e-5, "{loss}");
    }

    #[test]
    fn halves_that_disagree_cost_what_the_divergence_says() {
        let device = Device::Cpu;
        let task = TaskTarget { label: 0, also: vec![], weight: 1.0 };
        let row = example(Some(task), None);
        let loss = |second: f32, consistency: f32| {
            let recipe = FitRecipe { consistency, ..recipe() };
            let targets = Targets::new(&[&row, &row], 2, &recipe, &device)?;
            let logits = Tensor::new(&[[0f32, 0.0], [second, 0.0]], &device)?;
            targets
                .loss(&logits, &Tensor::zeros(2, candle_core::DType::F32, &device)?, &recipe)?
                .to_scalar::<f32>()
        };
        let added = |second| loss(second, 2.0).expect("computed") - loss(second, 0.0).expect("computed");
        assert!(added(0.0).abs() < 1e-6, "{}", added(0.0));
        // p = (½, ½), q = (¾, ¼): Σ (p − q)(ln p − ln q) = ¼ ln 3, halved and doubled.
        let expected = 0.25 * 3f32.ln();
        assert!((added(3f32.ln()) - expected).abs() < 1e-5, "{} {expected}", added(3f32.ln()));
    }

    #[test]
    fn the_loss_is_least_at_the_expected_share() {
        let device = Device::Cpu;
        let difficulty = DifficultyTarget { share: 0.8, weight: 1.0, measured: true };
        let row = example(None, Some(difficulty));
        let targets = Targets::new(&[&row], 2, &recipe(), &device).expect("built");
        let at = |share: f32| {
            let b = Difficulty::new(share).ability().0;
            let logits = Tensor::zeros((1, 2), candle_core::DType::F32, &device)?;
            targets.loss(&logits, &Tensor::new(&[b], &device)?, &recipe())?.to_scalar::<f32>()
        };
        let [below, exact, above] = [0.7, 0.8, 0.9].map(|share| at(share).expect("computed"));
        assert!(exact < below && exact < above, "{below} {exact} {above}");
    }
}
