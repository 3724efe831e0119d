//! The backward pass of one layer.

use std::sync::Arc;

use pointsman_kernels::{
    Mat, MatMut, Packed, Tier, bias_gelu, bias_gelu_backward, column_sums, layer_norm, layer_norm_backward,
    matmul,
};
use rayon::prelude::*;

use super::attention::Attention;
use super::buffers::{Buffer, Buffers};
use super::forward::{Dimensions, Tape};
use super::sums::{Sums, plus};
use super::weights::{Operands, Parameters, Products};

/// Tokens whose share of a sum over tokens is summed first. Fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 96;
/// Rows of a weight's gradient that a thread computes at a time.
const ROWS: usize = 96;

/// Gradients of everything that a layer learns.
pub(super) type Gradients = Parameters<Vec<f32>, Vec<f32>>;

/// One layer's backward pass over a batch.
pub(super) struct Backward<'a> {
    pub(super) dimensions: Dimensions,
    /// Those of the forward pass: the biases and norms are needed again.
    pub(super) operands: &'a Operands<'a>,
    pub(super) lengths: &'a [usize],
    pub(super) buffers: &'a Arc<Buffers>,
}

/// Gradients of what lies between the layer's input and output, and what of the forward pass was not kept.
struct Middle {
    /// (tokens, hidden): gradient of the second norm's input.
    dsummed: Buffer,
    /// (tokens, intermediate): output of the GELU.
    active: Buffer,
    /// (tokens, intermediate): gradient of the GELU's input.
    dinner: Buffer,
    /// (tokens, hidden): output of the first norm.
    normed: Buffer,
    /// (tokens, hidden): gradient of the first norm's input.
    dattended: Buffer,
    /// (tokens, hidden): gradient of the attention's result.
    dcontext: Buffer,
}

impl Backward<'_> {
    /// The gradients of the layer's input, written to `dx` if there is one, and weights, for the gradient `dy` of its
    /// output. Gradients of matrices that are not `wanted` stay empty.
    pub(super) fn run(
        &self,
        x: &[f32],
        tape: &Tape,
        dy: &[f32],
        dx: Option<&mut [f32]>,
        wanted: Products<bool>,
    ) -> Gradients {
        let (middle, sums) = self.to_attention(tape, dy);
        let mut dqkv = self.buffers.plain(tape.qkv.len());
        Attention::new(self.dimensions, self.lengths).backward(
            &tape.qkv,
            &middle.dcontext,
            &mut dqkv,
            self.buffers,
        );
        if let Some(dx) = dx {
            self.to_input(&dqkv, &middle.dattended, dx);
        }
        let [query, key, value] = self.projection_biases(&dqkv);
        let Sums { output, up, down, attention_norm, norm } = sums;
        Gradients {
            matrices: self.matrices(x, tape, &middle, &dqkv, wanted),
            biases: Products { query, key, value, output, up, down },
            attention_norm,
            norm,
        }
    }

    /// From the layer's output back to the result of the attention.
    fn to_attention(&self, tape: &Tape, dy: &[f32]) -> (Middle, Sums) {
        let Dimensions { hidden, intermediate, .. } = self.dimensions;
        let narrow = || self.buffers.plain(dy.len());
        let wide = || self.buffers.plain(tape.inner.len());
        let mut middle = Middle {
            dsummed: narrow(),
            active: wide(),
            dinner: wide(),
            normed: narrow(),
            dattended: narrow(),
            dcontext: narrow(),
        };
        let (narrow, wide) = (BLOCK * hidden, BLOCK * intermediate);
        let read = dy
            .par_chunks(narrow)
            .zip(tape.attended.par_chunks(narrow))
            .zip(tape.inner.par_chunks(wide))
            .zip(tape.summed.par_chunks(narrow))
            .map(|(((dy, attended), inner), summed)| Read { dy, attended, inner, summed });
        let write = middle
            .dsummed
            .par_chunks_mut(narrow)
            .zip(middle.active.par_chunks_mut(wide))
            .zip(middle.dinner.par_chunks_mut(wide))
            .zip(middle.normed.par_chunks_mut(narrow))
            .zip(middle.dattended.par_chunks_mut(narrow))
            .zip(middle.dcontext.par_chunks_mut(narrow))
            .map(|(((((dsummed, active), dinner), normed), dattended), dcontext)| Write {
                dsummed,
                active,
                dinner,
                normed,
                dattended,
                dcontext,
            });
        let scratch = || (self.buffers.plain(narrow), self.buffers.plain(wide));
        let blocks: Vec<Sums> = read
            .zip(write)
            .map_init(scratch, |(dnormed, dactive), (read, write)| self.block(&read, write, dnormed, dactive))
            .collect();
        let sums =
            blocks.into_iter().reduce(|a, b| a.plus(&b)).unwrap_or_else(|| Sums::zero(self.dimensions));
        (middle, sums)
    }

    /// [`Self::to_attention`] for some tokens.
    fn block(&self, read: &Read<'_>, write: Write<'_>, dnormed: &mut [f32], dactive: &mut [f32]) -> Sums {
        let Dimensions { hidden, intermediate, epsilon, tier, .. } = self.dimensions;
        let Operands { matrices, biases, attention_norm, norm } = self.operands;
        let Write { dsummed, active, dinner, normed, dattended, dcontext } = write;
        let tokens = read.dy.len() / hidden;
        let (dnormed, dactive) = (&mut dnormed[..tokens * hidden], &mut dactive[..tokens * intermediate]);
        let mut sums = Sums::zero(self.dimensions);

        let gradients = sums.norm.gradients(dsummed);
        layer_norm_backward(tier, read.summed, &norm.weight, epsilon, read.dy, gradients);
        column_sums(tier, dsummed, &mut sums.down);

        let dsummed_mat = Mat::new(dsummed, tokens, hidden);
        matmul(tier, MatMut::new(dactive, tokens, intermediate), false, dsummed_mat, &matrices.down);
        bias_gelu(tier, read.inner, &biases.up, active);
        bias_gelu_backward(tier, read.inner, &biases.up, dactive, dinner, &mut sums.up);

        dnormed.copy_from_slice(dsummed);
        let dinner = Mat::new(dinner, tokens, intermediate);
        matmul(tier, MatMut::new(dnormed, tokens, hidden), true, dinner, &matrices.up);
        layer_norm(tier, read.attended, &attention_norm.weight, &attention_norm.bias, epsilon, normed);
        let gradients = sums.attention_norm.gradients(dattended);
        layer_norm_backward(tier, read.attended, &attention_norm.weight, epsilon, dnormed, gradients);
        column_sums(tier, dattended, &mut sums.output);

        let dattended = Mat::new(dattended, tokens, hidden);
        matmul(tier, MatMut::new(dcontext, tokens, hidden), false, dattended, &matrices.output);
        sums
    }

    /// From queries, keys and values back to the layer's input, which also went past the attention.
    fn to_input(&self, dqkv: &[f32], dattended: &[f32], dx: &mut [f32]) {
        let Dimensions { hidden, tier, .. } = self.dimensions;
        let Products { query, key, value, .. } = &self.operands.matrices;
        let blocks = dx
            .par_chunks_mut(BLOCK * hidden)
            .zip(dqkv.par_chunks(BLOCK * 3 * hidden))
            .zip(dattended.par_chunks(BLOCK * hidden));
        blocks.for_each(|((dx, dqkv), dattended)| {
            let tokens = dx.len() / hidden;
            dx.copy_from_slice(dattended);
            for (part, right) in [query, key, value].into_iter().enumerate() {
                let left = Mat::with_stride(&dqkv[part * hidden..], tokens, hidden, 3 * hidden);
                matmul(tier, MatMut::new(dx, tokens, hidden), true, left, right);
            }
        });
    }

    fn projection_biases(&self, dqkv: &[f32]) -> [Vec<f32>; 3] {
        let Dimensions { hidden, tier, .. } = self.dimensions;
        let blocks: Vec<Vec<f32>> = dqkv
            .par_chunks(BLOCK * 3 * hidden)
            .map(|dqkv| {
                let mut sums = vec![0.0; 3 * hidden];
                column_sums(tier, dqkv, &mut sums);
                sums
            })
            .collect();
        let sums = blocks.into_iter().reduce(|a, b| plus(a, &b)).unwrap_or_else(|| vec![0.0; 3 * hidden]);
        [0, 1, 2].map(|part| sums[part * hidden..(part + 1) * hidden].to_vec())
    }

    /// `dyᵀ x` of every wanted product, with `x` its input and `dy` the gradient of its output.
    fn matrices(
        &self,
        x: &[f32],
        tape: &Tape,
        middle: &Middle,
        dqkv: &[f32],
        wanted: Products<bool>,
    ) -> Products<Vec<f32>> {
        let Dimensions { hidden, intermediate, .. } = self.dimensions;
        let tokens = x.len() / hidden;
        let inputs =
            [(x, hidden), (&tape.context, hidden), (&middle.normed, hidden), (&middle.active, intermediate)];
        let packed = inputs.into_par_iter().map(|(values, columns)| {
            self.buffers.packed(self.dimensions.tier, Mat::new(values, tokens, columns))
        });
        let packed: Vec<_> = packed.collect();
        let [x, context, normed, active] = [0, 1, 2, 3].map(|i| &*packed[i]);
        let part = |part: usize| Mat::with_stride(&dqkv[part * hidden..], tokens, hidden, 3 * hidden);
        let dattended = Mat::new(&middle.dattended, tokens, hidden);
        let dinner = Mat::new(&middle.dinner, tokens, intermediate);
        let dsummed = Mat::new(&middle.dsummed, tokens, hidden);
        let factors = Products {
            query: (part(0), hidden, x),
            key: (part(1), hidden, x),
            value: (part(2), hidden, x),
            output: (dattended, hidden, context),
            up: (dinner, intermediate, normed),
            down: (dsummed, hidden, active),
        };
        weight_gradients(self.dimensions.tier, factors, wanted)
    }
}

/// `dyᵀ x` for each product's `(dy, outputs, x)`, on all threads.
fn weight_gradients(
    tier: Tier,
    factors: Products<(Mat<'_>, usize, &Packed)>,
    wanted: Products<bool>,
) -> Products<Vec<f32>> {
    let factors = factors.into_array();
    let wanted = wanted.into_array();
    let mut gradients: [Vec<f32>; 6] = std::array::from_fn(|i| {
        let (_, outputs, x) = factors[i];
        if wanted[i] { vec![0.0; outputs * x.columns()] } else { Vec::new() }
    });
    let tasks: Vec<_> = gradients
        .iter_mut()
        .zip(factors)
        .flat_map(|(gradient, (dy, _, x))| {
            gradient
                .chunks_mut(ROWS * x.columns())
                .enumerate()
                .map(move |(at, rows)| (at * ROWS, rows, dy, x))
        })
        .collect();
    tasks.into_par_iter().for_each(|(first, out, dy, x)| {
        let count = out.len() / x.columns();
        let left = dy.transposed().rows(first..first + count);
        matmul(tier, MatMut::new(out, count, x.columns()), false, left, x);
    });
    gradients.into()
}

/// What a block reads.
struct Read<'a> {
    dy: &'a [f32],
    attended: &'a [f32],
    inner: &'a [f32],
    summed: &'a [f32],
}

/// What a block writes: its part of a [`Middle`].
struct Write<'a> {
    dsummed: &'a mut [f32],
    active: &'a mut [f32],
    dinner: &'a mut [f32],
    normed: &'a mut [f32],
    dattended: &'a mut [f32],
    dcontext: &'a mut [f32],
}
