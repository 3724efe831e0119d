//! Memory in lines of the cache.

use std::arch::x86_64::{__m512i, _mm512_load_si512, _mm512_store_si512};

/// 64 bytes that begin where a line of the cache does: 32 numbers of bfloat16, or 64 integers.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);

    /// As a vector.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn load(&self) -> __m512i {
        // SAFETY: a line has 64 bytes and is aligned to them.
        unsafe { _mm512_load_si512(self.0.as_ptr().cast()) }
    }

    /// From a vector.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn store(&mut self, value: __m512i) {
        // SAFETY: a line has 64 bytes and is aligned to them.
        unsafe { _mm512_store_si512(self.0.as_mut_ptr().cast(), value) };
    }
}

/// A row-major matrix of bfloat16 whose rows are whole lines, with a few rows to spare after the last, so that a tile that
/// begins in it ends in its memory.
#[derive(Clone, Debug, Default)]
pub struct Bf16Matrix {
    lines: Vec<Line>,
    /// Lines of a row.
    width: usize,
}

/// Rows after the last.
const SPARE: usize = super::BLOCK;

impl Bf16Matrix {
    /// Makes room for `rows` of `columns` values, whatever they are.
    ///
    /// # Panics
    /// If `columns` is not a multiple of 32.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        assert!(columns.is_multiple_of(32), "whole lines");
        self.width = columns / 32;
        self.lines.resize((rows + SPARE) * self.width, Line::ZERO);
    }

    /// Lines of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// All lines, row after row.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All rows, to be written.
    pub fn rows_mut(&mut self) -> Bf16Rows<'_> {
        Bf16Rows { lines: &mut self.lines, width: self.width }
    }
}

/// Rows of a [`Bf16Matrix`] to be written.
#[derive(Debug)]
pub struct Bf16Rows<'a> {
    /// Row after row.
    pub(super) lines: &'a mut [Line],
    /// Lines of a row.
    pub(super) width: usize,
}

impl Bf16Rows<'_> {
    /// The first `rows` rows, and those after them.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn split_at(self, rows: usize) -> (Self, Self) {
        let Self { lines, width } = self;
        let (first, rest) = lines.split_at_mut(rows * width);
        (Self { lines: first, width }, Self { lines: rest, width })
    }
}
