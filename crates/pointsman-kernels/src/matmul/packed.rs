//! Operands rearranged in the order in which the tiles read them.

use std::ops::Range;

use super::{Mat, PANEL, ROWS};

/// A right operand in panels of [`PANEL`] columns: within a panel, row after row. The last panel is filled up with zeros.
///
/// Weights that serve many products are packed once; other operands into a `Packed` that is used again, to spare the
/// allocation.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Packed {
    /// Packs `right`.
    #[must_use]
    pub fn new(right: Mat<'_>) -> Self {
        let mut packed = Self::default();
        packed.pack(right);
        packed
    }

    /// Packs `right` in the place of what was there.
    pub fn pack(&mut self, right: Mat<'_>) {
        (self.rows, self.columns) = (right.rows, right.columns);
        self.values.resize(right.rows * right.columns.next_multiple_of(PANEL), 0.0);
        if self.values.is_empty() {
            return;
        }
        for (at, panel) in self.values.chunks_exact_mut(right.rows * PANEL).enumerate() {
            let first = at * PANEL;
            let width = PANEL.min(right.columns - first);
            if right.column_stride == 1 {
                pack_rows(right, first, width, panel);
            } else {
                pack_columns(right, first, width, panel);
            }
        }
    }

    /// Rows of the operand: the depth of the product.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the operand, without those that fill the last panel up.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows `depth` of each panel.
    pub(super) fn panels(&self, depth: Range<usize>) -> impl Iterator<Item = &[f32]> {
        let (start, end) = (depth.start * PANEL, depth.end * PANEL);
        self.values.chunks_exact(self.rows * PANEL).map(move |panel| &panel[start..end])
    }
}

/// A panel of a row-major operand: each row gives `width` adjacent values.
fn pack_rows(right: Mat<'_>, first: usize, width: usize, panel: &mut [f32]) {
    for (row, line) in panel.chunks_exact_mut(PANEL).enumerate() {
        let start = row * right.row_stride + first;
        line[..width].copy_from_slice(&right.data[start..start + width]);
        line[width..].fill(0.0);
    }
}

/// A panel of a transposed operand: each column is adjacent in memory.
fn pack_columns(right: Mat<'_>, first: usize, width: usize, panel: &mut [f32]) {
    /// Rows done at a time, so that the lines written stay in the cache while the columns come in.
    const STRIP: usize = 16;
    for (strip, lines) in panel.chunks_mut(STRIP * PANEL).enumerate() {
        if width < PANEL {
            lines.fill(0.0);
        }
        let count = lines.len() / PANEL;
        for column in 0..width {
            let start = (first + column) * right.column_stride + strip * STRIP;
            let values = &right.data[start..start + count];
            for (line, value) in lines.chunks_exact_mut(PANEL).zip(values) {
                line[column] = *value;
            }
        }
    }
}

/// A block of a transposed left operand in panels of [`ROWS`] rows: within a panel, column after column.
#[derive(Debug, Default)]
pub(super) struct LeftPanels(Vec<f32>);

impl LeftPanels {
    /// Packs the block of `left` (whose columns are adjacent in memory) with these rows and columns.
    pub(super) fn pack(&mut self, left: Mat<'_>, rows: Range<usize>, columns: Range<usize>) {
        let panel = ROWS * columns.len();
        self.0.resize(rows.len().div_ceil(ROWS) * panel, 0.0);
        for (at, column) in columns.enumerate() {
            let start = column * left.column_stride;
            let values = &left.data[start + rows.start..start + rows.end];
            for (i, values) in values.chunks(ROWS).enumerate() {
                let to = i * panel + at * ROWS;
                self.0[to..to + values.len()].copy_from_slice(values);
            }
        }
    }

    /// The panel at `index` of a block that is `depth` columns deep.
    pub(super) fn panel(&self, index: usize, depth: usize) -> &[f32] {
        &self.0[index * ROWS * depth..][..ROWS * depth]
    }
}
