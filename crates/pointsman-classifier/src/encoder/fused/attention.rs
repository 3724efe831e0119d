//! Scaled dot-product attention within each row of a packed batch (Vaswani et al. 2017).

use std::sync::Arc;

use pointsman_kernels::{Mat, MatMut, Packed, Tier, matmul, softmax, softmax_backward};
use rayon::prelude::*;

use super::buffers::Buffers;
use super::forward::Dimensions;

/// Queries whose weights are computed at a time: 48 KiB for 512 keys.
const QUERIES: usize = 24;

/// Rows and heads of a batch's attention.
///
/// `qkv` is (tokens, 3 · hidden): queries, keys and values side by side, each with its heads side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attention<'a> {
    /// Lengths of the rows in tokens.
    lengths: &'a [usize],
    /// Width of all heads together.
    hidden: usize,
    heads: usize,
    tier: Tier,
}

/// Queries, keys and values of one head in one row.
struct Head<'a> {
    parts: [Mat<'a>; 3],
    length: usize,
    scale: f32,
    tier: Tier,
}

/// Memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    packed: Packed,
    values: Packed,
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

impl<'a> Attention<'a> {
    /// The attention of a layer, for rows of these lengths.
    pub(super) fn new(dimensions: Dimensions, lengths: &'a [usize]) -> Self {
        let Dimensions { hidden, heads, tier, .. } = dimensions;
        Self { lengths, hidden, heads, tier }
    }
}

impl Attention<'_> {
    fn head_width(&self) -> usize {
        self.hidden / self.heads
    }

    /// `softmax(q kᵀ / √d) v` of every head: (tokens, hidden).
    pub(super) fn forward(&self, qkv: &[f32], context: &mut [f32], buffers: &Arc<Buffers>) {
        let mut by_head = buffers.plain(context.len());
        self.for_each_head(&mut by_head, 1, buffers, |scratch, row, head, out| {
            let head = self.head(&qkv[3 * row..], head, out.len() / self.head_width());
            head.forward(scratch, out);
        });
        self.side_by_side(self.lengths, &by_head, 1, context);
    }

    /// The gradient of [`Attention::forward`] for the gradient `dcontext` of its result.
    pub(super) fn backward(&self, qkv: &[f32], dcontext: &[f32], dqkv: &mut [f32], buffers: &Arc<Buffers>) {
        let width = self.head_width();
        let mut by_head = buffers.plain(dqkv.len());
        self.for_each_head(&mut by_head, 3, buffers, |scratch, row, head, out| {
            let length = out.len() / (3 * width);
            let dout = Mat::with_stride(&dcontext[row + head * width..], length, width, self.hidden);
            self.head(&qkv[3 * row..], head, length).backward(scratch, dout, out);
        });
        self.side_by_side(self.lengths, &by_head, 3, dqkv);
    }

    /// Head `head` of the row of `length` tokens with which `qkv` begins.
    #[expect(clippy::cast_precision_loss, reason = "a head is far narrower than 2^23")]
    fn head<'a>(&self, qkv: &'a [f32], head: usize, length: usize) -> Head<'a> {
        let width = self.head_width();
        let part = |part: usize| {
            let start = part * self.hidden + head * width;
            Mat::with_stride(&qkv[start..], length, width, 3 * self.hidden)
        };
        Head {
            parts: [part(0), part(1), part(2)],
            length,
            scale: 1.0 / (width as f32).sqrt(),
            tier: self.tier,
        }
    }

    /// Calls `f(scratch, row, head, out)` for every head of every row on all threads. `row` is where the row begins in
    /// values of (tokens, hidden), `out` the head's share of `by_head`, `parts` times its tokens and width.
    fn for_each_head(
        &self,
        by_head: &mut [f32],
        parts: usize,
        buffers: &Buffers,
        f: impl Fn(&mut Scratch, usize, usize, &mut [f32]) + Sync,
    ) {
        self.for_each_head_of(Rows { lengths: self.lengths, first: 0 }, by_head, parts, buffers, &f);
    }

    /// [`Self::for_each_head`] for some rows, halved until there is one.
    fn for_each_head_of<F: Fn(&mut Scratch, usize, usize, &mut [f32]) + Sync>(
        &self,
        rows: Rows<'_>,
        by_head: &mut [f32],
        parts: usize,
        buffers: &Buffers,
        f: &F,
    ) {
        match rows.lengths {
            [] => {}
            [length] => by_head
                .par_chunks_mut(parts * length * self.head_width())
                .enumerate()
                .for_each_init(|| buffers.head(), |scratch, (head, out)| f(scratch, rows.first, head, out)),
            _ => {
                let (a, b, values) = rows.halves(self.hidden);
                let (of_a, of_b) = by_head.split_at_mut(parts * values);
                rayon::join(
                    || self.for_each_head_of(a, of_a, parts, buffers, f),
                    || self.for_each_head_of(b, of_b, parts, buffers, f),
                );
            }
        }
    }

    /// From head after head, each `parts` × tokens × width, to (tokens, parts · hidden), for rows of these lengths.
    fn side_by_side(&self, lengths: &[usize], by_head: &[f32], parts: usize, out: &mut [f32]) {
        let (width, stride) = (self.head_width(), parts * self.hidden);
        let &[length] = lengths else {
            if lengths.is_empty() {
                return;
            }
            let (a, b, values) = Rows { lengths, first: 0 }.halves(stride);
            let ((from_a, from_b), (to_a, to_b)) = (by_head.split_at(values), out.split_at_mut(values));
            rayon::join(
                || self.side_by_side(a.lengths, from_a, parts, to_a),
                || self.side_by_side(b.lengths, from_b, parts, to_b),
            );
            return;
        };
        for (at, values) in by_head.chunks_exact(length * width).enumerate() {
            let (head, part) = (at / parts, at % parts);
            let start = part * self.hidden + head * width;
            for (token, values) in out.chunks_exact_mut(stride).zip(values.chunks_exact(width)) {
                token[start..start + width].copy_from_slice(values);
            }
        }
    }
}

/// Some rows of a batch.
#[derive(Clone, Copy)]
struct Rows<'a> {
    lengths: &'a [usize],
    /// Where the first begins, in values of (tokens, hidden).
    first: usize,
}

impl Rows<'_> {
    /// The two halves, and how many values the first has when tokens have `width`.
    fn halves(self, width: usize) -> (Self, Self, usize) {
        let (a, b) = self.lengths.split_at(self.lengths.len() / 2);
        let values = a.iter().sum::<usize>() * width;
        (Self { lengths: a, ..self }, Self { lengths: b, first: self.first + values }, values)
    }
}

impl Head<'_> {
    /// Attention weights: (length, length), each query's over the keys.
    fn weights(&self, packed: &mut Packed, weights: &mut Vec<f32>) {
        let [q, k, _] = self.parts;
        weights.resize(self.length * self.length, 0.0);
        packed.pack(k.transposed());
        let tier = self.tier;
        matmul(tier, MatMut::new(weights, self.length, self.length), false, q, packed);
        softmax(tier, weights, self.length, self.scale);
    }

    /// Writes (length, width) to `out`, some queries at a time, so that their weights stay in the cache.
    fn forward(&self, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { packed, values, weights, .. } = scratch;
        let ([q, k, v], tier) = (self.parts, self.tier);
        packed.pack(k.transposed());
        values.pack(v);
        let width = values.columns();
        weights.resize(QUERIES.min(self.length) * self.length, 0.0);
        for (block, out) in out.chunks_mut(QUERIES * width).enumerate() {
            let (first, count) = (block * QUERIES, out.len() / width);
            let weights = &mut weights[..count * self.length];
            matmul(
                tier,
                MatMut::new(weights, count, self.length),
                false,
                q.rows(first..first + count),
                packed,
            );
            softmax(tier, weights, self.length, self.scale);
            matmul(
                tier,
                MatMut::new(out, count, width),
                false,
                Mat::new(weights, count, self.length),
                values,
            );
        }
    }

    /// Writes the gradients of queries, keys and values to `out`, each (length, width).
    ///
    /// With `p` the attention weights and `do` the gradient of the result: `dv = pᵀ do`, `dp = do vᵀ`, `ds` from `dp` by
    /// [`softmax_backward`], `dq = ds k`, `dk = dsᵀ q`.
    fn backward(&self, scratch: &mut Scratch, dout: Mat<'_>, out: &mut [f32]) {
        let Scratch { packed, weights, gradient, .. } = scratch;
        let (tier, length) = (self.tier, self.length);
        let [q, k, v] = self.parts;
        let width = out.len() / (3 * length);
        let (dq, dkv) = out.split_at_mut(length * width);
        let (dk, dv) = dkv.split_at_mut(length * width);
        self.weights(packed, weights);
        let mut multiply = |out: &mut [f32], columns: usize, left: Mat<'_>, right: Mat<'_>| {
            packed.pack(right);
            matmul(tier, MatMut::new(out, length, columns), false, left, packed);
        };
        gradient.resize(length * length, 0.0);
        multiply(gradient, length, dout, v.transposed());
        multiply(dv, width, Mat::new(weights, length, length).transposed(), dout);
        softmax_backward(tier, weights, gradient, length, self.scale);
        let ds = Mat::new(gradient, length, length);
        multiply(dq, width, ds, k);
        multiply(dk, width, ds.transposed(), q);
    }
}
