//! Operands rearranged in the order in which the tiles read them.

use std::ops::Range;

use super::tile::LeftRows;
use super::{Mat, PANEL, ROWS};
use crate::Tier;

/// Panels that are filled together from the rows of a row-major operand, to read whole stretches of memory.
const GROUP: usize = 8;

/// A right operand in panels of 16 columns: within a panel, row after row. The last panel is filled up with zeros.
///
/// Weights that serve many products are packed once; other operands into a `Packed` that is used again, to spare the
/// allocation.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    /// The operand as tiles, and not as panels, when it was packed for a tier that has them.
    #[cfg(target_arch = "x86_64")]
    tiled: Option<crate::tiles::TiledOperand>,
}

impl Packed {
    /// Packs `right`.
    #[must_use]
    pub fn new(right: Mat<'_>) -> Self {
        let mut packed = Self::default();
        packed.pack(right);
        packed
    }

    /// Packs `right` for products on `tier`.
    #[must_use]
    pub fn on(tier: Tier, right: Mat<'_>) -> Self {
        let mut packed = Self::default();
        packed.pack_on(tier, right);
        packed
    }

    /// Packs `right` in the place of what was there, for products on `tier`. Those of a tier with tiles round both operands to
    /// bfloat16 and sum in `f32`; those of others are in `f32`, as after [`Self::pack`].
    pub fn pack_on(&mut self, tier: Tier, right: Mat<'_>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(unit) = tier.tiles() {
            self.pack_tiles(unit, right);
            return;
        }
        let _ = tier;
        self.pack(right);
    }

    #[cfg(target_arch = "x86_64")]
    fn pack_tiles(&mut self, unit: crate::TileUnit, right: Mat<'_>) {
        let tiled = self.tiled.get_or_insert_with(|| crate::tiles::TiledOperand::new(unit));
        tiled.pack(right);
        (self.rows, self.columns) = right.shape();
    }

    /// The operand as tiles, if it is.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn tiled(&self) -> Option<&crate::tiles::TiledOperand> {
        self.tiled.as_ref()
    }

    /// Packs `right` in the place of what was there.
    pub fn pack(&mut self, right: Mat<'_>) {
        #[cfg(target_arch = "x86_64")]
        {
            self.tiled = None;
        }
        (self.rows, self.columns) = (right.rows, right.columns);
        self.values.resize(right.rows * right.columns.next_multiple_of(PANEL), 0.0);
        if self.values.is_empty() {
            return;
        }
        for (at, group) in self.values.chunks_mut(right.rows * PANEL * GROUP).enumerate() {
            let first = at * GROUP * PANEL;
            let columns = (GROUP * PANEL).min(right.columns - first);
            if right.column_stride == 1 {
                pack_rows(right, first, columns, group);
            } else {
                for (i, panel) in group.chunks_exact_mut(right.rows * PANEL).enumerate() {
                    pack_columns(right, first + i * PANEL, PANEL.min(columns - i * PANEL), panel);
                }
            }
        }
    }

    /// The transpose, packed likewise.
    #[must_use]
    pub fn transposed(&self) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiled) = &self.tiled {
            let values = tiled.values();
            let mut packed = Self::default();
            packed.pack_tiles(tiled.unit(), Mat::new(&values, self.rows, self.columns).transposed());
            return packed;
        }
        let mut plain = vec![0.0; self.rows * self.columns];
        for (at, panel) in self.panels(0..self.rows).enumerate() {
            let first = at * PANEL;
            let width = PANEL.min(self.columns - first);
            for (row, line) in panel.chunks_exact(PANEL).enumerate() {
                plain[row * self.columns + first..][..width].copy_from_slice(&line[..width]);
            }
        }
        Self::new(Mat::new(&plain, self.rows, self.columns).transposed())
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
        self.values.chunks_exact((self.rows * PANEL).max(1)).map(move |panel| &panel[start..end])
    }
}

/// Some panels of a row-major operand: each row gives `columns` adjacent values.
fn pack_rows(right: Mat<'_>, first: usize, columns: usize, panels: &mut [f32]) {
    for row in 0..right.rows {
        let start = row * right.row_stride + first;
        let (whole, rest) = right.data[start..start + columns].as_chunks::<PANEL>();
        let mut to = row * PANEL;
        for values in whole {
            panels[to..to + PANEL].copy_from_slice(values);
            to += right.rows * PANEL;
        }
        if !rest.is_empty() {
            panels[to..to + rest.len()].copy_from_slice(rest);
            panels[to + rest.len()..to + PANEL].fill(0.0);
        }
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
            let (whole, rest) = left.data[start + rows.start..start + rows.end].as_chunks::<ROWS>();
            let mut to = at * ROWS;
            for values in whole {
                self.0[to..to + ROWS].copy_from_slice(values);
                to += panel;
            }
            if !rest.is_empty() {
                self.0[to..to + rest.len()].copy_from_slice(rest);
            }
        }
    }

    /// The panel whose first row is `row` of the block, and all after it, when the block is `depth` columns deep.
    #[inline(always)]
    fn panels_from(&self, row: usize, depth: usize) -> &[f32] {
        &self.0[row * depth..]
    }
}

/// Some rows and columns of a left operand, in place when its rows are adjacent in memory, else as [`LeftPanels`].
pub(super) struct Block<'a> {
    place: Place<'a>,
    depth: usize,
}

enum Place<'a> {
    Rows { values: &'a [f32], stride: usize },
    Panels(&'a LeftPanels),
}

impl<'a> Block<'a> {
    /// The block of `left` with these rows and columns; `panels` lends the memory to rearrange it.
    pub(super) fn new(
        left: Mat<'a>,
        rows: &Range<usize>,
        columns: &Range<usize>,
        panels: &'a mut LeftPanels,
    ) -> Self {
        let place = if left.column_stride == 1 {
            let values = &left.data[rows.start * left.row_stride + columns.start..];
            Place::Rows { values, stride: left.row_stride }
        } else {
            panels.pack(left, rows.clone(), columns.clone());
            Place::Panels(panels)
        };
        Self { place, depth: columns.len() }
    }

    /// The rows from `first`, a multiple of [`ROWS`].
    #[inline(always)]
    pub(super) fn tile(&self, first: usize) -> LeftRows<'_> {
        match &self.place {
            Place::Rows { values, stride } => {
                LeftRows { values: &values[first * stride..], row: *stride, column: 1 }
            }
            Place::Panels(panels) => {
                LeftRows { values: panels.panels_from(first, self.depth), row: 1, column: ROWS }
            }
        }
    }
}
