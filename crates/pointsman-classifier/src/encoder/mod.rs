//! A BERT-shaped encoder (Devlin et al. 2019) over packed tokens: one definition for training and serving.

mod composed;
mod fused;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::ops::{Norm, sum_of_embeddings};

/// Shape of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Width of a token's representation.
    pub hidden: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Attention heads of a layer; they share `hidden` evenly.
    pub heads: usize,
    /// Width of the feed-forward network.
    pub intermediate: usize,
    /// Longest row in tokens.
    pub max_positions: usize,
    /// Token types.
    pub type_vocab: usize,
    /// Added to the variance in layer normalisation.
    pub layer_norm_eps: f64,
}

/// Embeddings and transformer layers, read as the mean over each row's tokens.
#[derive(Debug, Clone)]
pub struct Encoder {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Layers,
    config: EncoderConfig,
}

/// The layers in the version for their device and number type.
#[derive(Debug, Clone)]
enum Layers {
    Fused(fused::Layers),
    Composed(composed::Layers),
}

impl Encoder {
    /// Takes the tensors of `vb` by their Hugging Face names (`embeddings.word_embeddings.weight`,
    /// `encoder.layer.0.attention.self.query.weight`, …).
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config` says.
    pub fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        if config.heads == 0 || !config.hidden.is_multiple_of(config.heads) {
            bail!("{} heads do not share a width of {} evenly", config.heads, config.hidden);
        }
        let embeddings = vb.pp("embeddings");
        let table =
            |rows: usize, name: &str| embeddings.get((rows, config.hidden), &format!("{name}.weight"));
        Ok(Self {
            words: table(config.vocab, "word_embeddings")?,
            positions: table(config.max_positions, "position_embeddings")?,
            types: table(config.type_vocab, "token_type_embeddings")?,
            norm: Norm::new(config.hidden, config.layer_norm_eps, &embeddings.pp("LayerNorm"))?,
            layers: if composed::needed(vb) {
                Layers::Composed(composed::Layers::new(config, vb)?)
            } else {
                Layers::Fused(fused::Layers::new(config, vb)?)
            },
            config: *config,
        })
    }

    /// The mean over each row's tokens of each of `layers` (0 for the embeddings, `n` for what leaves the `n`-th layer), side
    /// by side: (rows, layers · hidden).
    ///
    /// # Errors
    /// When a row is longer than the encoder's positions, an id is outside the vocabulary, or `layers` is empty, not
    /// ascending or beyond the last.
    pub fn forward(&self, batch: &TokenBatch, layers: &[usize]) -> Result<Tensor> {
        self.check(batch)?;
        let ascending = layers.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || layers.last().is_none_or(|last| *last > self.config.layers) {
            bail!("layers {layers:?} are not an ascending choice of 0 to {}", self.config.layers);
        }
        let types =
            if self.config.type_vocab > 1 { batch.types.clone() } else { batch.types.zeros_like()? };
        let tables = [&self.words, &self.positions, &self.types];
        let embedded = sum_of_embeddings(tables, [&batch.ids, &batch.positions, &types])?;
        let x = self.norm.forward(&embedded)?;
        let pooled = match &self.layers {
            Layers::Fused(fused) => fused.forward(&x, &batch.lengths, layers)?,
            Layers::Composed(composed) => composed.forward(&x, &batch.lengths, layers)?,
        };
        match &pooled[..] {
            [one] => Ok(one.clone()),
            several => Tensor::cat(several, 1),
        }
    }

    /// Devices do not all check what they look up.
    fn check(&self, batch: &TokenBatch) -> Result<()> {
        let EncoderConfig { vocab, max_positions, type_vocab, .. } = self.config;
        if let Some(length) = batch.lengths.iter().find(|length| **length > max_positions) {
            bail!("a row of {length} tokens exceeds the encoder's {max_positions}");
        }
        let (id, kind) = batch.largest;
        if id as usize >= vocab {
            bail!("token id {id} exceeds the vocabulary of {vocab}");
        }
        if type_vocab > 1 && usize::from(kind) >= type_vocab {
            bail!("token type {kind} exceeds the encoder's {type_vocab}");
        }
        Ok(())
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }
}
