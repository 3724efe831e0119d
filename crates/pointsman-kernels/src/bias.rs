//! Adding a bias to every row, and its gradient.

use crate::tier::dispatch;

dispatch! {
    /// Adds `bias` (columns) to every row of `x` (rows × columns), in place.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn add_bias(x: &mut [f32], bias: &[f32]) = add_bias_body
}

#[inline(always)]
fn add_bias_body<const FMA: bool>(x: &mut [f32], bias: &[f32]) {
    assert!(x.len().is_multiple_of(bias.len()), "whole rows");
    for row in x.chunks_exact_mut(bias.len()) {
        for (x, b) in row.iter_mut().zip(bias) {
            *x += b;
        }
    }
}

dispatch! {
    /// Adds the sum over the rows of `x` (rows × columns) to `sums` (columns): a bias's gradient.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn column_sums(x: &[f32], sums: &mut [f32]) = column_sums_body
}

#[inline(always)]
fn column_sums_body<const FMA: bool>(x: &[f32], sums: &mut [f32]) {
    assert!(x.len().is_multiple_of(sums.len()), "whole rows");
    for row in x.chunks_exact(sums.len()) {
        for (total, x) in sums.iter_mut().zip(row) {
            *total += x;
        }
    }
}
