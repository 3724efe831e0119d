//! The fit: steps over batches until the recipe's epochs are done.

use candle_core::{Device, Tensor};
use pointsman_classifier::{TokenIds, Tokenizer};
use pointsman_domain::Prompt;

use crate::augment::Augment;
use crate::batches;
use crate::checkpoint::Checkpoint;
use crate::corpus::Example;
use crate::error::TrainError;
use crate::loss::Targets;
use crate::network::Network;
use crate::progress::{Progress, Step};
use crate::recipe::Recipe;
use crate::schedule::Schedule;

/// What a fit works with.
pub(crate) struct Fit<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) labels: usize,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) examples: &'a [&'a Example],
    /// Their texts, to draw earlier exchanges from.
    pub(crate) others: Vec<&'a str>,
    pub(crate) device: &'a Device,
    /// Pooled representations of the examples (rows, hidden), if the encoder is frozen.
    pub(crate) embeddings: Option<&'a Tensor>,
    /// Folder of the checkpoint.
    pub(crate) checkpoints: &'a std::path::Path,
    /// Fingerprint of recipe and data.
    pub(crate) run: &'a str,
}

impl Fit<'_> {
    /// Fits `network` in place, from the checkpoint if there is one.
    ///
    /// Order, variation and dropout depend on seed, epoch and row alone, so a run that was cut short ends with the
    /// weights of one that was not.
    pub(crate) fn run(&self, network: &mut Network, progress: &mut dyn Progress) -> Result<(), TrainError> {
        let rows = tokenize(self.tokenizer, self.examples.iter().map(|example| &example.prompt))?;
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let fit = &self.recipe.fit;
        let per_epoch = lengths.len().div_ceil(fit.batch);
        let schedule = self.schedule(per_epoch * fit.epochs);
        let mut step = 0;
        if let Some(checkpoint) = Checkpoint::read(self.checkpoints, self.run)? {
            network.restore(&checkpoint.tensors, checkpoint.step)?;
            step = checkpoint.step;
            progress.note(&format!("going on from the checkpoint at step {step}"));
        }
        for epoch in step / per_epoch..fit.epochs {
            let order = batches::of_epoch(&lengths, fit.batch, self.recipe.seed, epoch);
            for batch in order.iter().skip(step - epoch * per_epoch) {
                let loss = self.step(network, batch, epoch, schedule.at(step))?;
                step += 1;
                if !loss.is_finite() {
                    return Err(TrainError::Diverged { step, loss });
                }
                progress.step(Step { step, steps: schedule.total, examples: batch.len(), loss });
                if step % fit.checkpoint_every == 0 && step < schedule.total {
                    Checkpoint { step, tensors: network.state()? }.write(self.checkpoints, self.run)?;
                }
            }
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a step count"
    )]
    fn schedule(&self, total: usize) -> Schedule {
        Schedule { peak: 1.0, warmup: (self.recipe.fit.warmup * total as f64) as usize, total }
    }

    /// One step on the rows `batch` at `rate` times the recipe's learning rates; returns the loss before it.
    fn step(
        &self,
        network: &mut Network,
        batch: &[usize],
        epoch: usize,
        rate: f64,
    ) -> Result<f32, TrainError> {
        let rows: Vec<&Example> = batch.iter().map(|row| self.examples[*row]).collect();
        let targets = Targets::new(&rows, self.labels, &self.recipe.fit, self.device)?;
        let seed = self.recipe.seed ^ ((epoch as u64) << 40) ^ ((batch[0] as u64) << 8);
        if let Some(embeddings) = self.embeddings {
            let indices: Vec<u32> = batch.iter().map(|row| u32::try_from(*row).unwrap_or(u32::MAX)).collect();
            let indices = Tensor::new(indices, &Device::Cpu)?;
            return network.step_from(&embeddings.index_select(&indices, 0)?, &targets, rate, seed);
        }
        let augment = Augment { recipe: &self.recipe.augment, seed: self.recipe.seed, others: &self.others };
        let varied: Vec<Prompt> = batch
            .iter()
            .zip(&rows)
            .map(|(row, example)| augment.vary(&example.prompt, epoch, *row))
            .collect();
        let tokens = tokenize(self.tokenizer, &varied)?;
        network.step(&tokens, &targets, rate, seed)
    }
}

/// What the model reads of each prompt.
pub(crate) fn tokenize<'a>(
    tokenizer: &Tokenizer,
    prompts: impl IntoIterator<Item = &'a Prompt>,
) -> Result<Vec<TokenIds>, TrainError> {
    prompts
        .into_iter()
        .map(|prompt| tokenizer.tokenize(prompt).map(|tokenized| tokenized.ids))
        .collect::<Result<_, _>>()
        .map_err(|error| TrainError::Model(Box::new(error)))
}
