//! Scalar functions and reductions in a form that compilers turn into vector code.

/// Partial sums kept apart in a reduction: four 256-bit vectors, enough to hide the latency of an addition.
const LANES: usize = 32;

/// `a * b + c`, fused where the tier has it (without hardware support `mul_add` would call a slow library function).
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, highest power first (Horner's scheme).
#[inline(always)]
pub(crate) fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut value = coefficients[0];
    for c in &coefficients[1..] {
        value = mul_add::<FMA>(value, x, *c);
    }
    value
}

/// `e^x` to about 2 units in the last place; arguments are clamped to [-87, 88], NaN stays NaN.
///
/// Cephes' `expf`: `x = n ln 2 + r`, a polynomial in `r`, `n` into the exponent bits.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer, left in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first exact in few bits, so that `n * LN2_HIGH` is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;

    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = mul_add::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = mul_add::<FMA>(n, -LN2_LOW, mul_add::<FMA>(n, -LN2_HIGH, x));
    let p = polynomial::<FMA, 6>(
        r,
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5],
    );
    let mantissa = mul_add::<FMA>(p * r, r, r + 1.0);
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    mantissa * f32::from_bits(exponent)
}

/// The standard normal's distribution function and density at `x`, each within 3e-7.
///
/// Formula 7.1.26 of Abramowitz and Stegun for the error function.
#[inline(always)]
pub(crate) fn normal_cdf_pdf<const FMA: bool>(x: f32) -> (f32, f32) {
    /// 1 / sqrt(2 pi)
    const DENSITY_AT_ZERO: f32 = 0.398_942_3;
    let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / mul_add::<FMA>(0.327_591_1, a, 1.0);
    let e = exp::<FMA>(-a * a);
    let p = polynomial::<FMA, 5>(t, [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_74, 0.254_829_6]);
    let upper_tail = 0.5 * p * t * e;
    (if x >= 0.0 { 1.0 - upper_tail } else { upper_tail }, e * DENSITY_AT_ZERO)
}

/// The sum over `i` of `term(i)` for `i < len`, in a fixed order.
#[inline(always)]
fn sum_of(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let blocks = len / LANES;
    for block in 0..blocks {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += term(block * LANES + lane);
        }
    }
    let mut total: f32 = lanes.iter().sum();
    for i in blocks * LANES..len {
        total += term(i);
    }
    total
}

/// The sum of all values.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    sum_of(x.len(), |i| x[i])
}

/// The sum of squared distances from `centre`.
#[inline(always)]
pub(crate) fn sum_squares(x: &[f32], centre: f32) -> f32 {
    sum_of(x.len(), |i| (x[i] - centre) * (x[i] - centre))
}

/// The inner product.
#[inline(always)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let y = &y[..x.len()];
    sum_of(x.len(), |i| x[i] * y[i])
}

/// The largest value; negative infinity for none.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for (largest, v) in lanes.iter_mut().zip(block) {
            *largest = if *v > *largest { *v } else { *largest };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its series of positive terms, exact to rounding for the arguments used here.
    fn erf(x: f64) -> f64 {
        let (mut term, mut total, mut n) = (x, x, 0.0);
        while term.abs() > 1e-18 * total.abs() {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            total += term;
        }
        total * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn exp_is_close_everywhere() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let expected = f64::from(x).exp();
            for got in [exp::<false>(x), exp::<true>(x)] {
                assert!((f64::from(got) / expected - 1.0).abs() < 3e-7, "exp({x}) = {got}");
            }
        }
        assert!(exp::<false>(f32::NAN).is_nan());
        assert!(exp::<false>(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn normal_cdf_and_pdf_are_close_everywhere() {
        for i in -700..700 {
            let x = f64::from(i) / 100.0;
            let (cdf, pdf) = normal_cdf_pdf::<true>(x as f32);
            let expected = 0.5 * (1.0 + erf(x / 2f64.sqrt()));
            assert!((f64::from(cdf) - expected).abs() < 3e-7, "cdf({x}) = {cdf}, not {expected}");
            let expected = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            assert!((f64::from(pdf) - expected).abs() < 3e-7, "pdf({x}) = {pdf}, not {expected}");
        }
    }

    #[test]
    fn reductions_handle_every_length() {
        for len in 0..100 {
            let x: Vec<f32> = (0..len).map(|i| (i * 37 % 11) as f32 - 5.0).collect();
            assert_eq!(sum(&x), x.iter().sum::<f32>());
            assert_eq!(dot(&x, &x), sum_squares(&x, 0.0));
            assert_eq!(max(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
