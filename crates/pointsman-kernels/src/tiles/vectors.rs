//! Products of a block with dot products in vectors of 512 bits, from the same memory as the instructions on tiles.

use std::arch::x86_64::*;

use super::block::Sums;
use super::lines::Line;
use super::rows::store;
use super::{BLOCK, TILE_ROWS};

/// Rows whose sums are in registers: 16 vectors, with two of weights.
const ROWS: usize = 8;

/// As [`super::block::Tiles::multiply`].
#[target_feature(enable = "avx512f,avx512vnni,avx512bf16")]
pub(super) fn multiply<const INTEGERS: bool>(
    (left, below): (&[Line], Option<&[Line]>),
    right: &[Line],
    out: &mut Sums,
) {
    let halves = [Some(left), below].into_iter().flatten();
    for (half, out) in halves.zip(out.0.chunks_exact_mut(TILE_ROWS)) {
        for (at, out) in out.chunks_exact_mut(ROWS).enumerate() {
            let rows = &half[at * ROWS..];
            let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
            for (step, weights) in right.as_chunks::<BLOCK>().0.iter().enumerate() {
                let (low, high) = weights.split_at(TILE_ROWS);
                let rows: &[Line; ROWS] = rows[step * TILE_ROWS..].first_chunk().expect("whole tiles");
                for (four, (low, high)) in low.iter().zip(high).enumerate() {
                    let values = std::array::from_fn(|i| broadcast(&rows[i], four));
                    add_products::<INTEGERS>(&mut sums, values, [low.load(), high.load()]);
                }
            }
            write(out, &sums);
        }
    }
}

/// As [`super::block::Tiles::scores`], for the first `rows` queries.
#[target_feature(enable = "avx512f,avx512vnni,avx512bf16")]
pub(super) fn scores(queries: &[Line], stride: usize, rows: usize, keys: &[Line; BLOCK], out: &mut Sums) {
    let (low, high) = keys.split_at(TILE_ROWS);
    for (at, out) in out.0[..rows].chunks_exact_mut(ROWS).enumerate() {
        let queries = &queries[at * ROWS * stride..];
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        for (pair, (low, high)) in low.iter().zip(high).enumerate() {
            let values = std::array::from_fn(|i| broadcast(&queries[i * stride], pair));
            add_products::<false>(&mut sums, values, [low.load(), high.load()]);
        }
        write(out, &sums);
    }
}

/// Adds the products of one step: four bytes of each row with two vectors of the right operand. Rows are counted by a constant, so
/// that the loops are unrolled and all sums stay in registers.
#[target_feature(enable = "avx512f,avx512vnni,avx512bf16")]
#[inline]
fn add_products<const INTEGERS: bool>(
    sums: &mut [[__m512i; 2]; ROWS],
    values: [__m512i; ROWS],
    right: [__m512i; 2],
) {
    for (sums, values) in sums.iter_mut().zip(values) {
        sums[0] = add_dots::<INTEGERS>(sums[0], values, right[0]);
        sums[1] = add_dots::<INTEGERS>(sums[1], values, right[1]);
    }
}

/// The `at`-th four bytes of a line, 16 times.
#[target_feature(enable = "avx512f")]
#[inline]
fn broadcast(line: &Line, at: usize) -> __m512i {
    _mm512_set1_epi32(i32::from_ne_bytes(line.0.as_chunks::<4>().0[at]))
}

/// Adds 16 dot products of four bytes, those of `values` unsigned, or of two numbers of bfloat16.
#[target_feature(enable = "avx512f,avx512vnni,avx512bf16")]
#[inline]
fn add_dots<const INTEGERS: bool>(sums: __m512i, values: __m512i, weights: __m512i) -> __m512i {
    if INTEGERS {
        return _mm512_dpbusd_epi32(sums, values, weights);
    }
    // SAFETY: both types are 64 bytes without an invalid value.
    let values = unsafe { std::mem::transmute::<__m512i, __m512bh>(values) };
    // SAFETY: as above.
    let weights = unsafe { std::mem::transmute::<__m512i, __m512bh>(weights) };
    _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sums), values, weights))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn write(out: &mut [[[f32; 16]; 2]], sums: &[[__m512i; 2]; ROWS]) {
    for (out, sums) in out.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        store(out, _mm512_castsi512_ps(*sums));
    }
}
