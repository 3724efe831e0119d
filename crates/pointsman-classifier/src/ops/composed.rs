//! The operations in candle's own differentiable steps, for devices and number types that have no fused version.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::softmax;

/// As [`super::linear`].
pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

/// As [`super::linear_gelu`].
pub(super) fn linear_gelu(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear(x, weight, bias)?.gelu_erf()
}

/// As [`super::layer_norm`].
pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// As [`super::attention`], one row after another.
pub(super) fn attention(qkv: &Tensor, lengths: &[usize], heads: usize) -> Result<Tensor> {
    let hidden = qkv.dim(1)? / 3;
    #[expect(clippy::cast_precision_loss, reason = "a head is far narrower than 2^52")]
    let scale = 1.0 / ((hidden / heads) as f64).sqrt();
    let mut start = 0;
    let mut rows = Vec::with_capacity(lengths.len());
    for length in lengths {
        let row = qkv.narrow(0, start, *length)?;
        let part = |part: usize| {
            row.narrow(1, part * hidden, hidden)?
                .reshape((*length, heads, hidden / heads))?
                .transpose(0, 1)?
                .contiguous()
        };
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let weights = softmax(&(q.matmul(&k.transpose(1, 2)?.contiguous()?)? * scale)?, D::Minus1)?;
        rows.push(weights.matmul(&v)?.transpose(0, 1)?.reshape((*length, hidden))?);
        start += length;
    }
    Tensor::cat(&rows, 0)
}

/// As [`super::mean_pool`], one row after another.
pub(super) fn mean_pool(x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    let mut start = 0;
    let mut means = Vec::with_capacity(lengths.len());
    for length in lengths {
        means.push(x.narrow(0, start, *length)?.mean_keepdim(0)?);
        start += length;
    }
    Tensor::cat(&means, 0)
}
