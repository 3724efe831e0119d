//! The layers in candle's own differentiable steps, for devices and number types that have no fused version, and as the
//! reference for those that have.
//!
//! Rows are padded to the longest: a device runs few large steps faster than many small ones.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::{softmax, softmax_last_dim};

use super::EncoderConfig;
use crate::ops::Norm;

/// Added to the scores of padding: far below any score, yet finite in half precision.
const MASKED: f32 = -30_000.0;

/// All transformer layers.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    heads: usize,
}

impl Layers {
    pub(super) fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let layer = |i| Layer::new(config, &vb.pp(format!("encoder.layer.{i}")));
        Ok(Self { layers: (0..config.layers).map(layer).collect::<Result<_>>()?, heads: config.heads })
    }

    /// (tokens, hidden), rows of these lengths end to end → the mean over each row's tokens of each wanted layer, 0 for
    /// what goes in: (rows, hidden) each, in ascending order.
    pub(super) fn forward(&self, x: &Tensor, lengths: &[usize], wanted: &[usize]) -> Result<Vec<Tensor>> {
        let padding = Padding::new(lengths, x)?;
        let attention = Attention { padding: &padding, heads: self.heads };
        let mut x = x.index_select(&padding.places, 0)?;
        let mut pooled = Vec::with_capacity(wanted.len());
        for depth in 0..=self.layers.len() {
            if depth > 0 {
                x = self.layers[depth - 1].forward(&x, attention, &mut |_, _| Ok(()))?;
            }
            if wanted.contains(&depth) {
                pooled.push(padding.mean(&x)?);
            }
        }
        Ok(pooled)
    }

    /// Takes one row through the layers and shows `see` what goes into each product: the layer, the product, and
    /// (tokens, inputs).
    pub(super) fn watch(
        &self,
        x: &Tensor,
        see: &mut dyn FnMut(usize, Product, &Tensor) -> Result<()>,
    ) -> Result<()> {
        let padding = Padding::new(&[x.dim(0)?], x)?;
        let attention = Attention { padding: &padding, heads: self.heads };
        let mut x = x.clone();
        for (depth, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, attention, &mut |product, input| see(depth, product, input))?;
        }
        Ok(())
    }
}

/// The products of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Product {
    /// Queries, keys and values.
    Projection,
    /// What leaves the heads.
    Output,
    /// Into the feed-forward network.
    Up,
    /// Out of it.
    Down,
}

impl Product {
    /// Its matrices within a layer.
    pub(super) fn matrices(self) -> &'static [&'static str] {
        match self {
            Self::Projection => &["attention.self.query", "attention.self.key", "attention.self.value"],
            Self::Output => &["attention.output.dense"],
            Self::Up => &["intermediate.dense"],
            Self::Down => &["output.dense"],
        }
    }
}

/// Where packed tokens go when rows are padded to the longest.
struct Padding {
    rows: usize,
    longest: usize,
    /// (rows · longest): the token at each place; any for padding.
    places: Tensor,
    /// (rows, 1, 1, longest): 0 for tokens, [`MASKED`] for padding.
    mask: Tensor,
    /// (rows, longest, 1), f32: one over the row's length for tokens, 0 for padding.
    shares: Tensor,
}

impl Padding {
    /// For rows of these lengths, on the device and in the numbers of `like`.
    #[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^23 tokens")]
    #[expect(clippy::cast_possible_truncation, reason = "a batch has far fewer than 2^32 tokens")]
    fn new(lengths: &[usize], like: &Tensor) -> Result<Self> {
        let (rows, longest) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
        let (mut places, mut mask, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for length in lengths {
            for at in 0..longest {
                let real = at < *length;
                places.push(if real { (start + at) as u32 } else { 0 });
                mask.push(if real { 0.0 } else { MASKED });
                shares.push(if real { 1.0 / *length as f32 } else { 0.0 });
            }
            start += length;
        }
        let device = like.device();
        Ok(Self {
            rows,
            longest,
            places: Tensor::from_vec(places, rows * longest, device)?,
            mask: Tensor::from_vec(mask, (rows, 1, 1, longest), device)?.to_dtype(like.dtype())?,
            shares: Tensor::from_vec(shares, (rows, longest, 1), device)?,
        })
    }

    /// The mean over each row's tokens of (rows · longest, hidden), in f32 at least.
    fn mean(&self, x: &Tensor) -> Result<Tensor> {
        let (dtype, hidden) = (x.dtype(), x.dim(1)?);
        let wide = if dtype == DType::F64 { dtype } else { DType::F32 };
        let x = x.reshape((self.rows, self.longest, hidden))?.to_dtype(wide)?;
        x.broadcast_mul(&self.shares.to_dtype(wide)?)?.sum(1)
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
        crate::ops::linear(x, &self.weight, &self.bias)
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
        if parts.iter().any(|part| part.weight.track_op() || part.bias.track_op()) {
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
struct Layer {
    projection: Projection,
    output: Dense,
    attention_norm: Norm,
    up: Dense,
    down: Dense,
    norm: Norm,
}

impl Layer {
    fn new(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let EncoderConfig { hidden, intermediate, layer_norm_eps, .. } = *config;
        let norm = |name: &str| Norm::new(hidden, layer_norm_eps, &vb.pp(name));
        Ok(Self {
            projection: Projection::new(hidden, &vb.pp("attention.self"))?,
            output: Dense::new(hidden, hidden, &vb.pp("attention.output.dense"))?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: Dense::new(hidden, intermediate, &vb.pp("intermediate.dense"))?,
            down: Dense::new(intermediate, hidden, &vb.pp("output.dense"))?,
            norm: norm("output.LayerNorm")?,
        })
    }

    /// (rows · longest, hidden) → (rows · longest, hidden), showing `see` what goes into each product.
    fn forward(
        &self,
        x: &Tensor,
        attention: Attention<'_>,
        see: &mut dyn FnMut(Product, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        see(Product::Projection, x)?;
        let context = attention.forward(&self.projection.forward(x)?)?;
        see(Product::Output, &context)?;
        let x = self.attention_norm.forward(&(self.output.forward(&context)? + x)?)?;
        see(Product::Up, &x)?;
        let inner = self.up.forward(&x)?.gelu_erf()?;
        see(Product::Down, &inner)?;
        self.norm.forward(&(self.down.forward(&inner)? + &x)?)
    }
}

/// Scaled dot-product attention within each row (Vaswani et al. 2017).
#[derive(Clone, Copy)]
struct Attention<'a> {
    padding: &'a Padding,
    heads: usize,
}

impl Attention<'_> {
    /// `softmax(q kᵀ / √d) v` of every head: (rows · longest, 3 · hidden) → (rows · longest, hidden).
    fn forward(self, qkv: &Tensor) -> Result<Tensor> {
        let Padding { rows, longest, .. } = *self.padding;
        let hidden = qkv.dim(1)? / 3;
        let width = hidden / self.heads;
        let qkv = qkv.reshape((rows, longest, 3, self.heads, width))?.permute((2, 0, 3, 1, 4))?;
        let part = |part: usize| qkv.get(part)?.contiguous();
        #[expect(clippy::cast_precision_loss, reason = "a head is far narrower than 2^52")]
        let q = (part(0)? * (1.0 / (width as f64).sqrt()))?;
        let scores = q.matmul(&part(1)?.transpose(2, 3)?)?.broadcast_add(&self.padding.mask)?;
        // candle's fused softmax has no backward pass and would end the gradient without a word.
        let weights =
            if scores.track_op() { softmax(&scores, D::Minus1) } else { softmax_last_dim(&scores) }?;
        weights.matmul(&part(2)?)?.transpose(1, 2)?.reshape((rows * longest, hidden))
    }
}
