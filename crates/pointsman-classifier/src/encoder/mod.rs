//! A BERT-shaped encoder (Devlin et al. 2019) over packed tokens: one definition for training and serving.

mod composed;
mod fused;
mod ranges;
mod smoothing;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::VarBuilder;
use pointsman_kernels::Tier;
#[cfg(target_arch = "x86_64")]
use pointsman_kernels::TileFormat;
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::engine::Engine;
use crate::ops::{Norm, Table, sum_of_embeddings};

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

impl EncoderConfig {
    /// Whether the kernels on tiles can run an encoder of this shape.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn fits_tiles(&self) -> bool {
        fused::tiles::Layers::fit(self)
    }

    /// Whether the kernels on tiles can run an encoder of this shape: there are none.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn fits_tiles(&self) -> bool {
        false
    }
}

/// Embeddings and transformer layers, read as the mean over each row's tokens.
#[derive(Debug, Clone)]
pub struct Encoder {
    words: Table,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Layers,
    /// Numbers of the layers; those of everything else are the tables'.
    dtype: DType,
    config: EncoderConfig,
}

/// The layers in the version of an engine.
#[derive(Debug, Clone)]
enum Layers {
    Fused(fused::Layers),
    Int16(fused::int16::Layers),
    #[cfg(target_arch = "x86_64")]
    Tiles(fused::tiles::Layers),
    Composed(composed::Layers),
}

impl Layers {
    fn new(config: &EncoderConfig, engine: Engine, vb: &VarBuilder<'_>) -> Result<Self> {
        if !engine.runs_on(vb.device()) || (engine != Engine::Candle && vb.dtype() != DType::F32) {
            bail!("the engine `{engine}` runs on the processor in f32; use `candle` elsewhere");
        }
        match engine {
            Engine::Candle => composed::Layers::new(config, vb).map(Self::Composed),
            Engine::F32(tier) => fused::Layers::new(config, tier, vb).map(Self::Fused),
            Engine::Int16(tier) => fused::int16::Layers::new(config, tier, vb).map(Self::Int16),
            Engine::Int8(tier) => Self::on_tiles(config, tier, true, vb),
            // What is trained needs a backward pass.
            Engine::Bf16(tier) if is_trained(config, vb)? => {
                fused::Layers::new(config, tier, vb).map(Self::Fused)
            }
            Engine::Bf16(tier) => Self::on_tiles(config, tier, false, vb),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn on_tiles(config: &EncoderConfig, tier: Tier, integers: bool, vb: &VarBuilder<'_>) -> Result<Self> {
        let format = if integers { TileFormat::Int8 } else { TileFormat::Bf16 };
        match tier.tiles() {
            Some(unit) => fused::tiles::Layers::new(config, unit, format, vb).map(Self::Tiles),
            None => bail!("`{}` has no tiles", tier.name()),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn on_tiles(_: &EncoderConfig, tier: Tier, _: bool, _: &VarBuilder<'_>) -> Result<Self> {
        bail!("`{}` has no tiles", tier.name())
    }

    /// (tokens, hidden), rows of these lengths end to end → the mean over each row's tokens of each wanted layer, 0 for
    /// what goes in: (rows, hidden) each, in ascending order, each a tensor or all side by side in one.
    fn forward(&self, x: &Tensor, lengths: &[usize], wanted: &[usize]) -> Result<Vec<Tensor>> {
        match self {
            Self::Composed(layers) => layers.forward(x, lengths, wanted),
            Self::Fused(layers) => layers.forward(x, lengths, wanted),
            Self::Int16(layers) => layers.forward(x, lengths, wanted),
            #[cfg(target_arch = "x86_64")]
            Self::Tiles(layers) => layers.forward(x, lengths, wanted),
        }
    }
}

/// Whether the layers are variables, by one bias of each: a matrix would be unfolded only to be looked at.
fn is_trained(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<bool> {
    let mut layers = (0..config.layers).map(|i| vb.pp(format!("encoder.layer.{i}.intermediate.dense")));
    layers.try_fold(false, |trained, vb| Ok(trained || vb.get(config.intermediate, "bias")?.track_op()))
}

impl Encoder {
    /// Takes the tensors of `vb` by their Hugging Face names (`embeddings.word_embeddings.weight`,
    /// `encoder.layer.0.attention.self.query.weight`, …), to be run by the fastest engine that can be trained.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config` says.
    pub fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::with_engine(config, Engine::trainable(vb.device(), vb.dtype()), vb)
    }

    /// As [`Self::new`], to be run by `engine`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config` says, or the engine does not run on its device or takes
    /// no variables.
    pub fn with_engine(config: &EncoderConfig, engine: Engine, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::with_layers_in(config, engine, vb.dtype(), vb)
    }

    /// As [`Self::with_engine`], with the layers computed in `dtype`.
    pub(crate) fn with_layers_in(
        config: &EncoderConfig,
        engine: Engine,
        dtype: DType,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        if config.heads == 0 || !config.hidden.is_multiple_of(config.heads) {
            bail!("{} heads do not share a width of {} evenly", config.heads, config.hidden);
        }
        let embeddings = vb.pp("embeddings");
        // The reference is candle's own arithmetic throughout.
        let in_floats = engine == Engine::Candle || vb.dtype() != DType::F32;
        let table =
            |rows: usize, name: &str| embeddings.get((rows, config.hidden), &format!("{name}.weight"));
        Ok(Self {
            words: Table::load(
                (config.vocab, config.hidden),
                "word_embeddings.weight",
                in_floats,
                &embeddings,
            )?,
            positions: table(config.max_positions, "position_embeddings")?,
            types: table(config.type_vocab, "token_type_embeddings")?,
            norm: Norm::new(config.hidden, config.layer_norm_eps, &embeddings.pp("LayerNorm"))?,
            layers: Layers::new(config, engine, &vb.to_dtype(dtype))?,
            dtype,
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
        let x = self.embed(batch)?;
        let pooled = self.layers.forward(&x, &batch.lengths, layers)?;
        let pooled: Vec<Tensor> =
            pooled.iter().map(|pooled| pooled.to_dtype(self.positions.dtype())).collect::<Result<_>>()?;
        match &pooled[..] {
            [one] => Ok(one.clone()),
            several => Tensor::cat(several, 1),
        }
    }

    /// What goes into the layers: (tokens, hidden).
    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        let types =
            if self.config.type_vocab > 1 { batch.types.clone() } else { batch.types.zeros_like()? };
        let tables = [&self.positions, &self.types];
        let embedded = sum_of_embeddings(&self.words, tables, [&batch.ids, &batch.positions, &types])?;
        self.norm.forward(&embedded)?.to_dtype(self.dtype)
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
