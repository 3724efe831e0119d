//! Scaled dot-product attention within each row of a packed batch.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use pointsman_kernels::{Mat, MatMut, Tier, softmax, softmax_backward};
use rayon::prelude::*;

use super::product::multiply;
use super::slices::{of, with};
use super::{composed, fuses};

/// `softmax(q kᵀ / √d) v` for every head (Vaswani et al. 2017), tokens of a row seeing that row alone.
///
/// `qkv` is (tokens, 3 · hidden): queries, keys and values side by side, each with its heads side by side. The result is
/// (tokens, hidden). `lengths` are the rows' lengths in tokens.
pub(crate) fn attention(qkv: &Tensor, lengths: &[usize], heads: usize) -> Result<Tensor> {
    if !fuses(qkv) {
        return composed::attention(qkv, lengths, heads);
    }
    qkv.contiguous()?.apply_op1(Attention { lengths: lengths.to_vec(), heads })
}

struct Attention {
    lengths: Vec<usize>,
    heads: usize,
}

/// Widths in elements.
#[derive(Clone, Copy)]
struct Widths {
    /// Of a head.
    head: usize,
    /// Of all heads together.
    hidden: usize,
}

impl Widths {
    /// Stride of a row of `qkv`.
    fn packed(self) -> usize {
        3 * self.hidden
    }

    /// Part `part` (0 queries, 1 keys, 2 values) of head `head` of a row of `length` tokens.
    fn part(self, qkv: &[f32], part: usize, head: usize, length: usize) -> Mat<'_> {
        let start = part * self.hidden + head * self.head;
        Mat::with_stride(&qkv[start..], length, self.head, self.packed())
    }

    /// The same, to be written.
    fn part_mut(self, qkv: &mut [f32], part: usize, head: usize, length: usize) -> MatMut<'_> {
        let start = part * self.hidden + head * self.head;
        MatMut::with_stride(&mut qkv[start..], length, self.head, self.packed())
    }

    #[expect(clippy::cast_precision_loss, reason = "a head is far narrower than 2^23")]
    fn scale(self) -> f32 {
        1.0 / (self.head as f32).sqrt()
    }
}

impl Attention {
    fn widths(&self, packed: usize) -> Widths {
        let hidden = packed / 3;
        Widths { head: hidden / self.heads, hidden }
    }

    /// Slices of `values` for each row, which has `width` values a token.
    fn rows<'a>(&self, values: &'a [f32], width: usize) -> Vec<&'a [f32]> {
        let mut rest = values;
        self.lengths.iter().map(|length| rest.split_off(..length * width).unwrap_or_default()).collect()
    }

    /// The same, to be written.
    fn rows_mut<'a>(&self, values: &'a mut [f32], width: usize) -> Vec<&'a mut [f32]> {
        let mut rest = values;
        self.lengths.iter().map(|length| rest.split_off_mut(..length * width).unwrap_or_default()).collect()
    }
}

/// Attention weights of one head: (length, length).
fn weights(qkv: &[f32], head: usize, length: usize, widths: Widths, weights: &mut [f32]) {
    let (q, k) = (widths.part(qkv, 0, head, length), widths.part(qkv, 1, head, length));
    multiply(MatMut::new(weights, length, length), q, k.transposed());
    softmax(Tier::detect(), weights, length, widths.scale());
}

fn forward_row(qkv: &[f32], out: &mut [f32], heads: usize, widths: Widths) {
    let length = out.len() / widths.hidden;
    let mut p = vec![0.0; length * length];
    for head in 0..heads {
        weights(qkv, head, length, widths, &mut p);
        let out = MatMut::with_stride(&mut out[head * widths.head..], length, widths.head, widths.hidden);
        multiply(out, Mat::new(&p, length, length), widths.part(qkv, 2, head, length));
    }
}

/// With `p` the attention weights: `dv = pᵀ do`, `dp = do vᵀ`, `ds` by [`softmax_backward`], `dq = ds k`, `dk = dsᵀ q`.
fn backward_row(qkv: &[f32], dout: &[f32], dqkv: &mut [f32], heads: usize, widths: Widths) {
    let length = dout.len() / widths.hidden;
    let (mut p, mut dp) = (vec![0.0; length * length], vec![0.0; length * length]);
    for head in 0..heads {
        weights(qkv, head, length, widths, &mut p);
        let dout = Mat::with_stride(&dout[head * widths.head..], length, widths.head, widths.hidden);
        let [q, k, v] = [0, 1, 2].map(|part| widths.part(qkv, part, head, length));
        let square = Mat::new(&p, length, length);
        multiply(widths.part_mut(dqkv, 2, head, length), square.transposed(), dout);
        multiply(MatMut::new(&mut dp, length, length), dout, v.transposed());
        softmax_backward(Tier::detect(), &p, &mut dp, length, widths.scale());
        let ds = Mat::new(&dp, length, length);
        multiply(widths.part_mut(dqkv, 0, head, length), ds, k);
        multiply(widths.part_mut(dqkv, 1, head, length), ds.transposed(), q);
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, qkv: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, packed) = layout.shape().dims2()?;
        let (qkv, widths) = (of(qkv, layout)?, self.widths(packed));
        let mut out = vec![0.0; tokens * widths.hidden];
        self.rows_mut(&mut out, widths.hidden)
            .into_par_iter()
            .zip(self.rows(qkv, packed))
            .for_each(|(out, qkv)| forward_row(qkv, out, self.heads, widths));
        Ok((CpuStorage::F32(out), Shape::from((tokens, widths.hidden))))
    }

    fn bwd(&self, qkv: &Tensor, _out: &Tensor, dout: &Tensor) -> Result<Option<Tensor>> {
        let packed = qkv.dim(1)?;
        let widths = self.widths(packed);
        let dqkv = with(qkv, |qkv| {
            with(dout, |dout| {
                let mut dqkv = vec![0.0; qkv.len()];
                self.rows_mut(&mut dqkv, packed)
                    .into_par_iter()
                    .zip(self.rows(qkv, packed))
                    .zip(self.rows(dout, widths.hidden))
                    .for_each(|((dqkv, qkv), dout)| backward_row(qkv, dout, dqkv, self.heads, widths));
                Ok(dqkv)
            })
        })?;
        Ok(Some(Tensor::from_vec(dqkv, qkv.shape(), qkv.device())?))
    }
}
