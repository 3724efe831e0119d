//! Views of matrices in slices, checked once when they are made.

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

/// The number of elements from the first to the last of a row-major matrix.
fn reach(rows: usize, columns: usize, row_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + columns }
}
