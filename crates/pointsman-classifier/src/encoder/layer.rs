//! One transformer layer.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::EncoderConfig;
use crate::ops;

/// Layer normalisation with its weights.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Norm {
    pub(super) fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let (weight, bias) = (vb.get(config.hidden, "weight")?, vb.get(config.hidden, "bias")?);
        Ok(Self { weight, bias, epsilon: config.layer_norm_eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}

/// Weights of a matrix product: `weight` is (out, in), `bias` (out).
#[derive(Debug, Clone)]
struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    fn new(inputs: usize, outputs: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vb.get((outputs, inputs), "weight")?, bias: vb.get(outputs, "bias")? })
    }

    /// Several products of one input as one.
    fn side_by_side(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().map(|part| &part.bias).collect();
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias: Tensor::cat(&biases, 0)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias)
    }
}

/// Queries, keys and values.
#[derive(Debug, Clone)]
enum Projection {
    /// Weights that stay as they are, joined once.
    Joined(Dense),
    /// Weights that are being trained, joined at each use so that each receives its gradient.
    Parts([Dense; 3]),
}

impl Projection {
    fn new(hidden: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let part = |name: &str| Dense::new(hidden, hidden, &vb.pp(name));
        let parts = [part("query")?, part("key")?, part("value")?];
        if parts.iter().any(|part| part.weight.is_variable()) {
            return Ok(Self::Parts(parts));
        }
        Dense::side_by_side(&parts).map(Self::Joined)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Joined(dense) => dense.forward(x),
            Self::Parts(parts) => Dense::side_by_side(parts)?.forward(x),
        }
    }
}

/// Attention and feed-forward network, each followed by its residual and norm (post-norm, as in BERT).
#[derive(Debug, Clone)]
pub(super) struct Layer {
    projection: Projection,
    attended: Dense,
    attention_norm: Norm,
    up: Dense,
    down: Dense,
    norm: Norm,
    heads: usize,
}

impl Layer {
    pub(super) fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        Ok(Self {
            projection: Projection::new(hidden, &vb.pp("attention.self"))?,
            attended: Dense::new(hidden, hidden, &vb.pp("attention.output.dense"))?,
            attention_norm: Norm::new(config, &vb.pp("attention.output.LayerNorm"))?,
            up: Dense::new(hidden, intermediate, &vb.pp("intermediate.dense"))?,
            down: Dense::new(intermediate, hidden, &vb.pp("output.dense"))?,
            norm: Norm::new(config, &vb.pp("output.LayerNorm"))?,
            heads: config.heads,
        })
    }

    /// (tokens, hidden) → (tokens, hidden).
    pub(super) fn forward(&self, x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let attended = ops::attention(&self.projection.forward(x)?, lengths, self.heads)?;
        let x = self.attention_norm.forward(&(self.attended.forward(&attended)? + x)?)?;
        let inner = ops::linear_gelu(&x, &self.up.weight, &self.up.bias)?;
        self.norm.forward(&(self.down.forward(&inner)? + &x)?)
    }
}
