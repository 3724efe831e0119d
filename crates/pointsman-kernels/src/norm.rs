//! Layer normalisation over the last dimension.

use crate::math::{dot, mul_add, sum, sum_squares};
use crate::tier::dispatch;

dispatch! {
    /// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` for every row (Ba, Kiros and Hinton, 2016).
    ///
    /// `x` and `y` are rows × columns, `weight` and `bias` have one value a column; the variance is the biased one.
    ///
    /// # Panics
    /// If lengths disagree or `x` is not whole rows.
    pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32]) = layer_norm_body
}

/// A row's mean and the inverse of its standard deviation.
#[inline(always)]
fn moments(x: &[f32], epsilon: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum(x) / n;
    (mean, 1.0 / (sum_squares(x, mean) / n + epsilon).sqrt())
}

#[inline(always)]
fn layer_norm_body<const FMA: bool>(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32]) {
    let n = weight.len();
    let bias = &bias[..n];
    assert!(x.len().is_multiple_of(n) && x.len() == y.len(), "whole rows of equal length");
    for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
        let (mean, scale) = moments(x, epsilon);
        for i in 0..n {
            y[i] = mul_add::<FMA>((x[i] - mean) * scale, weight[i], bias[i]);
        }
    }
}

/// Where the gradients of [`layer_norm`] go.
#[derive(Debug)]
pub struct LayerNormGradients<'a> {
    /// (rows × columns): written.
    pub dx: &'a mut [f32],
    /// (columns): added to.
    pub dweight: &'a mut [f32],
    /// (columns): added to.
    pub dbias: &'a mut [f32],
}

dispatch! {
    /// The gradients of [`layer_norm`] for the gradient `dy` of its output.
    ///
    /// With `x̂ = (x - mean) * scale` and `g = dy * weight`:
    /// `dx = scale * (g - mean(g) - x̂ * mean(g x̂))`, `dweight = Σ dy x̂`, `dbias = Σ dy`.
    ///
    /// # Panics
    /// If lengths disagree or `x` is not whole rows.
    pub fn layer_norm_backward(
        x: &[f32],
        weight: &[f32],
        epsilon: f32,
        dy: &[f32],
        gradients: LayerNormGradients<'_>,
    ) = layer_norm_backward_body
}

#[inline(always)]
fn layer_norm_backward_body<const FMA: bool>(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    dy: &[f32],
    gradients: LayerNormGradients<'_>,
) {
    let LayerNormGradients { dx, dweight, dbias } = gradients;
    let n = weight.len();
    let (dweight, dbias) = (&mut dweight[..n], &mut dbias[..n]);
    assert!(x.len().is_multiple_of(n) && x.len() == dy.len() && x.len() == dx.len());
    let rows = x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(n));
    for ((x, dy), dx) in rows {
        let (mean, scale) = moments(x, epsilon);
        for i in 0..n {
            let normal = (x[i] - mean) * scale;
            dweight[i] = mul_add::<FMA>(dy[i], normal, dweight[i]);
            dbias[i] += dy[i];
            dx[i] = dy[i] * weight[i];
        }
        let total = sum(dx);
        let mean_g = total / n as f32;
        let mean_g_normal = (dot(dx, x) - mean * total) * scale / n as f32;
        for i in 0..n {
            let normal = (x[i] - mean) * scale;
            dx[i] = scale * mul_add::<FMA>(-normal, mean_g_normal, dx[i] - mean_g);
        }
    }
}
