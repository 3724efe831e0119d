//! Functions of 16 numbers at a time, as exact as results in bfloat16 (8 bits) can use.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_rcp14_ps,
    _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps, _mm512_sub_ps,
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
/// `Φ(x)` is written as `1 / (1 + 2^-a(x))` with an odd polynomial `a` of degree 5 whose coefficients give the least largest
/// error of the product, 2.5e-5; the reciprocal has 14 bits. Beyond `|x| = 4` the polynomial goes on with its last slope.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn gelu(x: __m512) -> __m512 {
    let square = _mm512_min_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(16.0));
    let slope = _mm512_set1_ps(1.014_263e-3);
    let slope = _mm512_fmadd_ps(slope, square, _mm512_set1_ps(-0.106_775_72));
    let slope = _mm512_fmadd_ps(slope, square, _mm512_set1_ps(-2.301_121_3));
    let odds = _mm512_add_ps(_mm512_set1_ps(1.0), exp2(_mm512_mul_ps(x, slope)));
    _mm512_mul_ps(x, _mm512_rcp14_ps(odds))
}
