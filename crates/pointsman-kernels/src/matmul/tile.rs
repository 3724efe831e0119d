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
pub(super) fn tile<const FMA: bool>(left: LeftRows<'_>, rows: usize, panel: &[f32], out: &mut TileOut<'_>) {
    let panel = panel.as_chunks::<PANEL>().0;
    match rows {
        ROWS.. => tile_of::<FMA, ROWS>(left, panel, out),
        5 => tile_of::<FMA, 5>(left, panel, out),
        4 => tile_of::<FMA, 4>(left, panel, out),
        3 => tile_of::<FMA, 3>(left, panel, out),
        2 => tile_of::<FMA, 2>(left, panel, out),
        1 => tile_of::<FMA, 1>(left, panel, out),
        0 => {}
    }
}

#[inline(always)]
fn tile_of<const FMA: bool, const R: usize>(
    left: LeftRows<'_>,
    panel: &[[f32; PANEL]],
    out: &mut TileOut<'_>,
) {
    if let Some(last) = panel.len().checked_sub(1) {
        assert!((R - 1) * left.row + last * left.column < left.values.len(), "the left operand is as deep");
    }
    #[cfg(target_arch = "x86_64")]
    let sums = if FMA {
        // SAFETY: `FMA` is set only in kernels compiled for AVX2 and FMA, which run only where both are there. The
        // assertion above is the condition on `left`.
        unsafe { products_avx2::<R>(left, panel, out) }
    } else {
        products::<R>(left, panel)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let sums = products::<R>(left, panel);
    for (i, sums) in sums.iter().enumerate() {
        let line = &mut out.values[i * out.stride..][..out.width];
        if out.accumulate {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
        } else {
            line.copy_from_slice(&sums[..out.width]);
        }
    }
}

/// The tile's sums.
#[inline(always)]
fn products<const R: usize>(left: LeftRows<'_>, panel: &[[f32; PANEL]]) -> [[f32; PANEL]; R] {
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
/// The lines of `out` are fetched into the cache meanwhile.
///
/// # Safety
/// The rows of `left` must hold as many values as `panel` has rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn products_avx2<const R: usize>(
    left: LeftRows<'_>,
    panel: &[[f32; PANEL]],
    out: &TileOut<'_>,
) -> [[f32; PANEL]; R] {
    use std::arch::x86_64::{
        _MM_HINT_T0, _mm_prefetch, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps,
        _mm256_storeu_ps,
    };
    for i in 0..R {
        let line = out.values.as_ptr().wrapping_add(i * out.stride);
        // SAFETY: a prefetch does not fault, wherever it points.
        #[allow(unused_unsafe, reason = "later versions of Rust than the oldest supported declare it safe")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(PANEL - 1).cast());
        }
    }
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
