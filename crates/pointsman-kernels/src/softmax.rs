//! Scaled softmax over rows.

use crate::math::{dot, exp, max, sum};
use crate::tier::dispatch;

dispatch! {
    /// `softmax(scale * x)` (`scale > 0`) of every row of `columns` values, in place; the row's maximum is subtracted first, so
    /// that no input overflows.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn softmax(x: &mut [f32], columns: usize, scale: f32) = softmax_body
}

#[inline(always)]
fn softmax_body<const FMA: bool>(x: &mut [f32], columns: usize, scale: f32) {
    assert!(x.len().is_multiple_of(columns), "whole rows");
    for row in x.chunks_exact_mut(columns) {
        let largest = max(row);
        for v in row.iter_mut() {
            *v = exp::<FMA>((*v - largest) * scale);
        }
        let norm = 1.0 / sum(row);
        for v in row.iter_mut() {
            *v *= norm;
        }
    }
}

dispatch! {
    /// The gradient of [`softmax`] with respect to its unscaled input, written over the gradient `dp` of its output:
    /// `dx = scale * p * (dp - Σ p dp)`.
    ///
    /// `p` and `dp` are rows of `columns` values.
    ///
    /// # Panics
    /// If lengths disagree or `p` is not whole rows.
    pub fn softmax_backward(p: &[f32], dp: &mut [f32], columns: usize, scale: f32) = softmax_backward_body
}

#[inline(always)]
fn softmax_backward_body<const FMA: bool>(p: &[f32], dp: &mut [f32], columns: usize, scale: f32) {
    assert!(p.len().is_multiple_of(columns) && p.len() == dp.len(), "whole rows of equal length");
    for (p, dp) in p.chunks_exact(columns).zip(dp.chunks_exact_mut(columns)) {
        let inner = dot(p, dp);
        for (p, dp) in p.iter().zip(dp) {
            *dp = p * (*dp - inner) * scale;
        }
    }
}
