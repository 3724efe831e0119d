//! Prompts to labels.

mod load;

use candle_core::Device;
use pointsman_domain::{AbstainReason, Labels, Prompt, TokenCount, Vocabulary};
use rayon::prelude::*;

pub use load::LoadError;

use crate::abstain;
use crate::batch::{TokenBatch, TokenIds};
use crate::card::Card;
use crate::model::Model;
use crate::tokenize::{TokenizeError, Tokenized, Tokenizer};

/// How many tokens go through the model together: enough to keep a processor's cores busy, few enough for what is
/// computed to stay in its caches.
const BATCH_TOKENS: usize = 4096;

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
}

/// A prompt that is ready for the model.
struct Prepared {
    ids: TokenIds,
    tokens: TokenCount,
    tokens_seen: TokenCount,
    /// What its text alone says against relying on the labels.
    abstained: Option<AbstainReason>,
}

/// What the model says of one prompt.
struct Output {
    pooled: Vec<f32>,
    task: Vec<f32>,
    ability: f32,
}

/// A prompt's labels, and what they were read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// As [`Classifier::classify`] gives them.
    pub labels: Labels,
    /// The pooled representation: (hidden). The heads are linear in it, so others can be fitted without the encoder.
    pub embedding: Vec<f32>,
}

impl Classifier {
    /// Labels each prompt, in order. A prompt's labels do not depend on those beside it.
    ///
    /// # Errors
    /// When a text cannot be tokenised or the device fails; no input makes a sound model fail.
    pub fn classify(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        Ok(self.embed(prompts)?.into_iter().map(|prompt| prompt.labels).collect())
    }

    /// Labels each prompt, in order, and keeps the representation that its labels are read from.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn embed(&self, prompts: &[Prompt]) -> Result<Vec<Embedded>, ClassifyError> {
        let prepared: Vec<Prepared> = prompts
            .par_iter()
            .with_min_len(8)
            .map(|prompt| self.prepare(prompt))
            .collect::<Result<_, _>>()?;
        let mut embedded: Vec<Option<Embedded>> = vec![None; prompts.len()];
        for batch in batches(&prepared) {
            let ids: Vec<TokenIds> = batch.iter().map(|at| prepared[*at].ids.clone()).collect();
            for (at, output) in batch.into_iter().zip(self.run(&ids)?) {
                let labels = self.interpret(&prepared[at], &output)?;
                embedded[at] = Some(Embedded { labels, embedding: output.pooled });
            }
        }
        Ok(embedded.into_iter().flatten().collect())
    }

    fn prepare(&self, prompt: &Prompt) -> Result<Prepared, ClassifyError> {
        let Tokenized { ids, tokens, tokens_seen } = self.tokenizer.tokenize(prompt)?;
        let abstained = abstain::by_text(prompt, &self.card.scripts);
        Ok(Prepared { ids, tokens, tokens_seen, abstained })
    }

    fn run(&self, rows: &[TokenIds]) -> Result<Vec<Output>, ClassifyError> {
        let pooled = self.model.embed(&TokenBatch::new(rows, &self.device)?)?;
        let logits = self.model.heads(&pooled)?;
        let (task, ability) = (logits.task.to_vec2()?, logits.ability.to_vec1()?);
        let heads = task.into_iter().zip(ability);
        let output = |(pooled, (task, ability))| Output { pooled, task, ability };
        Ok(pooled.to_vec2()?.into_iter().zip(heads).map(output).collect())
    }

    fn interpret(&self, prompt: &Prepared, output: &Output) -> Result<Labels, ClassifyError> {
        let Card { calibration, vocabulary, .. } = &self.card;
        if !(output.ability.is_finite() && output.task.iter().all(|logit| logit.is_finite())) {
            return Err(ClassifyError::NotFinite);
        }
        let task_scores: Vec<_> =
            vocabulary.tasks().cloned().zip(calibration.probabilities(&output.task)).collect();
        // Of equals the first in the vocabulary.
        let (task, task_confidence) = task_scores
            .iter()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .cloned()
            .ok_or(ClassifyError::NotFinite)?;
        let placement = calibration.place(output.ability);
        let unsure = (task_confidence < calibration.abstain_below).then_some(AbstainReason::LowConfidence);
        Ok(Labels {
            task,
            task_confidence,
            task_scores,
            difficulty: placement.difficulty,
            ability: placement.ability,
            ability_sd: placement.ability_sd,
            band: placement.band,
            band_confidence: placement.band_confidence,
            abstained: prompt.abstained.or(unsure),
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

    /// Where the arithmetic is done.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Indices of prompts that go through the model together: alike in length, together at most [`BATCH_TOKENS`] unless one
/// alone is longer.
fn batches(prompts: &[Prepared]) -> Vec<Vec<usize>> {
    let length = |at: usize| prompts[at].ids.ids.len();
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|at| length(*at));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for at in order {
        match batches.last_mut() {
            Some(batch) if length(at) <= room => batch.push(at),
            _ => {
                batches.push(vec![at]);
                room = BATCH_TOKENS;
            }
        }
        room = room.saturating_sub(length(at));
    }
    batches
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
    #[error("the model's output is not finite; its weights are damaged, so fetch or train it anew")]
    NotFinite,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(length: usize) -> Prepared {
        let ids = TokenIds { ids: vec![1; length], type_ids: vec![0; length] };
        Prepared { ids, tokens: TokenCount(0), tokens_seen: TokenCount(0), abstained: None }
    }

    #[test]
    fn batches_hold_every_prompt_once_within_the_budget() {
        let lengths = [500, 2, 4000, 700, 512, 512, 3, 5000, 2048];
        let prompts: Vec<_> = lengths.into_iter().map(prepared).collect();
        let batches = batches(&prompts);
        let lengths_of = |batch: &Vec<usize>| batch.iter().map(|at| lengths[*at]).collect::<Vec<_>>();
        assert_eq!(
            batches.iter().map(lengths_of).collect::<Vec<_>>(),
            [vec![2, 3, 500, 512, 512, 700], vec![2048], vec![4000], vec![5000]]
        );
        assert!(super::batches(&[]).is_empty());
    }
}
