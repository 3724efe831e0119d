//! Matrix product of `f32` matrices on one thread.
//!
//! The scheme is that of Goto and van de Geijn (2008): the right operand is packed into panels of [`PANEL`] columns, a
//! block of [`DEPTH`] rows of a panel stays in the first-level cache while [`ROWS`] rows of the left operand at a time
//! sweep over it, and the sums of a `ROWS` × `PANEL` tile stay in registers. Each output element is summed in the same
//! order wherever its tile lies, so a row's result does not depend on the rows beside it.

mod operand;
mod packed;
mod tile;

pub use operand::{Mat, MatMut};
pub use packed::Packed;

use crate::tier::dispatch;
use packed::LeftPanels;
use tile::{LeftRows, tile};

/// Rows of a register tile: with [`PANEL`], 12 of the 16 256-bit registers hold sums.
const ROWS: usize = 6;
/// Columns of a panel and of a register tile: two 256-bit vectors.
const PANEL: usize = 16;
/// Depth of a block: a panel's block takes 24 KiB of a first-level cache of at least 32.
const DEPTH: usize = 384;
/// Rows of the left operand that are visited panel by panel: with [`DEPTH`], 288 KiB of a second-level cache.
const LEFT_BLOCK: usize = 32 * ROWS;

dispatch! {
    /// `out = left · right`, or `out += left · right` when `accumulate`.
    ///
    /// # Panics
    /// If the shapes do not chain.
    pub fn matmul(out: MatMut<'_>, accumulate: bool, left: Mat<'_>, right: &Packed) = matmul_body
}

#[inline(always)]
fn matmul_body<const FMA: bool>(out: MatMut<'_>, accumulate: bool, left: Mat<'_>, right: &Packed) {
    let shapes = (out.rows, out.columns, left.columns);
    assert_eq!(shapes, (left.rows, right.columns(), right.rows()), "shapes chain");
    let MatMut { data, rows, columns, row_stride } = out;
    if left.columns == 0 && !accumulate {
        data.chunks_mut(row_stride.max(1)).take(rows).for_each(|row| row[..columns].fill(0.0));
    }
    let mut packed_left = LeftPanels::default();
    for depth in (0..left.columns).step_by(DEPTH) {
        let depth = depth..left.columns.min(depth + DEPTH);
        let accumulate = accumulate || depth.start > 0;
        for block in (0..rows).step_by(LEFT_BLOCK) {
            let block = block..rows.min(block + LEFT_BLOCK);
            let contiguous = left.column_stride == 1;
            if !contiguous {
                packed_left.pack(left, block.clone(), depth.clone());
            }
            for (at, panel) in right.panels(depth.clone()).enumerate() {
                let first = at * PANEL;
                let width = PANEL.min(columns - first);
                for row in block.clone().step_by(ROWS) {
                    let count = ROWS.min(block.end - row);
                    let left = if contiguous {
                        LeftRows {
                            values: &left.data[row * left.row_stride + depth.start..],
                            row: left.row_stride,
                            column: 1,
                        }
                    } else {
                        LeftRows {
                            values: packed_left.panel((row - block.start) / ROWS, depth.len()),
                            row: 1,
                            column: ROWS,
                        }
                    };
                    let out = &mut data[row * row_stride + first..];
                    match count {
                        6 => tile::<FMA, 6>(left, panel, out, row_stride, width, accumulate),
                        5 => tile::<FMA, 5>(left, panel, out, row_stride, width, accumulate),
                        4 => tile::<FMA, 4>(left, panel, out, row_stride, width, accumulate),
                        3 => tile::<FMA, 3>(left, panel, out, row_stride, width, accumulate),
                        2 => tile::<FMA, 2>(left, panel, out, row_stride, width, accumulate),
                        _ => tile::<FMA, 1>(left, panel, out, row_stride, width, accumulate),
                    }
                }
            }
        }
    }
}
