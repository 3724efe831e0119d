//! Activations tile by tile.

use std::arch::x86_64::*;

use super::lines::Line;
use super::weights::{TileFormat, TileWeights};
use super::{BLOCK, TILE_ROWS, TileUnit};

/// Rows of activations as tiles, to be multiplied with [`TileWeights`] of the same format.
///
/// Groups of 16 rows, for each group its tiles from left to right. Integers are unsigned, with a scale and a zero for each
/// row: `(integer - zero) · scale`, the row's least value at 0 and its largest at 255; that is one bit more than signed
/// integers give to the outputs of a GELU, which are hardly negative.
///
/// Made to be filled again and again, to spare the allocation.
#[derive(Clone, Debug, Default)]
pub struct TileRows {
    format: TileFormat,
    lines: Vec<Line>,
    /// Tiles of a group.
    steps: usize,
    rows: usize,
    /// Of each row, for integers.
    scales: Vec<f32>,
    /// `zero · scale` of each row, for integers.
    shifts: Vec<f32>,
    /// Memory for a row on its way.
    widened: Vec<f32>,
}

/// Weights of a layer norm over the values of a row.
#[derive(Clone, Copy, Debug)]
pub struct TileNorm<'a> {
    /// One a column.
    pub weight: &'a [f32],
    /// One a column.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

/// Rows whose values span less than this count as zeros: the inverse of their scale would overflow.
const TINY: f32 = 1e-30;

impl TileRows {
    /// Makes room for `rows` of `columns` values, whatever they are.
    ///
    /// # Panics
    /// If `columns` is not whole lines.
    pub fn reset(&mut self, format: TileFormat, rows: usize, columns: usize) {
        let per_line = format.per_line();
        assert!(columns.is_multiple_of(per_line), "{columns} columns are not whole lines of {per_line}");
        self.format = format;
        self.steps = columns / per_line;
        self.rows = rows;
        self.lines.resize(rows.next_multiple_of(BLOCK) * self.steps, Line::ZERO);
        let integers = if format == TileFormat::Int8 { rows.next_multiple_of(BLOCK) } else { 0 };
        self.scales.resize(integers, 0.0);
        self.shifts.resize(integers, 0.0);
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.steps * self.format.per_line()
    }

    pub(super) fn format(&self) -> TileFormat {
        self.format
    }

    /// All lines from a group of rows on.
    pub(super) fn lines_from(&self, group: usize) -> &[Line] {
        &self.lines[group * self.steps * TILE_ROWS..]
    }

    /// Scale and `zero · scale` of a row of integers.
    #[inline]
    pub(super) fn scale_and_shift(&self, row: usize) -> (f32, f32) {
        (self.scales[row], self.shifts[row])
    }

    /// The lines of a row from left to right.
    #[inline]
    fn row(&self, row: usize) -> impl Iterator<Item = &Line> {
        let first = row / TILE_ROWS * self.steps * TILE_ROWS + row % TILE_ROWS;
        self.lines[first..].iter().step_by(TILE_ROWS).take(self.steps)
    }

    #[inline]
    fn row_mut(&mut self, row: usize) -> impl Iterator<Item = &mut Line> {
        let first = row / TILE_ROWS * self.steps * TILE_ROWS + row % TILE_ROWS;
        self.lines[first..].iter_mut().step_by(TILE_ROWS).take(self.steps)
    }

    /// The line of a row at a step.
    #[inline]
    pub(super) fn line_mut(&mut self, row: usize, step: usize) -> &mut Line {
        &mut self.lines[(row / TILE_ROWS * self.steps + step) * TILE_ROWS + row % TILE_ROWS]
    }
}

impl TileUnit {
    /// Rounds the rows of `x` to `out`, as the left operand of a product with `weights`.
    ///
    /// # Panics
    /// If `x` is not whole rows of as many values as `weights` has inputs.
    pub fn fill(self, x: &[f32], weights: &TileWeights, out: &mut TileRows) {
        let columns = weights.inputs();
        assert!(x.len().is_multiple_of(columns), "whole rows");
        out.reset(weights.format(), x.len() / columns, columns);
        for (row, x) in x.chunks_exact(columns).enumerate() {
            // SAFETY: `self` proves that the processor has the instructions.
            unsafe { round_row(x, weights, out, row) };
        }
    }

    /// Normalises the rows of `x` in place (Ba, Kiros and Hinton, 2016; the variance is the biased one), and rounds them to
    /// `out`, as the left operand of a product with `weights`, if there is one.
    ///
    /// # Panics
    /// If lengths disagree, or columns are not a multiple of 16.
    pub fn layer_norm(
        self,
        x: &mut [f32],
        norm: TileNorm<'_>,
        mut out: Option<(&TileWeights, &mut TileRows)>,
    ) {
        let columns = norm.weight.len();
        assert!(columns.is_multiple_of(16) && norm.bias.len() == columns, "whole vectors");
        assert!(x.len().is_multiple_of(columns), "whole rows");
        if let Some((weights, out)) = &mut out {
            assert_eq!(weights.inputs(), columns, "shapes chain");
            out.reset(weights.format(), x.len() / columns, columns);
        }
        for (row, x) in x.chunks_exact_mut(columns).enumerate() {
            // SAFETY: `self` proves that the processor has the instructions.
            unsafe {
                norm_row(x, norm);
                if let Some((weights, out)) = &mut out {
                    round_row(x, weights, out, row);
                }
            }
        }
    }

    /// Rounds rows of bfloat16 to integers, as the left operand of a product with `weights`.
    ///
    /// # Panics
    /// If `from` is not bfloat16, `weights` not integers, or columns and inputs differ.
    pub fn to_integers(self, from: &TileRows, weights: &TileWeights, out: &mut TileRows) {
        assert!(from.format == TileFormat::Bf16 && weights.format() == TileFormat::Int8, "formats");
        assert_eq!(from.columns(), weights.inputs(), "shapes chain");
        out.reset(TileFormat::Int8, from.rows, from.columns());
        for row in 0..from.rows {
            // SAFETY: `self` proves that the processor has the instructions.
            unsafe { requantize_row(from, weights, out, row) };
        }
    }
}

/// A row of bfloat16 as integers.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn requantize_row(from: &TileRows, weights: &TileWeights, out: &mut TileRows, row: usize) {
    let mut values = std::mem::take(&mut out.widened);
    values.resize(from.columns(), 0.0);
    let mut extent = Extent::new();
    let factors = weights.input_factors().as_chunks::<32>().0;
    for (line, (values, factors)) in from.row(row).zip(values.as_chunks_mut::<32>().0.iter_mut().zip(factors))
    {
        let line = line.load();
        let low = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(line)));
        let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(line)));
        let (low, high) = (_mm512_castsi512_ps(low), _mm512_castsi512_ps(high));
        let ((to_low, to_high), (of_low, of_high)) = (values.split_at_mut(16), factors.split_at(16));
        extent.put(_mm512_mul_ps(low, load_slice(of_low)), to_low);
        extent.put(_mm512_mul_ps(high, load_slice(of_high)), to_high);
    }
    integers_of_row(&values, extent, out, row);
    out.widened = values;
}

#[target_feature(enable = "avx512f")]
#[inline]
fn norm_row(x: &mut [f32], norm: TileNorm<'_>) {
    #[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^23")]
    let inverse_count = 1.0 / x.len() as f32;
    let (vectors, _) = x.as_chunks_mut::<16>();
    let mut sum = _mm512_setzero_ps();
    for v in &*vectors {
        sum = _mm512_add_ps(sum, load(v));
    }
    let mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) * inverse_count);
    let mut squares = _mm512_setzero_ps();
    for v in &*vectors {
        let distance = _mm512_sub_ps(load(v), mean);
        squares = _mm512_fmadd_ps(distance, distance, squares);
    }
    let scale = 1.0 / (_mm512_reduce_add_ps(squares) * inverse_count + norm.epsilon).sqrt();
    let scale = _mm512_set1_ps(scale);
    let parameters = norm.weight.as_chunks::<16>().0.iter().zip(norm.bias.as_chunks::<16>().0);
    for (v, (weight, bias)) in vectors.iter_mut().zip(parameters) {
        let normal = _mm512_mul_ps(_mm512_sub_ps(load(v), mean), scale);
        store(v, _mm512_fmadd_ps(normal, load(weight), load(bias)));
    }
}

/// Rounds a row to row `row` of `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn round_row(x: &[f32], weights: &TileWeights, out: &mut TileRows, row: usize) {
    match out.format {
        TileFormat::Bf16 => {
            for (line, x) in out.row_mut(row).zip(x.as_chunks::<32>().0) {
                let (low, high) = x.split_at(16);
                line.store(pack(load_slice(low), load_slice(high)));
            }
        }
        TileFormat::Int8 => quantize_row(x, weights, out, row),
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn quantize_row(x: &[f32], weights: &TileWeights, out: &mut TileRows, row: usize) {
    let mut values = std::mem::take(&mut out.widened);
    values.resize(x.len(), 0.0);
    let mut extent = Extent::new();
    let factors = weights.input_factors().as_chunks::<16>().0;
    for (x, (value, factor)) in
        x.as_chunks::<16>().0.iter().zip(values.as_chunks_mut::<16>().0.iter_mut().zip(factors))
    {
        extent.put(_mm512_mul_ps(load(x), load(factor)), value);
    }
    integers_of_row(&values, extent, out, row);
    out.widened = values;
}

/// The range of a row's values, 0 included.
#[derive(Clone, Copy)]
struct Extent {
    least: __m512,
    largest: __m512,
}

impl Extent {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn new() -> Self {
        Self { least: _mm512_setzero_ps(), largest: _mm512_setzero_ps() }
    }

    /// Takes in a value and writes it to the first 16 places of `to`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn put(&mut self, value: __m512, to: &mut [f32]) {
        // Of a number and NaN these give the second.
        self.least = _mm512_min_ps(self.least, value);
        self.largest = _mm512_max_ps(self.largest, value);
        if let Some(to) = to.first_chunk_mut() {
            store(to, value);
        }
    }
}

/// Rounds values of this range to the integers of a row.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn integers_of_row(values: &[f32], extent: Extent, out: &mut TileRows, row: usize) {
    let least = _mm512_reduce_min_ps(extent.least);
    let span = _mm512_reduce_max_ps(extent.largest) - least;
    let inverse = if span < TINY { 0.0 } else { 255.0 / span };
    let zero = (-least * inverse).round_ties_even();
    let scale = if span < TINY { 0.0 } else { span / 255.0 };
    (out.scales[row], out.shifts[row]) = (scale, scale * zero);

    let (inverse, zero) = (_mm512_set1_ps(inverse), _mm512_set1_ps(zero));
    // Packing leaves four bytes of each of the four vectors in each quarter.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (line, values) in out.row_mut(row).zip(values.as_chunks::<64>().0) {
        let mut rounded = [_mm512_setzero_si512(); 4];
        for (rounded, values) in rounded.iter_mut().zip(values.as_chunks::<16>().0) {
            *rounded = _mm512_cvtps_epi32(_mm512_fmadd_ps(load(values), inverse, zero));
        }
        // Below 0 and above 255 both saturate.
        let [a, b, c, d] = rounded;
        let bytes = _mm512_packus_epi16(_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d));
        line.store(_mm512_permutexvar_epi32(order, bytes));
    }
}

/// 32 numbers as a line of bfloat16, `low` first.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
pub(super) fn pack(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both types are 64 bytes without an invalid value.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load(x: &[f32; 16]) -> __m512 {
    // SAFETY: `x` has 16 values.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

/// The first 16 values of `x`.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_slice(x: &[f32]) -> __m512 {
    load(x.first_chunk().unwrap_or(&[0.0; 16]))
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store(x: &mut [f32; 16], value: __m512) {
    // SAFETY: `x` has 16 values.
    unsafe { _mm512_storeu_ps(x.as_mut_ptr(), value) };
}
