//! The fit: steps over batches until the recipe's epochs are done.

use std::path::Path;

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
    /// Pooled representations of the examples (rows, width), if the encoder is frozen.
    pub(crate) embeddings: Option<&'a Tensor>,
    /// Fingerprint of recipe and data.
    pub(crate) fingerprint: &'a str,
}

/// One fit of possibly several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Decides order, variation and dropout.
    pub(crate) seed: u64,
    /// Folder of the checkpoint.
    pub(crate) checkpoints: &'a Path,
    /// Whether a checkpoint is left at the end too.
    pub(crate) keep: bool,
}

impl Fit<'_> {
    /// Fits `network` in place, from the checkpoint if there is one.
    ///
    /// Order, variation and dropout depend on seed, epoch and row alone, so a run that was cut short ends with the
    /// weights of one that was not.
    pub(crate) fn run(
        &self,
        network: &mut Network,
        run: Run<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), TrainError> {
        let rows = tokenize(self.tokenizer, self.examples.iter().map(|example| &example.prompt))?;
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let fit = &self.recipe.fit;
        let per_epoch = lengths.len().div_ceil(fit.batch);
        let schedule = self.schedule(per_epoch * fit.epochs);
        let mut step = 0;
        if let Some(checkpoint) = Checkpoint::read(run.checkpoints, self.fingerprint)? {
            network.restore(&checkpoint.tensors, checkpoint.step)?;
            step = checkpoint.step;
            progress.note(&format!("going on from the checkpoint at step {step}"));
        }
        for epoch in step / per_epoch..fit.epochs {
            let order = batches::of_epoch(&lengths, fit.batch, run.seed, epoch);
            for batch in order.iter().skip(step - epoch * per_epoch) {
                let loss = self.step(network, run.seed, batch, epoch, schedule.at(step))?;
                step += 1;
                if !loss.is_finite() {
                    return Err(TrainError::Diverged { step, loss });
                }
                progress.step(Step { step, steps: schedule.total, examples: batch.len(), loss });
                let kept = if step < schedule.total { step % fit.checkpoint_every == 0 } else { run.keep };
                if kept {
                    Checkpoint { step, tensors: network.state()? }
                        .write(run.checkpoints, self.fingerprint)?;
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

    /// One step on the rows `batch` at `rate` times the recipe's learning rates; returns the loss before it. With `consistency`
    /// each row is taken twice, the second halves of tokens and targets repeating the first.
    fn step(
        &self,
        network: &mut Network,
        seed: u64,
        batch: &[usize],
        epoch: usize,
        rate: f64,
    ) -> Result<f32, TrainError> {
        // Variations are drawn by epoch; the second ones from epochs that never come.
        let second = (self.recipe.fit.consistency > 0.0).then_some(epoch + self.recipe.fit.epochs);
        let copies = || [Some(epoch), second].into_iter().flatten();
        let taken = || copies().flat_map(|epoch| batch.iter().map(move |row| (epoch, *row)));
        let rows: Vec<&Example> = taken().map(|(_, row)| self.examples[row]).collect();
        let targets = Targets::new(&rows, self.labels, &self.recipe.fit, self.device)?;
        let step_seed = seed ^ ((epoch as u64) << 40) ^ ((batch[0] as u64) << 8);
        if let Some(embeddings) = self.embeddings {
            let indices: Vec<u32> = taken().map(|(_, row)| u32::try_from(row).unwrap_or(u32::MAX)).collect();
            let indices = Tensor::new(indices, &Device::Cpu)?;
            return network.step_from(&embeddings.index_select(&indices, 0)?, &targets, rate, step_seed);
        }
        let augment = Augment { recipe: &self.recipe.augment, seed, others: &self.others };
        let varied: Vec<Prompt> =
            taken().map(|(epoch, row)| augment.vary(&self.examples[row].prompt, epoch, row)).collect();
        let tokens = tokenize(self.tokenizer, &varied)?;
        network.step(&tokens, &targets, rate, step_seed)
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
