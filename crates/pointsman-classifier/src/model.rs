//! Encoder and heads.

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::batch::TokenBatch;
use crate::encoder::{Encoder, EncoderConfig};
use crate::engine::Engine;
use crate::ops;

/// Name of the task head's tensors: `task.weight` (tasks, hidden) and `task.bias` (tasks).
pub const TASK_HEAD: &str = "task";
/// Name of the difficulty head's tensors: `difficulty.weight` (1, width) and `difficulty.bias` (1).
pub const DIFFICULTY_HEAD: &str = "difficulty";
/// Name of the language head's tensors: `language.weight` (1, width) and `language.bias` (1).
pub const LANGUAGE_HEAD: &str = "language";

/// What the heads say, before calibration.
#[derive(Debug, Clone)]
pub struct Logits {
    /// (rows, tasks): logits of the tasks.
    pub task: Tensor,
    /// (rows): the ability `b` that each prompt needs.
    pub ability: Tensor,
    /// (rows): below 0 for prompts in a language that the model is not to be trusted in; none without a head for it.
    pub language: Option<Tensor>,
}

/// An encoder with a head for the task, linear in the pooled last layer, and one for the difficulty, linear in several pooled
/// layers side by side. Some models have a third that reads the same layers and says whether the language is one of theirs.
///
/// What makes a prompt hard shows in its words as much as in what the last layer makes of them: over the public outcomes a
/// linear head reads difficulty better from the embeddings, a middle layer and the last one than from the last alone.
#[derive(Debug, Clone)]
pub struct Model {
    encoder: Encoder,
    /// What the difficulty head reads, ascending; the last layer is the last of them.
    layers: Vec<usize>,
    task: (Tensor, Tensor),
    difficulty: (Tensor, Tensor),
    /// Reads what the difficulty head reads.
    language: Option<(Tensor, Tensor)>,
}

impl Model {
    /// Takes the encoder's tensors and the heads' from `vb`, to be run by the fastest engine that can be trained.
    ///
    /// # Errors
    /// As [`Self::with_engine`].
    pub fn new(config: &EncoderConfig, tasks: usize, layers: &[usize], vb: &VarBuilder<'_>) -> Result<Self> {
        Self::with_engine(config, tasks, layers, Engine::trainable(vb.device(), vb.dtype()), vb)
    }

    /// Takes the encoder's tensors and the heads' from `vb`. The difficulty head reads the pooled `layers`, see
    /// [`Encoder::forward`], of which the last must be the encoder's last.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config`, `tasks` and `layers` say, `layers` are not as
    /// described, or the engine does not run on the device.
    pub fn with_engine(
        config: &EncoderConfig,
        tasks: usize,
        layers: &[usize],
        engine: Engine,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        Self::with_layers_in(config, tasks, layers, (engine, vb.dtype()), vb)
    }

    /// As [`Self::with_engine`], with the encoder's layers in numbers of their own. What is pooled, and the heads, are in
    /// those of `vb`.
    pub(crate) fn with_layers_in(
        config: &EncoderConfig,
        tasks: usize,
        layers: &[usize],
        (engine, dtype): (Engine, DType),
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        if layers.last() != Some(&config.layers) {
            bail!("layers {layers:?} do not end with the last, {}", config.layers);
        }
        Ok(Self {
            encoder: Encoder::with_layers_in(config, engine, dtype, vb)?,
            layers: layers.to_vec(),
            task: head(vb, TASK_HEAD, tasks, config.hidden)?,
            difficulty: head(vb, DIFFICULTY_HEAD, 1, layers.len() * config.hidden)?,
            language: None,
        })
    }

    /// The model with a head for the language, whose tensors are taken from `vb`.
    pub(crate) fn with_language_head(mut self, vb: &VarBuilder<'_>) -> Result<Self> {
        self.language = Some(head(vb, LANGUAGE_HEAD, 1, self.width())?);
        Ok(self)
    }

    /// Pooled representations: (rows, width), the last layer's last.
    ///
    /// # Errors
    /// As [`Encoder::forward`].
    pub fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        self.encoder.forward(batch, &self.layers)
    }

    /// Columns of a pooled representation: `hidden` for each layer that the difficulty head reads.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers.len() * self.encoder.config().hidden
    }

    /// What the heads say of pooled representations (rows, width).
    ///
    /// # Errors
    /// When the width is another than the model's.
    pub fn heads(&self, pooled: &Tensor) -> Result<Logits> {
        let hidden = self.encoder.config().hidden;
        let last = pooled.narrow(1, self.width() - hidden, hidden)?.contiguous()?;
        let task = ops::linear(&last, &self.task.0, &self.task.1)?;
        let scalar = |(weight, bias): &(Tensor, Tensor)| ops::linear(pooled, weight, bias)?.squeeze(1);
        let language = self.language.as_ref().map(scalar).transpose()?;
        Ok(Logits { task, ability: scalar(&self.difficulty)?, language })
    }

    /// What the heads say of a batch.
    ///
    /// # Errors
    /// As [`Encoder::forward`].
    pub fn forward(&self, batch: &TokenBatch) -> Result<Logits> {
        self.heads(&self.embed(batch)?)
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

/// Weight (outputs, width) and bias (outputs) of the head `name`.
fn head(vb: &VarBuilder<'_>, name: &str, outputs: usize, width: usize) -> Result<(Tensor, Tensor)> {
    let vb = vb.pp(name);
    Ok((vb.get((outputs, width), "weight")?, vb.get(outputs, "bias")?))
}
