//! The forward pass of one layer.

use std::borrow::Cow;
use std::sync::Arc;

use pointsman_kernels::{Mat, MatMut, Tier, add_bias, bias_gelu, layer_norm, matmul};
use rayon::prelude::*;

use super::attention::Attention;
use super::buffers::{Buffer, Buffers};
use super::weights::{Norm, Operands};
use crate::encoder::EncoderConfig;

/// Most tokens that a thread takes at a time: what lies between two of their products stays in the cache.
const MOST_TOKENS: usize = 96;

/// Widths and numbers that both passes share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimensions {
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) heads: usize,
    pub(super) epsilon: f32,
    /// The instructions to use.
    pub(super) tier: Tier,
}

impl Dimensions {
    #[expect(clippy::cast_possible_truncation, reason = "the kernels compute in f32")]
    pub(super) fn new(config: &EncoderConfig, tier: Tier) -> Self {
        let EncoderConfig { hidden, intermediate, heads, layer_norm_eps, .. } = *config;
        Self { hidden, intermediate, heads, epsilon: layer_norm_eps as f32, tier }
    }
}

/// What the backward pass needs to know of the forward pass.
#[derive(Debug)]
pub(super) struct Tape {
    /// (tokens, 3 · hidden): queries, keys and values.
    pub(super) qkv: Buffer,
    /// (tokens, hidden): result of the attention.
    pub(super) context: Buffer,
    /// (tokens, hidden): input of the first norm.
    pub(super) attended: Buffer,
    /// (tokens, intermediate): input of the GELU, without the bias.
    pub(super) inner: Buffer,
    /// (tokens, hidden): input of the second norm.
    pub(super) summed: Buffer,
}

/// One layer's forward pass over a batch.
pub(super) struct Forward<'a> {
    pub(super) dimensions: Dimensions,
    pub(super) operands: &'a Operands<'a>,
    pub(super) lengths: &'a [usize],
    pub(super) buffers: &'a Arc<Buffers>,
}

impl Forward<'_> {
    /// (tokens, hidden) → (tokens, hidden), with what the backward pass needs if `keep`.
    pub(super) fn run(&self, x: &[f32], y: &mut [f32], keep: bool) -> Option<Tape> {
        let Dimensions { hidden, intermediate, .. } = self.dimensions;
        let tokens = x.len() / hidden;
        let mut qkv = self.buffers.plain(3 * x.len());
        self.project(x, &mut qkv);
        let mut context = self.buffers.plain(x.len());
        Attention::new(self.dimensions, self.lengths).forward(&qkv, &mut context, self.buffers);

        let block = block_of(tokens);
        let chunks = |values: usize| block * values;
        let ends = y
            .par_chunks_mut(chunks(hidden))
            .zip(x.par_chunks(chunks(hidden)))
            .zip(context.par_chunks(chunks(hidden)));
        if !keep {
            let scratch = || self.scratch(block);
            ends.for_each_init(scratch, |scratch, ((y, x), context)| {
                self.finish(x, context, scratch.block(), y);
            });
            return None;
        }
        let mut attended = self.buffers.plain(x.len());
        let mut inner = self.buffers.plain(tokens * intermediate);
        let mut summed = self.buffers.plain(x.len());
        ends.zip(attended.par_chunks_mut(chunks(hidden)))
            .zip(inner.par_chunks_mut(chunks(intermediate)))
            .zip(summed.par_chunks_mut(chunks(hidden)))
            .for_each_init(
                || self.scratch(block),
                |scratch, (((((y, x), context), attended), inner), summed)| {
                    let middle = Block { attended, inner, summed, ..scratch.block() };
                    self.finish(x, context, middle, y);
                },
            );
        Some(Tape { qkv, context, attended, inner, summed })
    }

    /// Queries, keys and values of `x`.
    fn project(&self, x: &[f32], qkv: &mut [f32]) {
        let Dimensions { hidden, tier, .. } = self.dimensions;
        let block = block_of(x.len() / hidden);
        let (matrices, biases) = (&self.operands.matrices, &self.operands.biases);
        let mut bias = self.buffers.plain(3 * hidden);
        for (to, from) in bias.chunks_exact_mut(hidden).zip([&biases.query, &biases.key, &biases.value]) {
            to.copy_from_slice(from);
        }
        qkv.par_chunks_mut(block * 3 * hidden).zip(x.par_chunks(block * hidden)).for_each(|(qkv, x)| {
            let tokens = x.len() / hidden;
            for (part, right) in [&matrices.query, &matrices.key, &matrices.value].into_iter().enumerate() {
                let out = MatMut::with_stride(&mut qkv[part * hidden..], tokens, hidden, 3 * hidden);
                matmul(tier, out, false, Mat::new(x, tokens, hidden), right);
            }
            add_bias(tier, qkv, &bias);
        });
    }

    /// All that follows the attention, for some tokens: its output product, the feed-forward network, and the norms.
    fn finish(&self, x: &[f32], context: &[f32], middle: Block<'_>, y: &mut [f32]) {
        let Dimensions { hidden, intermediate, epsilon, tier, .. } = self.dimensions;
        let Operands { matrices, biases, attention_norm, norm } = self.operands;
        let tokens = x.len() / hidden;
        let Block { attended, normed, inner, active, summed } = middle;
        let (attended, normed) = (&mut attended[..x.len()], &mut normed[..x.len()]);
        let (inner, active) = (&mut inner[..tokens * intermediate], &mut active[..tokens * intermediate]);
        let summed = &mut summed[..x.len()];
        let normalise = |x: &[f32], norm: &Norm<Cow<'_, [f32]>>, y: &mut [f32]| {
            layer_norm(tier, x, &norm.weight, &norm.bias, epsilon, y);
        };

        attended.copy_from_slice(x);
        add_bias(tier, attended, &biases.output);
        let context = Mat::new(context, tokens, hidden);
        matmul(tier, MatMut::new(attended, tokens, hidden), true, context, &matrices.output);
        normalise(attended, attention_norm, normed);

        let out = MatMut::new(inner, tokens, intermediate);
        matmul(tier, out, false, Mat::new(normed, tokens, hidden), &matrices.up);
        bias_gelu(tier, inner, &biases.up, active);

        summed.copy_from_slice(normed);
        add_bias(tier, summed, &biases.down);
        let active = Mat::new(active, tokens, intermediate);
        matmul(tier, MatMut::new(summed, tokens, hidden), true, active, &matrices.down);
        normalise(summed, norm, y);
    }

    fn scratch(&self, block: usize) -> Scratch {
        let Dimensions { hidden, intermediate, .. } = self.dimensions;
        let narrow = || self.buffers.plain(block * hidden);
        let wide = || self.buffers.plain(block * intermediate);
        Scratch { attended: narrow(), normed: narrow(), inner: wide(), active: wide(), summed: narrow() }
    }
}

/// What lies between a block of tokens' input and output. Each may be longer than needed.
struct Block<'a> {
    attended: &'a mut [f32],
    normed: &'a mut [f32],
    inner: &'a mut [f32],
    active: &'a mut [f32],
    summed: &'a mut [f32],
}

/// Memory of one thread for a [`Block`].
struct Scratch {
    attended: Buffer,
    normed: Buffer,
    inner: Buffer,
    active: Buffer,
    summed: Buffer,
}

impl Scratch {
    fn block(&mut self) -> Block<'_> {
        Block {
            attended: &mut self.attended,
            normed: &mut self.normed,
            inner: &mut self.inner,
            active: &mut self.active,
            summed: &mut self.summed,
        }
    }
}

/// Tokens in a block: enough blocks for all threads. Results do not depend on it.
pub(super) fn block_of(tokens: usize) -> usize {
    tokens.div_ceil(rayon::current_num_threads()).clamp(1, MOST_TOKENS)
}
