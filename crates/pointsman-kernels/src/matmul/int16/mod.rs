//! Matrix product of activations in 16 bits with weights in 8, on one thread.
//!
//! Weights have a scale for every [`GROUP`] values of a row, activations one for each row. The products of a group are
//! summed in 32-bit integers, exactly: 128 · 127 · 32767 is a quarter of what they hold. What differs from the product in
//! `f32` is the rounding of weights (none for weights that were stored that way) and of activations, by at most half of
//! 1/32767 of their row's largest.
//!
//! Activations take 16 bits because processors that have AVX2 but no VNNI multiply pairs of 16-bit numbers
//! (`vpmaddwd`) as fast as they do quadruples of 8-bit ones (`vpmaddubsw`, whose sums saturate, followed by
//! `vpmaddwd`): both need one multiplication for 16 products. Those with VNNI do the multiplication and the addition to the
//! sum in one instruction (`vpdpwssd`), with the same result; their instruction for 8-bit activations (`vpdpbusd`) would do
//! twice as many products, but not these.
//!
//! As in [`super::matmul`] a row's result does not depend on the rows beside it.

mod kernels;
mod rows;
mod tile;
mod weights;

pub use rows::QuantizedRows;
pub use weights::QuantizedWeights;

use super::{LEFT_BLOCK, MatMut, PANEL, ROWS};
use crate::tier::{Tier, dispatch_by_level};
#[cfg(target_arch = "x86_64")]
use kernels::{Avx2, Avx512, Avx512Vnni, AvxVnni};
use kernels::{Kernel, Portable};
use tile::tile;

/// Values of a row of weights that share a scale.
const GROUP: usize = 128;
/// Groups in a block: its part of a panel takes 6 KiB of the first-level cache.
const DEPTH: usize = 3;

/// `out = left · rightᵀ`, or `out += left · rightᵀ` when `accumulate`.
///
/// # Panics
/// If the shapes do not chain.
pub fn matmul_int16(
    tier: Tier,
    out: MatMut<'_>,
    accumulate: bool,
    left: &QuantizedRows,
    right: &QuantizedWeights,
) {
    multiply(tier, Product { out, accumulate, left, right });
}

/// What [`matmul_int16`] is asked for.
struct Product<'a> {
    out: MatMut<'a>,
    accumulate: bool,
    left: &'a QuantizedRows,
    right: &'a QuantizedWeights,
}

dispatch_by_level! {
    fn multiply(product: Product<'_>) = multiply_body {
        Avx2 ("avx2,fma") => Avx2,
        AvxVnni ("avx2,fma,avxvnni") => AvxVnni,
        Avx512 ("avx2,fma,avx512f,avx512bw") => Avx512,
        Avx512Vnni | Amx ("avx2,fma,avx512f,avx512bw,avx512vnni") => Avx512Vnni,
        _ => Portable,
    }
}

#[inline(always)]
fn multiply_body<K: Kernel>(product: Product<'_>) {
    let Product { mut out, accumulate, left, right } = product;
    let shapes = (out.rows, out.columns, left.columns());
    assert_eq!(shapes, (left.rows(), right.outputs(), right.inputs()), "shapes chain");
    if left.columns() == 0 && !accumulate {
        out.fill(0.0);
    }
    for groups in (0..right.groups()).step_by(DEPTH) {
        let groups = groups..right.groups().min(groups + DEPTH);
        let accumulate = accumulate || groups.start > 0;
        for block in (0..left.rows()).step_by(LEFT_BLOCK) {
            let block = block..left.rows().min(block + LEFT_BLOCK);
            for (at, panel) in right.panels(&groups).enumerate() {
                for first in block.clone().step_by(ROWS) {
                    let mut out = out.tile_at((first, at * PANEL), accumulate);
                    tile::<K>(left.from(first, groups.start * GROUP), block.end - first, panel, &mut out);
                }
            }
        }
    }
}
