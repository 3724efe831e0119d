//! Matrix product of strided `f32` matrices: a checked face on the `gemm` crate.

/// How many threads a product may use. The result does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread alone.
    One,
    /// The current rayon pool, when the product is large enough to share.
    Pool,
}

/// A matrix in a slice, element `(i, j)` at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
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
        assert!(reach(rows, columns, row_stride) <= data.len(), "{rows} x {columns} by {row_stride} does not fit");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, sharing the data.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A row-major matrix to be written.
#[derive(Debug)]
pub struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
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
        assert!(row_stride >= columns, "rows overlap");
        assert!(reach(rows, columns, row_stride) <= data.len(), "{rows} x {columns} by {row_stride} does not fit");
        Self { data, rows, columns, row_stride }
    }
}

/// The number of elements from the first to the last of a row-major matrix.
fn reach(rows: usize, columns: usize, row_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + columns }
}

/// `out = left · right`, or `out += left · right` when `accumulate`.
///
/// # Panics
/// If the shapes do not chain.
pub fn matmul(out: MatMut<'_>, accumulate: bool, left: Mat<'_>, right: Mat<'_>, threads: Threads) {
    assert_eq!((out.rows, out.columns, left.columns), (left.rows, right.columns, right.rows), "shapes chain");
    let parallelism = match threads {
        Threads::One => gemm::Parallelism::None,
        Threads::Pool => gemm::Parallelism::Rayon(0),
    };
    // SAFETY: each matrix was checked against its slice when it was made, so every element addressed lies inside;
    // `out` borrows mutably and its rows do not overlap, so no element is aliased. Slices are at most isize::MAX
    // bytes, so the strides fit.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            left.columns,
            out.data.as_mut_ptr(),
            1,
            out.row_stride as isize,
            accumulate,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
