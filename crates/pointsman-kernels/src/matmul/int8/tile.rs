//! The innermost loop: a few rows times one panel, sums in registers.

use super::super::tile::TileOut;
use super::weights::Panel;
use super::{GROUP, PANEL, ROWS};
use crate::math::mul_add;

/// Rows of activations: value `k` of row `i` is at `i * stride + k`.
#[derive(Clone, Copy)]
pub(super) struct LeftRows<'a> {
    pub(super) values: &'a [i16],
    pub(super) stride: usize,
    pub(super) scales: &'a [f32],
}

/// Multiplies the next `rows` rows of `left`, [`ROWS`] at most, with `panel`.
#[inline(always)]
pub(super) fn tile<const FMA: bool>(
    left: LeftRows<'_>,
    rows: usize,
    panel: Panel<'_>,
    out: &mut TileOut<'_>,
) {
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
fn tile_of<const FMA: bool, const R: usize>(left: LeftRows<'_>, panel: Panel<'_>, out: &mut TileOut<'_>) {
    assert!((R - 1) * left.stride + 2 * panel.pairs.len() <= left.values.len(), "the rows are as deep");
    #[cfg(target_arch = "x86_64")]
    let sums = if FMA {
        // SAFETY: `FMA` is set only in kernels compiled for AVX2 and FMA, which run only where both are there. The
        // assertion above is the condition on `left`.
        unsafe { products_avx2::<R>(left, panel) }
    } else {
        products::<R>(left, panel)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let sums = products::<R>(left, panel);
    for (i, (sums, scale)) in sums.iter().zip(left.scales).enumerate() {
        let line = &mut out.values[i * out.stride..][..out.width];
        if out.accumulate {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value = mul_add::<FMA>(*sum, *scale, *value));
        } else {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum * scale);
        }
    }
}

/// The tile's sums, without the scales of the rows.
#[inline(always)]
fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
    let mut totals = [[0.0; PANEL]; R];
    for (group, (pairs, scales)) in panel.pairs.chunks(GROUP / 2).zip(panel.scales).enumerate() {
        for (i, totals) in totals.iter_mut().enumerate() {
            let row = &left.values[i * left.stride + group * GROUP..][..2 * pairs.len()];
            let mut sums = [0i32; PANEL];
            for (x, weights) in row.as_chunks::<2>().0.iter().zip(pairs) {
                for (sum, w) in sums.iter_mut().zip(weights.as_chunks::<2>().0) {
                    *sum += i32::from(x[0]) * i32::from(w[0]) + i32::from(x[1]) * i32::from(w[1]);
                }
            }
            for ((total, sum), scale) in totals.iter_mut().zip(sums).zip(scales) {
                #[expect(clippy::cast_precision_loss, reason = "rounding to f32 is part of the product")]
                let sum = sum as f32;
                *total += sum * scale;
            }
        }
    }
    totals
}

/// As [`products`], written by hand: `2 R` sums, 2 vectors of the panel, 1 pair of activations and a product in the 16
/// registers; totals are in memory, touched once a group.
///
/// # Safety
/// The rows of `left` must hold twice as many values as `panel` has pairs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn products_avx2<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_ps,
    };
    let mut totals = [[0f32; PANEL]; R];
    let mut at = 0;
    for (pairs, scales) in panel.pairs.chunks(GROUP / 2).zip(panel.scales) {
        let mut sums = [[_mm256_setzero_si256(); 2]; R];
        for weights in pairs {
            // SAFETY: `weights` has 32 bytes; row `i` has at least `at + 2` values by this function's condition, and a
            // pair of 16-bit values is read as 32 bits without regard to alignment.
            unsafe {
                let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().cast()));
                let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().add(16).cast()));
                for (i, sums) in sums.iter_mut().enumerate() {
                    let pair = left.values.as_ptr().add(i * left.stride + at).cast::<i32>().read_unaligned();
                    let pair = _mm256_set1_epi32(pair);
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pair, low));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pair, high));
                }
            }
            at += 2;
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (half, sums) in sums.into_iter().enumerate() {
                // SAFETY: both arrays have 16 values, and `half` is 0 or 1.
                unsafe {
                    let to = totals.as_mut_ptr().add(8 * half);
                    let scales = _mm256_loadu_ps(scales.as_ptr().add(8 * half));
                    let total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scales, _mm256_loadu_ps(to));
                    _mm256_storeu_ps(to, total);
                }
            }
        }
    }
    totals
}
