//! Matrix product of `f32` matrices on one thread.
//!
//! The scheme is that of Goto and van de Geijn (2008): the right operand is packed into panels of [`PANEL`] columns, a
//! block of [`DEPTH`] rows of a panel stays in the first-level cache while [`ROWS`] rows of the left operand at a time
//! sweep over it, and the sums of a `ROWS` × `PANEL` tile stay in registers. Each output element is summed in the same
//! order wherever its tile lies, so a row's result does not depend on the rows beside it.

mod int16;
mod operand;
mod packed;
#[cfg(test)]
mod tests;
mod tile;

pub use int16::{QuantizedRows, QuantizedWeights, matmul_int16};
pub use operand::{Mat, MatMut};
pub use packed::Packed;

use crate::tier::{Tier, dispatch_by_level};
use packed::{Block, LeftPanels};
#[cfg(target_arch = "x86_64")]
use tile::{Avx2, Avx512};
use tile::{Kernel, Portable, tile};

/// Rows of a register tile: with [`PANEL`], 12 of the 16 256-bit registers hold sums.
const ROWS: usize = 6;
/// Columns of a panel and of a register tile: two 256-bit vectors.
const PANEL: usize = 16;
/// Depth of a block: a panel's block takes 24 KiB of a first-level cache of at least 32.
const DEPTH: usize = 384;
/// Rows of the left operand that are visited panel by panel: with [`DEPTH`], 144 KiB of a second-level cache.
const LEFT_BLOCK: usize = 16 * ROWS;

/// `out = left · right`, or `out += left · right` when `accumulate`. An operand that was packed for tiles is multiplied on them,
/// in bfloat16.
///
/// # Panics
/// If the shapes do not chain.
pub fn matmul(tier: Tier, out: MatMut<'_>, accumulate: bool, left: Mat<'_>, right: &Packed) {
    #[cfg(target_arch = "x86_64")]
    if let Some(tiled) = right.tiled() {
        return tiled.multiply(out, accumulate, left);
    }
    multiply(tier, Product { out, accumulate, left, right });
}

/// What [`matmul`] is asked for.
struct Product<'a> {
    out: MatMut<'a>,
    accumulate: bool,
    left: Mat<'a>,
    right: &'a Packed,
}

dispatch_by_level! {
    fn multiply(product: Product<'_>) = multiply_body {
        Avx2 | AvxVnni ("avx2,fma") => Avx2,
        Avx512 | Avx512Vnni | Amx ("avx2,fma,avx512f") => Avx512,
        _ => Portable,
    }
}

#[inline(always)]
fn multiply_body<K: Kernel>(product: Product<'_>) {
    let Product { mut out, accumulate, left, right } = product;
    let shapes = (out.rows, out.columns, left.columns);
    assert_eq!(shapes, (left.rows, right.columns(), right.rows()), "shapes chain");
    if left.columns == 0 && !accumulate {
        out.fill(0.0);
    }
    let mut left_panels = LeftPanels::default();
    for depth in (0..left.columns).step_by(DEPTH) {
        let depth = depth..left.columns.min(depth + DEPTH);
        let accumulate = accumulate || depth.start > 0;
        for block in (0..left.rows).step_by(LEFT_BLOCK) {
            let block = block..left.rows.min(block + LEFT_BLOCK);
            let rows = Block::new(left, &block, &depth, &mut left_panels);
            for (at, panel) in right.panels(depth.clone()).enumerate() {
                for first in (0..block.len()).step_by(ROWS) {
                    let corner = (block.start + first, at * PANEL);
                    let mut out = out.tile_at(corner, accumulate);
                    tile::<K>(rows.tile(first), block.len() - first, panel, &mut out);
                }
            }
        }
    }
}
