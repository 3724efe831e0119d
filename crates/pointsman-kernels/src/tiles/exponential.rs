//! Functions of 16 numbers at a time, as exact as results in bfloat16 (8 bits) can use.

use std::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_roundscale_ps,
    _mm512_scalef_ps, _mm512_set1_ps, _mm512_sub_ps,
};

/// `2^x` within 3e-6 of itself: infinite above 128, 0 below -150, NaN for NaN.
///
/// `x = n + f` with `|f| ≤ 1/2`; the polynomial for `2^f` is the one of degree 4 with the least largest relative error.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn exp2(x: __m512) -> __m512 {
    /// To the nearest integer, exceptions suppressed.
    const NEAREST: i32 = 0x08;
    let n = _mm512_roundscale_ps::<NEAREST>(x);
    let f = _mm512_sub_ps(x, n);
    let p = _mm512_set1_ps(9.570_102e-3);
    let p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.591_786e-2));
    let p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.240_247_45));
    let p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.693_121_8));
    let p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.999_999_3));
    _mm512_scalef_ps(p, n)
}

/// `x Φ(x)`, the GELU with the error function (Hendrycks and Gimpel, 2016), within 1e-4 of the larger of 1 and `|x|`.
///
/// `Φ(x) - 1/2` is an odd polynomial of degree 13 with the least largest error of the product, 7.2e-5, that reaches 1/2 at
/// `|x| = 3.9` and stays there.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn gelu(x: __m512) -> __m512 {
    const END: f32 = 3.9;
    let near = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(END)), _mm512_set1_ps(-END));
    let square = _mm512_mul_ps(near, near);
    let p = _mm512_set1_ps(3.030_213e-8);
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-1.980_184_5e-6));
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(5.548_483e-5));
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-8.865_863e-4));
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(9.122_619e-3));
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-0.065_338_99));
    let p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(0.398_426_94));
    _mm512_mul_ps(x, _mm512_fmadd_ps(near, p, _mm512_set1_ps(0.5)))
}
