//! Views of matrices in slices, checked once when they are made.

use super::PANEL;
use super::tile::TileOut;

/// A matrix in a slice, element `(i, j)` at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Mat<'a> {
    /// A row-major matrix without gaps.
    ///
    /// # Panics
    /// If `data` is too short.
    #[must_use]
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::with_stride(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows begin `row_stride` elements apart: some columns of a wider one.
    ///
    /// # Panics
    /// If `data` is too short.
    #[must_use]
    pub fn with_stride(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let reach = reach(rows, columns, row_stride);
        assert!(reach <= data.len(), "{rows} x {columns} by {row_stride} does not fit");
        Self { data: &data[..reach], rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, sharing the data.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Rows and columns.
    #[must_use]
    pub fn shape(self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// One element.
    ///
    /// # Panics
    /// If there is none at this place.
    #[must_use]
    pub fn get(self, row: usize, column: usize) -> f32 {
        assert!(
            row < self.rows && column < self.columns,
            "({row}, {column}) of {} x {}",
            self.rows,
            self.columns
        );
        self.data[row * self.row_stride + column * self.column_stride]
    }

    /// Its rows as slices, if the values of a row are adjacent in memory.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn contiguous_rows(self) -> Option<impl Fn(usize) -> &'a [f32]> {
        let Self { data, columns, row_stride, column_stride, .. } = self;
        (column_stride == 1).then_some(move |row: usize| &data[row * row_stride..][..columns])
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn rows(self, range: std::ops::Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "{range:?} of {} rows", self.rows);
        let start = (range.start * self.row_stride).min(self.data.len());
        Self { data: &self.data[start..], rows: range.len(), ..self }
    }
}

/// A row-major matrix to be written.
#[derive(Debug)]
pub struct MatMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
}

#[cfg(target_arch = "x86_64")]
impl MatMut<'_> {
    /// Rows and columns.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// At most 32 values of a row, from a column on.
    #[inline]
    pub(crate) fn row_from(&mut self, row: usize, column: usize) -> &mut [f32] {
        let width = (self.columns - column).min(32);
        &mut self.data[row * self.row_stride + column..][..width]
    }
}

impl<'a> MatMut<'a> {
    /// A row-major matrix without gaps.
    ///
    /// # Panics
    /// If `data` is too short.
    #[must_use]
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::with_stride(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows begin `row_stride` elements apart.
    ///
    /// # Panics
    /// If `data` is too short or rows overlap.
    #[must_use]
    pub fn with_stride(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let reach = reach(rows, columns, row_stride);
        assert!(row_stride >= columns, "rows overlap");
        assert!(reach <= data.len(), "{rows} x {columns} by {row_stride} does not fit");
        Self { data: &mut data[..reach], rows, columns, row_stride }
    }
}

impl MatMut<'_> {
    /// Sets every element.
    pub(crate) fn fill(&mut self, value: f32) {
        for row in self.data.chunks_mut(self.row_stride.max(1)) {
            row[..self.columns].fill(value);
        }
    }

    /// Where a tile whose first element is at `corner` (row, column) goes.
    #[inline(always)]
    pub(super) fn tile_at(&mut self, corner: (usize, usize), accumulate: bool) -> TileOut<'_> {
        let (row, column) = corner;
        TileOut {
            values: &mut self.data[row * self.row_stride + column..],
            stride: self.row_stride,
            width: PANEL.min(self.columns - column),
            accumulate,
        }
    }
}

/// The number of elements from the first to the last of a row-major matrix.
fn reach(rows: usize, columns: usize, row_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + columns }
}
