//! The innermost loop: a few rows times one panel, sums in registers.
//!
//! All versions compute the same sums of integers exactly; those for x86 also round alike after that, so their results are
//! equal bit for bit.

#[cfg(target_arch = "x86_64")]
use std::arch::{
    asm,
    x86_64::{__m256i, __m512i},
};

use super::tile::LeftRows;
use super::weights::Panel;
use super::{GROUP, PANEL};
use crate::math::mul_add;

/// The innermost loop, as an instruction set has it.
pub(super) trait Kernel {
    /// A tile's sums, without the scales of the rows.
    ///
    /// # Safety
    /// The processor must have the instruction set, and the rows of `left` twice as many values as `panel` has pairs.
    unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R];

    /// `a * b + c`, fused where the instruction set has it.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// In plain Rust.
pub(super) struct Portable;

impl Kernel for Portable {
    #[inline(always)]
    unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
        products_portable(left, panel)
    }

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        mul_add::<false>(a, b, c)
    }
}

#[inline(always)]
fn products_portable<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
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

/// Defines a [`Kernel`] with 256-bit vectors from how it adds 8 dot products of two integers to their sums: `2 R` sums, 2
/// vectors of the panel, 1 pair of activations and a product in the 16 registers; totals are in memory, touched once a
/// group.
macro_rules! kernel_of_256_bits {
    ($(#[$meta:meta])* $name:ident, $features:literal, |$sum:ident, $pair:ident, $weights:ident| $dot:expr) => {
        $(#[$meta])*
        #[cfg(target_arch = "x86_64")]
        pub(super) struct $name;

        #[cfg(target_arch = "x86_64")]
        impl Kernel for $name {
            #[inline(always)]
            unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
                use std::arch::x86_64::*;

                #[target_feature(enable = $features)]
                #[inline]
                unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
                    let mut totals = [[0f32; PANEL]; R];
                    let mut at = 0;
                    for (pairs, scales) in panel.pairs.chunks(GROUP / 2).zip(panel.scales) {
                        let mut sums = [[_mm256_setzero_si256(); 2]; R];
                        for weights in pairs {
                            // SAFETY: `weights` has 32 bytes; row `i` has at least `at + 2` values by this function's
                            // condition, and a pair of 16-bit values is read as 32 bits without regard to alignment.
                            unsafe {
                                let halves = [
                                    _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().cast())),
                                    _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().add(16).cast())),
                                ];
                                for (i, sums) in sums.iter_mut().enumerate() {
                                    let pair = left.values.as_ptr().add(i * left.stride + at).cast::<i32>();
                                    let $pair = _mm256_set1_epi32(pair.read_unaligned());
                                    for (sum, $weights) in sums.iter_mut().zip(halves) {
                                        let $sum = *sum;
                                        *sum = $dot;
                                    }
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
                                    let total =
                                        _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scales, _mm256_loadu_ps(to));
                                    _mm256_storeu_ps(to, total);
                                }
                            }
                        }
                    }
                    totals
                }

                // SAFETY: as this function's.
                unsafe { products(left, panel) }
            }

            #[inline(always)]
            fn mul_add(a: f32, b: f32, c: f32) -> f32 {
                mul_add::<true>(a, b, c)
            }
        }
    };
}

/// Defines a [`Kernel`] with 512-bit vectors from how it adds 16 dot products of two integers to their sums: `2 R` sums (even
/// and odd pairs have their own, for `R` alone would leave the units waiting for one another), `R` totals, a vector of the
/// panel and a pair of activations in the 32 registers.
macro_rules! kernel_of_512_bits {
    ($(#[$meta:meta])* $name:ident, $features:literal, |$sum:ident, $pair:ident, $weights:ident| $dot:expr) => {
        $(#[$meta])*
        #[cfg(target_arch = "x86_64")]
        pub(super) struct $name;

        #[cfg(target_arch = "x86_64")]
        impl Kernel for $name {
            #[inline(always)]
            unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
                use std::arch::x86_64::*;

                /// Adds the products of a pair of inputs to one half of the sums.
                ///
                /// # Safety
                /// Each row of `left` has at least `at + 2` values.
                #[target_feature(enable = $features)]
                #[inline]
                unsafe fn add<const R: usize, const HALF: usize>(
                    sums: &mut [[__m512i; 2]; R],
                    left: LeftRows<'_>,
                    at: usize,
                    weights: &[i8; 2 * PANEL],
                ) {
                    // SAFETY: `weights` has 32 bytes; a pair of 16-bit values is read as 32 bits without regard to alignment.
                    unsafe {
                        let $weights = _mm512_cvtepi8_epi16(_mm256_loadu_si256(weights.as_ptr().cast()));
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let pair = left.values.as_ptr().add(i * left.stride + at).cast::<i32>();
                            let $pair = _mm512_set1_epi32(pair.read_unaligned());
                            let $sum = sums[HALF];
                            sums[HALF] = $dot;
                        }
                    }
                }

                #[target_feature(enable = $features)]
                #[inline]
                unsafe fn products<const R: usize>(left: LeftRows<'_>, panel: Panel<'_>) -> [[f32; PANEL]; R] {
                    let mut totals = [_mm512_setzero_ps(); R];
                    let mut at = 0;
                    for (pairs, scales) in panel.pairs.chunks(GROUP / 2).zip(panel.scales) {
                        let mut sums = [[_mm512_setzero_si512(); 2]; R];
                        let (twos, rest) = pairs.as_chunks::<2>();
                        for [even, odd] in twos {
                            // SAFETY: row `i` has at least `at + 4` values by this function's condition.
                            unsafe {
                                add::<R, 0>(&mut sums, left, at, even);
                                add::<R, 1>(&mut sums, left, at + 2, odd);
                            }
                            at += 4;
                        }
                        for last in rest {
                            // SAFETY: row `i` has at least `at + 2` values by this function's condition.
                            unsafe { add::<R, 0>(&mut sums, left, at, last) };
                            at += 2;
                        }
                        // SAFETY: `scales` has 16 values.
                        let scales = unsafe { _mm512_loadu_ps(scales.as_ptr()) };
                        for (total, [even, odd]) in totals.iter_mut().zip(sums) {
                            let sum = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
                            *total = _mm512_fmadd_ps(sum, scales, *total);
                        }
                    }
                    let mut stored = [[0f32; PANEL]; R];
                    for (stored, total) in stored.iter_mut().zip(totals) {
                        // SAFETY: `stored` has room for a vector of 16.
                        unsafe { _mm512_storeu_ps(stored.as_mut_ptr(), total) };
                    }
                    stored
                }

                // SAFETY: as this function's.
                unsafe { products(left, panel) }
            }

            #[inline(always)]
            fn mul_add(a: f32, b: f32, c: f32) -> f32 {
                mul_add::<true>(a, b, c)
            }
        }
    };
}

kernel_of_256_bits! {
    /// `vpmaddwd` and an addition.
    Avx2, "avx2,fma", |sum, pair, weights| _mm256_add_epi32(sum, _mm256_madd_epi16(pair, weights))
}

kernel_of_256_bits! {
    /// `vpdpwssd`, which does both.
    AvxVnni, "avx2,fma,avxvnni", |sum, pair, weights| add_dots_256(sum, pair, weights)
}

kernel_of_512_bits! {
    /// `vpmaddwd` and an addition.
    Avx512, "avx512f,avx512bw", |sum, pair, weights| _mm512_add_epi32(sum, _mm512_madd_epi16(pair, weights))
}

kernel_of_512_bits! {
    /// `vpdpwssd`, which does both.
    Avx512Vnni, "avx512f,avx512bw,avx512vnni", |sum, pair, weights| add_dots_512(sum, pair, weights)
}

/// `vpdpwssd`, in assembly: compilers that do not know which processor they are for take every second one of an unrolled loop apart into a
/// multiplication and an addition (LLVM 22, `TuningFastDPWSSD`), which takes twice as long.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn add_dots_512(sum: __m512i, pair: __m512i, weights: __m512i) -> __m512i {
    let mut sum = sum;
    // SAFETY: the instruction is there by this function's features and reads and writes these registers only.
    unsafe {
        asm!(
            "vpdpwssd {sum}, {weights}, {pair}",
            sum = inout(zmm_reg) sum,
            weights = in(zmm_reg) weights,
            pair = in(zmm_reg) pair,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// As [`add_dots_512`], with 256 bits and the encoding of AVX-VNNI.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avxvnni")]
#[inline]
fn add_dots_256(sum: __m256i, pair: __m256i, weights: __m256i) -> __m256i {
    let mut sum = sum;
    // SAFETY: as in `add_dots_512`.
    unsafe {
        asm!(
            "{{vex}} vpdpwssd {sum}, {weights}, {pair}",
            sum = inout(ymm_reg) sum,
            weights = in(ymm_reg) weights,
            pair = in(ymm_reg) pair,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
