//! The innermost loop: a few rows times one panel, sums in registers.

use super::{PANEL, ROWS};

/// Rows of the left operand: element `(i, k)` at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(super) struct LeftRows<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Where a tile goes: its rows begin `stride` elements apart and have `width` columns.
pub(super) struct TileOut<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
    /// Whether to add to what is there.
    pub(super) accumulate: bool,
}

/// Multiplies the next `rows` rows of `left`, [`ROWS`] at most, with `panel` (depth × [`PANEL`]).
#[inline(always)]
pub(super) fn tile<K: Kernel>(left: LeftRows<'_>, rows: usize, panel: &[f32], out: &mut TileOut<'_>) {
    let panel = panel.as_chunks::<PANEL>().0;
    match rows {
        ROWS.. => tile_of::<K, ROWS>(left, panel, out),
        5 => tile_of::<K, 5>(left, panel, out),
        4 => tile_of::<K, 4>(left, panel, out),
        3 => tile_of::<K, 3>(left, panel, out),
        2 => tile_of::<K, 2>(left, panel, out),
        1 => tile_of::<K, 1>(left, panel, out),
        0 => {}
    }
}

#[inline(always)]
fn tile_of<K: Kernel, const R: usize>(left: LeftRows<'_>, panel: &[[f32; PANEL]], out: &mut TileOut<'_>) {
    if let Some(last) = panel.len().checked_sub(1) {
        assert!((R - 1) * left.row + last * left.column < left.values.len(), "the left operand is as deep");
    }
    // SAFETY: a kernel is chosen only where its instructions are. The assertion above is the condition on `left`.
    let sums = unsafe { K::products::<R>(left, panel, out) };
    for (i, sums) in sums.iter().enumerate() {
        let line = &mut out.values[i * out.stride..][..out.width];
        if out.accumulate {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
        } else {
            line.copy_from_slice(&sums[..out.width]);
        }
    }
}

/// The innermost loop, as an instruction set has it.
pub(super) trait Kernel {
    /// The sums of a tile that goes to `out`, whose lines may be fetched into the cache meanwhile.
    ///
    /// # Safety
    /// The processor must have the instruction set, and the rows of `left` as many values as `panel` has rows.
    unsafe fn products<const R: usize>(
        left: LeftRows<'_>,
        panel: &[[f32; PANEL]],
        out: &TileOut<'_>,
    ) -> [[f32; PANEL]; R];
}

/// In plain Rust.
pub(super) struct Portable;

/// 256-bit vectors.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

/// 512-bit vectors.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

impl Kernel for Portable {
    #[inline(always)]
    unsafe fn products<const R: usize>(
        left: LeftRows<'_>,
        panel: &[[f32; PANEL]],
        _out: &TileOut<'_>,
    ) -> [[f32; PANEL]; R] {
        products_portable(left, panel)
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx2 {
    #[inline(always)]
    unsafe fn products<const R: usize>(
        left: LeftRows<'_>,
        panel: &[[f32; PANEL]],
        out: &TileOut<'_>,
    ) -> [[f32; PANEL]; R] {
        // SAFETY: as this function's.
        unsafe { products_avx2(left, panel, out) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx512 {
    #[inline(always)]
    unsafe fn products<const R: usize>(
        left: LeftRows<'_>,
        panel: &[[f32; PANEL]],
        out: &TileOut<'_>,
    ) -> [[f32; PANEL]; R] {
        // SAFETY: as this function's.
        unsafe { products_avx512(left, panel, out) }
    }
}

/// The tile's sums.
#[inline(always)]
fn products_portable<const R: usize>(left: LeftRows<'_>, panel: &[[f32; PANEL]]) -> [[f32; PANEL]; R] {
    let mut sums = [[0.0; PANEL]; R];
    for (k, right) in panel.iter().enumerate() {
        let left: [f32; R] = std::array::from_fn(|i| left.values[i * left.row + k * left.column]);
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    sums
}

/// The tile's sums. Written by hand, for compilers do not find the register allocation: `2 R` sums, 2 vectors of the
/// panel, 1 broadcast.
///
/// # Safety
/// As [`Kernel::products`]: the rows of `left` must hold as many values as `panel` has rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn products_avx2<const R: usize>(
    left: LeftRows<'_>,
    panel: &[[f32; PANEL]],
    out: &TileOut<'_>,
) -> [[f32; PANEL]; R] {
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    fetch(out, R);
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    let rows: [*const f32; R] = std::array::from_fn(|i| left.values.as_ptr().wrapping_add(i * left.row));
    for (k, right) in panel.iter().enumerate() {
        // SAFETY: `right` has 16 values, `rows[i]` at least `k * column + 1` by this function's condition.
        unsafe {
            let low = _mm256_loadu_ps(right.as_ptr());
            let high = _mm256_loadu_ps(right.as_ptr().add(8));
            for (sums, row) in sums.iter_mut().zip(rows) {
                let left = _mm256_broadcast_ss(&*row.add(k * left.column));
                sums[0] = _mm256_fmadd_ps(left, low, sums[0]);
                sums[1] = _mm256_fmadd_ps(left, high, sums[1]);
            }
        }
    }
    let mut stored = [[0.0; PANEL]; R];
    for (stored, sums) in stored.iter_mut().zip(sums) {
        // SAFETY: `stored` has room for two vectors of 8.
        unsafe {
            _mm256_storeu_ps(stored.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(stored.as_mut_ptr().add(8), sums[1]);
        }
    }
    stored
}

/// As [`products_avx2`] with a vector for the panel's 16 columns. Even and odd rows of the panel have sums of their own, for
/// `R` sums alone would leave the units waiting for one another.
///
/// # Safety
/// As [`Kernel::products`]: the rows of `left` must hold as many values as `panel` has rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn products_avx512<const R: usize>(
    left: LeftRows<'_>,
    panel: &[[f32; PANEL]],
    out: &TileOut<'_>,
) -> [[f32; PANEL]; R] {
    use std::arch::x86_64::{
        _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    fetch(out, R);
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    let rows: [*const f32; R] = std::array::from_fn(|i| left.values.as_ptr().wrapping_add(i * left.row));
    for (at, two) in panel.chunks(2).enumerate() {
        for (half, right) in two.iter().enumerate() {
            // SAFETY: `right` has 16 values, `rows[i]` at least `k * column + 1` by this function's condition.
            unsafe {
                let k = 2 * at + half;
                let right = _mm512_loadu_ps(right.as_ptr());
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let left = _mm512_set1_ps(*row.add(k * left.column));
                    sums[half] = _mm512_fmadd_ps(left, right, sums[half]);
                }
            }
        }
    }
    let mut stored = [[0.0; PANEL]; R];
    for (stored, [even, odd]) in stored.iter_mut().zip(sums) {
        // SAFETY: `stored` has room for a vector of 16.
        unsafe { _mm512_storeu_ps(stored.as_mut_ptr(), _mm512_add_ps(even, odd)) };
    }
    stored
}

/// Fetches `lines` lines of a tile into the cache.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fetch(out: &TileOut<'_>, lines: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for i in 0..lines {
        let line = out.values.as_ptr().wrapping_add(i * out.stride);
        // SAFETY: a prefetch does not fault, wherever it points.
        #[allow(unused_unsafe, reason = "later versions of Rust than the oldest supported declare it safe")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(PANEL - 1).cast());
        }
    }
}
