//! GELU with the exact error function, after a bias.

use crate::math::{mul_add, normal_cdf_pdf};
use crate::tier::dispatch;

dispatch! {
    /// `y = gelu(x + bias)` with `gelu(v) = v Φ(v)` (Hendrycks and Gimpel, 2016).
    ///
    /// `x` and `y` are rows × columns, `bias` has one value a column.
    ///
    /// # Panics
    /// If lengths disagree or `x` is not whole rows.
    pub fn bias_gelu(x: &[f32], bias: &[f32], y: &mut [f32]) = bias_gelu_body
}

#[inline(always)]
fn bias_gelu_body<const FMA: bool>(x: &[f32], bias: &[f32], y: &mut [f32]) {
    let n = bias.len();
    assert!(x.len().is_multiple_of(n) && x.len() == y.len(), "whole rows of equal length");
    for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
        for i in 0..n {
            let v = x[i] + bias[i];
            y[i] = v * normal_cdf_pdf::<FMA>(v).0;
        }
    }
}

dispatch! {
    /// The gradients of [`bias_gelu`]: `dx = dy (Φ(v) + v φ(v))` with `v = x + bias`; the sum of `dx` over rows is
    /// added to `dbias`.
    ///
    /// # Panics
    /// If lengths disagree or `x` is not whole rows.
    pub fn bias_gelu_backward(x: &[f32], bias: &[f32], dy: &[f32], dx: &mut [f32], dbias: &mut [f32])
        = bias_gelu_backward_body
}

#[inline(always)]
fn bias_gelu_backward_body<const FMA: bool>(
    x: &[f32],
    bias: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    dbias: &mut [f32],
) {
    let n = bias.len();
    assert!(x.len().is_multiple_of(n) && x.len() == dy.len() && x.len() == dx.len() && dbias.len() == n);
    let rows = x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(n));
    for ((x, dy), dx) in rows {
        for i in 0..n {
            let v = x[i] + bias[i];
            let (cdf, pdf) = normal_cdf_pdf::<FMA>(v);
            dx[i] = dy[i] * mul_add::<FMA>(v, pdf, cdf);
            dbias[i] += dx[i];
        }
    }
}
