//! The layers with 8-bit weights and 16-bit activations, for use alone: those between two that are read are one operation without a
//! backward pass.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use pointsman_kernels::{
    MatMut, QuantizedRows, QuantizedWeights, Tier, add_bias, bias_gelu, layer_norm, matmul_int16,
};
use rayon::prelude::*;

use super::attention::Attention;
use super::buffers::{Buffer, Buffers, Lent};
use super::dense::Dense;
use super::forward::{Dimensions, block_of};
use super::weights::Norm;
use crate::encoder::EncoderConfig;
use crate::ops::mean_pool;
use crate::ops::slices::of;

/// All transformer layers.
#[derive(Debug, Clone)]
pub(in crate::encoder) struct Layers {
    layers: Arc<[Layer]>,
    dimensions: Dimensions,
    buffers: Arc<Buffers>,
}

impl Layers {
    pub(in crate::encoder) fn new(config: &EncoderConfig, tier: Tier, vb: &VarBuilder<'_>) -> Result<Self> {
        let layer = |i| Layer::load(config, &vb.pp(format!("encoder.layer.{i}")));
        let layers: Vec<Layer> = (0..config.layers).into_par_iter().map(layer).collect::<Result<_>>()?;
        Ok(Self { layers: layers.into(), dimensions: Dimensions::new(config, tier), buffers: Arc::default() })
    }

    /// (tokens, hidden), rows of these lengths end to end → the mean over each row's tokens of each wanted layer, 0 for
    /// what goes in: (rows, hidden) each, in ascending order.
    pub(in crate::encoder) fn forward(
        &self,
        x: &Tensor,
        lengths: &[usize],
        wanted: &[usize],
    ) -> Result<Vec<Tensor>> {
        let (mut x, mut depth) = (x.contiguous()?, 0);
        let mut pool = |wanted: &usize| {
            if *wanted > depth {
                let step = Step { layers: self.clone(), range: depth..*wanted, lengths: lengths.into() };
                x = x.apply_op1(step)?;
                depth = *wanted;
            }
            mean_pool(&x, lengths)
        };
        wanted.iter().map(&mut pool).collect()
    }
}

#[cfg(test)]
impl Layers {
    /// How many buffers were made so far.
    pub(in crate::encoder) fn buffers_made(&self) -> usize {
        self.buffers.made()
    }
}

/// Weights of one layer.
#[derive(Debug)]
struct Layer {
    /// Queries, keys and values side by side.
    projection: Product,
    output: Product,
    attention_norm: Norm<Vec<f32>>,
    up: Product,
    down: Product,
    norm: Norm<Vec<f32>>,
}

/// Weights of a matrix product.
#[derive(Debug)]
struct Product {
    weights: QuantizedWeights,
    bias: Vec<f32>,
}

impl Product {
    fn load(inputs: usize, outputs: usize, names: &[&str], vb: &VarBuilder<'_>) -> Result<Self> {
        let dense = Dense::load(inputs, outputs, names, vb)?;
        let weights = match &dense.divisors {
            Some(divisors) => QuantizedWeights::divided(dense.matrix(), divisors),
            None => QuantizedWeights::new(dense.matrix()),
        };
        Ok(Self { weights, bias: dense.bias })
    }

    /// `out += x · weightsᵀ + bias`.
    fn add_to(&self, tier: Tier, x: &QuantizedRows, out: &mut [f32]) {
        add_bias(tier, out, &self.bias);
        matmul_int16(tier, self.shape(x, out), true, x, &self.weights);
    }

    fn shape<'a>(&self, x: &QuantizedRows, out: &'a mut [f32]) -> MatMut<'a> {
        MatMut::new(out, x.rows(), self.weights.outputs())
    }
}

impl Layer {
    fn load(config: &EncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let EncoderConfig { hidden, intermediate, .. } = *config;
        let norm = |name: &str| Norm::constant(hidden, &vb.pp(name));
        Ok(Self {
            projection: Product::load(hidden, hidden, &["query", "key", "value"], &vb.pp("attention.self"))?,
            output: Product::load(hidden, hidden, &["dense"], &vb.pp("attention.output"))?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: Product::load(hidden, intermediate, &["dense"], &vb.pp("intermediate"))?,
            down: Product::load(intermediate, hidden, &["dense"], &vb.pp("output"))?,
            norm: norm("output.LayerNorm")?,
        })
    }
}

/// One use of some of the layers.
struct Step {
    layers: Layers,
    range: Range<usize>,
    lengths: Vec<usize>,
}

impl CustomOp1 for Step {
    fn name(&self) -> &'static str {
        "transformer-int16"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut x = of(x, layout)?.to_vec();
        let Layers { layers, dimensions, buffers } = &self.layers;
        let attention = Attention::new(*dimensions, &self.lengths);
        let mut qkv = buffers.plain(3 * x.len());
        let mut context = buffers.plain(x.len());
        for layer in &layers[self.range.clone()] {
            let pass = Pass { layer, dimensions: *dimensions, buffers };
            pass.project(&x, &mut qkv);
            attention.forward(&qkv, &mut context, buffers);
            pass.finish(&mut x, &context);
        }
        Ok((CpuStorage::F32(x), layout.shape().clone()))
    }
}

/// One layer's share of a forward pass.
struct Pass<'a> {
    layer: &'a Layer,
    dimensions: Dimensions,
    buffers: &'a Arc<Buffers>,
}

/// Memory of one thread for a block of tokens.
struct Scratch {
    rows: Lent<QuantizedRows>,
    normed: Buffer,
    inner: Buffer,
    active: Buffer,
}

impl Pass<'_> {
    /// Queries, keys and values of `x`.
    fn project(&self, x: &[f32], qkv: &mut [f32]) {
        let Dimensions { hidden, tier, .. } = self.dimensions;
        let block = block_of(x.len() / hidden) * hidden;
        let blocks = qkv.par_chunks_mut(3 * block).zip(x.par_chunks(block));
        blocks.for_each_init(
            || self.buffers.rows(),
            |rows, (qkv, x)| {
                rows.fill(tier, x, &self.layer.projection.weights);
                qkv.fill(0.0);
                self.layer.projection.add_to(tier, rows, qkv);
            },
        );
    }

    /// All that follows the attention, in the place of `x`: its output product, the feed-forward network, and the norms.
    fn finish(&self, x: &mut [f32], context: &[f32]) {
        let Dimensions { hidden, intermediate, .. } = self.dimensions;
        let tokens = block_of(x.len() / hidden);
        let scratch = || Scratch {
            rows: self.buffers.rows(),
            normed: self.buffers.plain(tokens * hidden),
            inner: self.buffers.plain(tokens * intermediate),
            active: self.buffers.plain(tokens * intermediate),
        };
        let blocks = x.par_chunks_mut(tokens * hidden).zip(context.par_chunks(tokens * hidden));
        blocks.for_each_init(scratch, |scratch, (x, context)| self.finish_block(x, context, scratch));
    }

    fn finish_block(&self, x: &mut [f32], context: &[f32], scratch: &mut Scratch) {
        let Dimensions { hidden, intermediate, epsilon, tier, .. } = self.dimensions;
        let Layer { output, attention_norm, up, down, norm, .. } = self.layer;
        let Scratch { rows, normed, inner, active } = scratch;
        let tokens = x.len() / hidden;
        let normed = &mut normed[..x.len()];
        let (inner, active) = (&mut inner[..tokens * intermediate], &mut active[..tokens * intermediate]);
        let normalise = |x: &[f32], norm: &Norm<Vec<f32>>, y: &mut [f32]| {
            layer_norm(tier, x, &norm.weight, &norm.bias, epsilon, y);
        };

        rows.fill(tier, context, &output.weights);
        output.add_to(tier, rows, x);
        normalise(x, attention_norm, normed);

        rows.fill(tier, normed, &up.weights);
        matmul_int16(tier, up.shape(rows, inner), false, rows, &up.weights);
        bias_gelu(tier, inner, &up.bias, active);

        rows.fill(tier, active, &down.weights);
        down.add_to(tier, rows, normed);
        normalise(normed, norm, x);
    }
}
