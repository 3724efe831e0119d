//! A BERT-shaped encoder (Devlin et al. 2019) over packed tokens: one definition for training and serving.

mod layer;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::ops;
use layer::{Layer, Norm};

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

/// Embeddings and transformer layers, ending in the mean over each row's tokens.
#[derive(Debug, Clone)]
pub struct Encoder {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    config: EncoderConfig,
}

impl Encoder {
    /// Takes the tensors of `vb` by their Hugging Face names (`embeddings.word_embeddings.weight`,
    /// `encoder.layer.0.attention.self.query.weight`, …).
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config` says.
    pub fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        if config.heads == 0 || !config.hidden.is_multiple_of(config.heads) {
            candle_core::bail!("{} heads do not share a width of {} evenly", config.heads, config.hidden);
        }
        let embeddings = vb.pp("embeddings");
        let table =
            |rows: usize, name: &str| embeddings.get((rows, config.hidden), &format!("{name}.weight"));
        Ok(Self {
            words: table(config.vocab, "word_embeddings")?,
            positions: table(config.max_positions, "position_embeddings")?,
            types: table(config.type_vocab, "token_type_embeddings")?,
            norm: Norm::new(config, &embeddings.pp("LayerNorm"))?,
            layers: (0..config.layers)
                .map(|i| Layer::new(config, &vb.pp(format!("encoder.layer.{i}"))))
                .collect::<Result<_>>()?,
            config: *config,
        })
    }

    /// The mean over each row's tokens of the last layer: (rows, hidden).
    ///
    /// # Errors
    /// When a row is longer than the encoder's positions or an id is outside the vocabulary.
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        if let Some(length) = batch.lengths.iter().find(|length| **length > self.config.max_positions) {
            candle_core::bail!(
                "a row of {length} tokens exceeds the encoder's {}",
                self.config.max_positions
            );
        }
        let types =
            if self.config.type_vocab > 1 { batch.types.clone() } else { batch.types.zeros_like()? };
        let embedded = (self.words.index_select(&batch.ids, 0)?
            + self.positions.index_select(&batch.positions, 0)?)?
        .add(&self.types.index_select(&types, 0)?)?;
        let mut x = self.norm.forward(&embedded)?;
        for layer in &self.layers {
            x = layer.forward(&x, &batch.lengths)?;
        }
        ops::mean_pool(&x, &batch.lengths)
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }
}
