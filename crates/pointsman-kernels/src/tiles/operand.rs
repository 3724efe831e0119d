//! Matrix products of `f32` operands rounded to bfloat16, for training: any shape and stride, sums in `f32`.

use std::arch::x86_64::*;

use super::block::{Sums, Tiles};
use super::lines::Line;
use super::rows::{load, pack, store};
use super::transpose::transposed;
use super::{BLOCK, TILE_ROWS, TileUnit};
use crate::matmul::{Mat, MatMut};

/// Columns of the left operand, and rows of the right one, in a tile.
const STEP: usize = 32;

/// A right operand as tiles of bfloat16, filled up with zeros.
#[derive(Clone, Debug)]
pub(crate) struct TiledOperand {
    unit: TileUnit,
    /// For each 32 columns, for each 32 rows two tiles of 16 columns; a tile's row holds a pair of rows of every column.
    lines: Vec<Line>,
    rows: usize,
    columns: usize,
}

impl TiledOperand {
    pub(crate) fn new(unit: TileUnit) -> Self {
        Self { unit, lines: Vec::new(), rows: 0, columns: 0 }
    }

    pub(crate) fn unit(&self) -> TileUnit {
        self.unit
    }

    fn steps(&self) -> usize {
        self.rows.div_ceil(STEP)
    }

    /// Packs `right` in the place of what was there.
    pub(crate) fn pack(&mut self, right: Mat<'_>) {
        (self.rows, self.columns) = right.shape();
        let steps = self.steps();
        self.lines.resize(self.columns.div_ceil(BLOCK) * steps * BLOCK, Line::ZERO);
        // A tile of the right operand is one of the transposed left operand with pairs and columns exchanged.
        let turned = right.transposed();
        for (at, tile) in self.lines.as_chunks_mut::<TILE_ROWS>().0.iter_mut().enumerate() {
            let (block, step, half) = (at / 2 / steps, at / 2 % steps, at % 2);
            let corner = (block * BLOCK + half * TILE_ROWS, step * STEP);
            // SAFETY: `unit` proves that the processor has the instructions.
            unsafe {
                put_tile(tile, transposed(tile_of(turned, corner)));
            }
        }
    }

    /// The values, as bfloat16 has them, row-major.
    pub(crate) fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.rows * self.columns];
        for (i, value) in values.iter_mut().enumerate() {
            let (row, column) = (i / self.columns, i % self.columns);
            let tile = (column / BLOCK * self.steps() + row / STEP) * 2 + column % BLOCK / TILE_ROWS;
            let line = &self.lines[tile * TILE_ROWS + row % STEP / 2].0;
            let at = 4 * (column % TILE_ROWS) + 2 * (row % 2);
            *value = half::bf16::from_le_bytes([line[at], line[at + 1]]).to_f32();
        }
        values
    }

    /// `out = left · self`, or `out += left · self` when `accumulate`.
    pub(crate) fn multiply(&self, mut out: MatMut<'_>, accumulate: bool, left: Mat<'_>) {
        let (rows, depth) = left.shape();
        assert_eq!((out.shape(), depth), ((rows, self.columns), self.rows), "shapes chain");
        if depth == 0 {
            if !accumulate {
                out.fill(0.0);
            }
            return;
        }
        let steps = self.steps();
        let mut groups = vec![Line::ZERO; rows.div_ceil(TILE_ROWS) * steps * TILE_ROWS];
        for (at, tile) in groups.as_chunks_mut::<TILE_ROWS>().0.iter_mut().enumerate() {
            let corner = (at / steps * TILE_ROWS, at % steps * STEP);
            // SAFETY: `unit` proves that the processor has the instructions.
            unsafe { put_tile(tile, tile_of(left, corner)) };
        }
        // SAFETY: as above.
        unsafe { self.multiply_tiles(&mut out, accumulate, &groups) };
    }

    #[target_feature(enable = "avx512f")]
    fn multiply_tiles(&self, out: &mut MatMut<'_>, accumulate: bool, groups: &[Line]) {
        let tiles = Tiles::configure(self.unit);
        let mut sums = Sums::ZERO;
        let group = self.steps() * TILE_ROWS;
        let rows = out.shape().0;
        for (at, right) in self.lines.chunks_exact(self.steps() * BLOCK).enumerate() {
            for (block, left) in groups.chunks(2 * group).enumerate() {
                let (first, below) = left.split_at(group);
                tiles.multiply::<false>((first, (!below.is_empty()).then_some(below)), right, &mut sums);
                let first = block * BLOCK;
                for (row, sums) in sums.0.iter().take(rows - first).enumerate() {
                    put(out.row_from(first + row, at * BLOCK), sums, accumulate);
                }
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn put_tile(tile: &mut [Line; TILE_ROWS], lines: [__m512i; TILE_ROWS]) {
    for (to, line) in tile.iter_mut().zip(lines) {
        to.store(line);
    }
}

/// Writes sums to a line of at most 32 values, or adds them to it.
#[target_feature(enable = "avx512f")]
#[inline]
fn put(line: &mut [f32], sums: &[[f32; 16]; 2], accumulate: bool) {
    let (whole, rest) = line.as_chunks_mut::<16>();
    for (line, sums) in whole.iter_mut().zip(sums) {
        store(line, if accumulate { _mm512_add_ps(load(line), load(sums)) } else { load(sums) });
    }
    for (value, sum) in rest.iter_mut().zip(sums.as_flattened().iter().skip(16 * whole.len())) {
        *value = if accumulate { *value + sum } else { *sum };
    }
}

/// The tile of `left` whose first row and column are `corner`, a line for each row; zeros beyond the edges.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn tile_of(left: Mat<'_>, (row, column): (usize, usize)) -> [__m512i; TILE_ROWS] {
    let (rows, columns) = left.shape();
    let whole = row + TILE_ROWS <= rows && column + STEP <= columns;
    let mut lines = [_mm512_setzero_si512(); TILE_ROWS];
    if let Some(values) = left.contiguous_rows().filter(|_| whole) {
        for (i, line) in lines.iter_mut().enumerate() {
            let values = &values(row + i)[column..column + STEP];
            *line = pack_slice(values);
        }
        return lines;
    }
    if let Some(values) = left.transposed().contiguous_rows().filter(|_| whole) {
        // Pairs of columns, each with 16 rows.
        for (i, pair) in lines.iter_mut().enumerate() {
            let of =
                |at: usize| -> __m512 { super::rows::load_slice(&values(column + at)[row..row + TILE_ROWS]) };
            *pair = paired(of(2 * i), of(2 * i + 1));
        }
        return transposed(lines);
    }
    for (i, line) in lines.iter_mut().enumerate().take(rows.saturating_sub(row)) {
        let mut values = [0.0; STEP];
        let inside = columns.saturating_sub(column);
        for (j, value) in values.iter_mut().enumerate().take(inside) {
            *value = left.get(row + i, column + j);
        }
        *line = pack_slice(&values);
    }
    lines
}

/// 32 values as a line of bfloat16.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn pack_slice(values: &[f32]) -> __m512i {
    let (low, high) = values.split_at(16);
    pack(super::rows::load_slice(low), super::rows::load_slice(high))
}

/// `a[0], b[0], a[1], b[1], …` as bfloat16.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn paired(a: __m512, b: __m512) -> __m512i {
    let both = pack(a, b);
    super::transpose::interleaved(_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64::<1>(both))
}
