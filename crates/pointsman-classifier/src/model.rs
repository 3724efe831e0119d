//! Encoder and heads.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::batch::TokenBatch;
use crate::encoder::{Encoder, EncoderConfig};
use crate::engine::Engine;
use crate::ops;

/// Name of the task head's tensors: `task.weight` (tasks, hidden) and `task.bias` (tasks).
pub const TASK_HEAD: &str = "task";
/// Name of the difficulty head's tensors: `difficulty.weight` (1, hidden) and `difficulty.bias` (1).
pub const DIFFICULTY_HEAD: &str = "difficulty";

/// What the heads say, before calibration.
#[derive(Debug, Clone)]
pub struct Logits {
    /// (rows, tasks): logits of the tasks.
    pub task: Tensor,
    /// (rows): the ability `b` that each prompt needs.
    pub ability: Tensor,
}

/// An encoder with a head for the task and one for the difficulty, both linear in the pooled representation.
#[derive(Debug, Clone)]
pub struct Model {
    encoder: Encoder,
    task: (Tensor, Tensor),
    difficulty: (Tensor, Tensor),
}

impl Model {
    /// Takes the encoder's tensors and the heads' from `vb`, to be run by the fastest engine that can be trained.
    ///
    /// # Errors
    /// As [`Self::with_engine`].
    pub fn new(config: &EncoderConfig, tasks: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::with_engine(config, tasks, Engine::trainable(vb.device(), vb.dtype()), vb)
    }

    /// Takes the encoder's tensors and the heads' from `vb`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than `config` and `tasks` say, or the engine does not run on its
    /// device.
    pub fn with_engine(
        config: &EncoderConfig,
        tasks: usize,
        engine: Engine,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let head = |name: &str, outputs: usize| -> Result<(Tensor, Tensor)> {
            let vb = vb.pp(name);
            Ok((vb.get((outputs, config.hidden), "weight")?, vb.get(outputs, "bias")?))
        };
        Ok(Self {
            encoder: Encoder::new(config, engine, vb)?,
            task: head(TASK_HEAD, tasks)?,
            difficulty: head(DIFFICULTY_HEAD, 1)?,
        })
    }

    /// Pooled representations: (rows, hidden).
    ///
    /// # Errors
    /// As [`Encoder::forward`].
    pub fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        self.encoder.forward(batch)
    }

    /// What the heads say of pooled representations (rows, hidden).
    ///
    /// # Errors
    /// When the width is another than the model's.
    pub fn heads(&self, pooled: &Tensor) -> Result<Logits> {
        let task = ops::linear(pooled, &self.task.0, &self.task.1)?;
        let ability = ops::linear(pooled, &self.difficulty.0, &self.difficulty.1)?.squeeze(1)?;
        Ok(Logits { task, ability })
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
