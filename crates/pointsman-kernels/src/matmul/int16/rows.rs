//! Activations as 16-bit integers.

use super::tile::LeftRows;
use super::weights::QuantizedWeights;
use crate::tier::dispatch;

/// Rows of activations as 16-bit integers with a scale for each row: `value · scale`, the largest of a row at ±32767.
///
/// Made to be filled again and again, to spare the allocation.
#[derive(Clone, Debug, Default)]
pub struct QuantizedRows {
    /// Row after row, filled up with a zero where the number of columns is odd.
    values: Vec<i16>,
    scales: Vec<f32>,
    columns: usize,
}

/// The largest integer of a row.
const LARGEST: f32 = 32767.0;
/// Rows whose largest value is below this count as zero: the inverse of their scale would overflow.
const TINY: f32 = 1e-30;

impl QuantizedRows {
    /// Rounds the rows of `x`, made ready for products with `weights`, in the place of what was there. A row that holds what is not
    /// a finite number gets a scale that is none either, so that no product hides it.
    ///
    /// # Panics
    /// If `x` is not whole rows of the weights' inputs.
    pub fn fill(&mut self, tier: crate::Tier, x: &[f32], weights: &QuantizedWeights) {
        let columns = weights.inputs();
        let rows = x.len().checked_div(columns).unwrap_or(0);
        assert_eq!(rows * columns, x.len(), "whole rows");
        self.columns = columns;
        self.scales.resize(rows, 0.0);
        self.values.resize(rows * stride(columns), 0);
        if rows > 0 {
            quantize(tier, x, weights.input_factors(), &mut self.values, &mut self.scales);
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Values of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows from `row`, each from its value `column` on, which is even.
    #[inline(always)]
    pub(super) fn from(&self, row: usize, column: usize) -> LeftRows<'_> {
        let stride = stride(self.columns);
        LeftRows { values: &self.values[row * stride + column..], stride, scales: &self.scales[row..] }
    }
}

/// Where a row of `columns` values begins after the one before it: products take values in pairs.
fn stride(columns: usize) -> usize {
    columns.next_multiple_of(2)
}

dispatch! {
    fn quantize(x: &[f32], factors: &[f32], values: &mut [i16], scales: &mut [f32]) = quantize_body
}

#[inline(always)]
fn quantize_body<const FMA: bool>(x: &[f32], factors: &[f32], values: &mut [i16], scales: &mut [f32]) {
    /// Adding 1.5 * 2^23 rounds to an integer, left in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let columns = factors.len();
    let rows = x.chunks_exact(columns).zip(values.chunks_exact_mut(stride(columns)));
    for ((x, values), scale) in rows.zip(scales) {
        let largest = largest(x, factors);
        let inverse = if largest < TINY { 0.0 } else { LARGEST / largest };
        *scale = if largest < TINY { 0.0 } else { largest / LARGEST };
        let (values, rest) = values.split_at_mut(columns);
        for ((value, x), factor) in values.iter_mut().zip(x).zip(factors) {
            let bits = (x * factor * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
            #[expect(clippy::cast_possible_truncation, reason = "integers from -32767 to 32767")]
            let low = bits as u16;
            *value = low.cast_signed();
        }
        rest.fill(0);
    }
}

/// The largest magnitude of the products, NaN if there is one: bits of magnitudes are ordered as these are, with NaN at the end.
#[inline(always)]
fn largest(x: &[f32], factors: &[f32]) -> f32 {
    let products = x.iter().zip(factors).map(|(x, factor)| x * factor);
    f32::from_bits(products.fold(0, |largest, x| largest.max(x.to_bits() & 0x7fff_ffff)))
}
