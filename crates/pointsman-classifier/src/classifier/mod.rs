//! Prompts to labels.

mod batching;
mod load;

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device};
use pointsman_domain::{AbstainReason, Labels, Prompt, TokenCount, Vocabulary};
use rayon::prelude::*;

pub use load::LoadError;

use crate::abstain;
use crate::batch::{TokenBatch, TokenIds};
use crate::card::Card;
use crate::device::is_out_of_memory;
use crate::engine::Engine;
use crate::model::Model;
use crate::tokenize::{TokenizeError, Tokenized, Tokenizer};
use batching::Budget;

/// A loaded model.
///
/// Tokenising many prompts and the arithmetic of a batch run on rayon's global pool, whose size
/// `rayon::ThreadPoolBuilder::build_global` or `RAYON_NUM_THREADS` sets. Inside `pool.install(…)` that pool is used.
#[derive(Debug)]
pub struct Classifier {
    card: Card,
    tokenizer: Tokenizer,
    model: Model,
    device: Device,
    engine: Engine,
    /// Numbers of the encoder's layers.
    layers: DType,
    budget: Budget,
}

/// A prompt that is ready for the model: its tokens, and what its text alone says. It is far smaller than a long text.
#[derive(Debug, Clone)]
pub struct Prepared {
    ids: TokenIds,
    tokens: TokenCount,
    tokens_seen: TokenCount,
    /// What counted figures add to what the difficulty head says.
    counted: f32,
    /// What its text alone says against relying on the labels.
    abstained: Option<AbstainReason>,
}

impl Prepared {
    /// How many tokens go through the model.
    #[must_use]
    pub fn tokens_seen(&self) -> usize {
        self.ids.ids.len()
    }
}

/// What the model says of one prompt.
struct Output {
    /// Empty unless it is asked for.
    pooled: Vec<f32>,
    task: Vec<f32>,
    ability: f32,
    /// None without a head for it.
    language: Option<f32>,
}

/// A prompt's labels, and what they were read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// As [`Classifier::classify`] gives them.
    pub labels: Labels,
    /// The pooled representation: (hidden). The heads are linear in it, so others can be fitted without the encoder.
    pub embedding: Vec<f32>,
    /// What the heads say before calibration: (tasks + 1), those of the tasks in the vocabulary's order, then the ability.
    pub logits: Vec<f32>,
}

impl Classifier {
    /// Labels each prompt, in order. A prompt's labels do not depend on those beside it.
    ///
    /// # Errors
    /// When a text cannot be tokenised or the device fails; no input makes a sound model fail.
    pub fn classify(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        let labels = self.label_prepared(&self.prepare_all(prompts)?)?;
        labels.into_iter().map(|labels| labels.ok_or(ClassifyError::NotFinite)).collect()
    }

    /// Labels each prompt, in order, and keeps the representation that its labels are read from.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn embed(&self, prompts: &[Prompt]) -> Result<Vec<Embedded>, ClassifyError> {
        let prepared = self.prepare_all(prompts)?;
        let embedded = self.each(&prepared, true, |prompt, output| {
            let labels = self.interpret(prompt, &output)?;
            let logits = output.task.iter().copied().chain([output.ability]).collect();
            Some(Embedded { labels, embedding: output.pooled, logits })
        })?;
        embedded.into_iter().map(|embedded| embedded.ok_or(ClassifyError::NotFinite)).collect()
    }

    /// Does the part of [`Classifier::classify`] that needs no device: tokenises, and judges the text. For work that keeps
    /// ahead of the model on other threads.
    ///
    /// # Errors
    /// When the text cannot be tokenised.
    pub fn prepare(&self, prompt: &Prompt) -> Result<Prepared, TokenizeError> {
        let Tokenized { ids, tokens, tokens_seen } = self.tokenizer.tokenize(prompt)?;
        let abstained = abstain::by_text(prompt, &self.card.scripts);
        let counted = self.card.difficulty_counts.read(prompt.subject());
        Ok(Prepared { ids, tokens, tokens_seen, counted, abstained })
    }

    /// Does the rest: labels in the order of the prompts, none for a prompt whose output is no number. Batches are made of
    /// prompts that are alike in length, so the same prompts give the same bits.
    ///
    /// # Errors
    /// When the device fails, also for one prompt alone.
    pub fn label_prepared(&self, prompts: &[Prepared]) -> Result<Vec<Option<Labels>>, ClassifyError> {
        self.each(prompts, false, |prompt, output| self.interpret(prompt, &output))
    }

    /// How many tokens go through the model together at most; on GPUs padding counts. It falls when the device runs out of
    /// memory: the batch that was too large is then run in halves.
    #[must_use]
    pub fn batch_tokens(&self) -> usize {
        self.budget.tokens()
    }

    fn prepare_all(&self, prompts: &[Prompt]) -> Result<Vec<Prepared>, TokenizeError> {
        prompts.par_iter().with_min_len(8).map(|prompt| self.prepare(prompt)).collect()
    }

    /// What `read` makes of the model's output for each prompt, in their order.
    fn each<T: Send>(
        &self,
        prompts: &[Prepared],
        pooled: bool,
        read: impl Fn(&Prepared, Output) -> Option<T> + Sync,
    ) -> Result<Vec<Option<T>>, ClassifyError> {
        let lengths: Vec<usize> = prompts.iter().map(Prepared::tokens_seen).collect();
        let mut results = Vec::new();
        results.resize_with(prompts.len(), || None);
        let results = Mutex::new(results);
        let run = |batch: &[usize]| -> Result<(), ClassifyError> {
            let ids: Vec<TokenIds> = batch.iter().map(|at| prompts[*at].ids.clone()).collect();
            for (at, mut output) in batch.iter().zip(self.run(&ids, pooled)?) {
                output.ability += prompts[*at].counted;
                let result = read(&prompts[*at], output);
                results.lock().unwrap_or_else(PoisonError::into_inner)[*at] = result;
            }
            Ok(())
        };
        let too_large = |error: &ClassifyError| match error {
            ClassifyError::Device(error) => is_out_of_memory(error),
            _ => false,
        };
        let workers = if self.device.is_cuda() { 2 } else { 1 };
        self.budget.run(&lengths, workers, run, too_large)?;
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(&self, rows: &[TokenIds], keep_pooled: bool) -> Result<Vec<Output>, ClassifyError> {
        let pooled = self.model.embed(&TokenBatch::new(rows, &self.device)?)?;
        let logits = self.model.heads(&pooled)?;
        let (task, ability) = (logits.task.to_vec2()?, logits.ability.to_vec1()?);
        let language: Vec<Option<f32>> = match logits.language {
            Some(language) => language.to_vec1::<f32>()?.into_iter().map(Some).collect(),
            None => vec![None; rows.len()],
        };
        let pooled = if keep_pooled { pooled.to_vec2()? } else { vec![Vec::new(); rows.len()] };
        let heads = task.into_iter().zip(ability).zip(language);
        let output = |(pooled, ((task, ability), language))| Output { pooled, task, ability, language };
        Ok(pooled.into_iter().zip(heads).map(output).collect())
    }

    /// None where the output is no number.
    fn interpret(&self, prompt: &Prepared, output: &Output) -> Option<Labels> {
        let Card { calibration, vocabulary, .. } = &self.card;
        let mut said = output.task.iter().chain([&output.ability]).chain(&output.language);
        if !said.all(|value| value.is_finite()) {
            return None;
        }
        let task_scores: Vec<_> =
            vocabulary.tasks().cloned().zip(calibration.probabilities(&output.task)).collect();
        // Of equals the first in the vocabulary.
        let (task, task_confidence) = task_scores.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).cloned()?;
        let placement = calibration.place(output.ability);
        let foreign = output.language.is_some_and(|value| value < 0.0);
        let foreign = foreign.then_some(AbstainReason::UnsupportedLanguage);
        let unsure = (task_confidence < calibration.abstain_below).then_some(AbstainReason::LowConfidence);
        Some(Labels {
            task,
            task_confidence,
            task_scores,
            difficulty: placement.difficulty,
            ability: placement.ability,
            ability_sd: placement.ability_sd,
            band: placement.band,
            band_confidence: placement.band_confidence,
            abstained: prompt.abstained.or(foreign).or(unsure),
            tokens: prompt.tokens,
            tokens_seen: prompt.tokens_seen,
        })
    }

    /// What the model is.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The tasks that the model tells apart.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.card.vocabulary
    }

    /// How it reads text.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The encoder with its heads.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What computes the encoder's layers.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The numbers that the encoder's layers are computed in: `f32`, `bf16` or `f16`.
    #[must_use]
    pub fn precision(&self) -> &'static str {
        self.layers.as_str()
    }

    /// Where the arithmetic is done.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Why prompts have no labels.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// A text cannot be tokenised.
    #[error(transparent)]
    Tokenize(#[from] TokenizeError),
    /// The device failed.
    #[error("the model cannot be run: {0}; if memory ran out, use device `cpu`")]
    Device(#[from] candle_core::Error),
    /// The model's output is no number.
    #[error(
        "the model's output is not finite; its weights are damaged, so fetch or train it anew, or they are too large for f16, so choose precision `bf16`"
    )]
    NotFinite,
}
