//! Both matrix products on every tier beside the portable one. Without dependencies, so that Miri runs them quickly; the
//! formulas are checked on random shapes in `tests/formulas.rs`.

use std::io::Write as _;

use super::{Mat, MatMut, Packed, QuantizedRows, QuantizedWeights, matmul, matmul_int16};
use crate::Tier;

/// Rows, columns and depth: alone, odd, one more or less than tiles, panels, groups and blocks.
const SHAPES: &[(usize, usize, usize)] = &[
    (1, 1, 1),
    (1, 17, 3),
    (6, 16, 5),
    (3, 16, 9),
    (2, 5, 33),
    (1, 1, 131),
    (2, 5, 127),
    (6, 17, 99),
    (3, 16, 128),
    (4, 15, 129),
    (5, 33, 64),
    (6, 16, 131),
    (7, 31, 257),
    (13, 18, 385),
];

/// The shapes, without the large ones where an interpreter is at work.
fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
    SHAPES.iter().copied().filter(|(m, n, k)| !cfg!(miri) || m * n.next_multiple_of(16) * k < 2500)
}

/// `count` values from -2 to 2 (the generator of Numerical Recipes).
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn tiers_that_this_machine_lacks_are_named() {
    for name in Tier::names().filter(|name| Tier::named(name).is_none()) {
        // Past the harness, which would keep what is printed to itself.
        let said = format!("SKIPPED: this processor has no {name}, so its kernels were not run\n");
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
    }
    assert_eq!(Tier::named("portable"), Some(Tier::PORTABLE));
}

#[test]
fn every_tier_gives_what_the_portable_one_does() {
    for (m, n, k) in shapes() {
        let (left, right) = (noise(m * k, 1), noise(k * n, 2));
        let (left, right) = (Mat::new(&left, m, k), Packed::new(Mat::new(&right, k, n)));
        let product = |tier, accumulate| {
            let mut out = noise(m * n, 3);
            matmul(tier, MatMut::new(&mut out, m, n), accumulate, left, &right);
            out
        };
        for (tier, accumulate) in Tier::available().into_iter().flat_map(|tier| [(tier, false), (tier, true)])
        {
            let difference =
                largest_difference(&product(tier, accumulate), &product(Tier::PORTABLE, accumulate));
            // Sums of k products of up to 4, in another order.
            let tolerance = 1e-6 * k as f32;
            assert!(difference <= tolerance, "{m} x {n} x {k} on {}: {difference}", tier.name());
        }
    }
}

#[test]
fn every_tier_gives_what_the_portable_one_does_in_int16() {
    for (m, n, k) in shapes() {
        let (left, right) = (noise(m * k, 1), noise(k * n, 2));
        let weights = QuantizedWeights::new(Mat::new(&right, n, k));
        let product = |tier, accumulate| {
            let mut rows = QuantizedRows::default();
            rows.fill(tier, &left, &weights);
            let mut out = noise(m * n, 3);
            matmul_int16(tier, MatMut::new(&mut out, m, n), accumulate, &rows, &weights);
            out
        };
        for accumulate in [false, true] {
            let portable = product(Tier::PORTABLE, accumulate);
            let mut vectors =
                Tier::available().split_off(1).into_iter().map(|tier| (tier, product(tier, accumulate)));
            let Some((tier, first)) = vectors.next() else { return };
            // A group's sum is exact; what is rounded is its product with two scales.
            let difference = largest_difference(&first, &portable);
            assert!(difference <= 4e-6 * k as f32, "{m} x {n} x {k} on {}: {difference}", tier.name());
            for (tier, other) in vectors {
                assert!(other == first, "{m} x {n} x {k} on {}: other bits", tier.name());
            }
        }
    }
}

#[test]
fn int16_sums_hold_the_largest_values() {
    let (m, n, k) = (2, 3, 256);
    let weights = QuantizedWeights::new(Mat::new(&vec![-1.0; n * k], n, k));
    for tier in Tier::available() {
        let mut rows = QuantizedRows::default();
        rows.fill(tier, &vec![1.0; m * k], &weights);
        let mut out = vec![0.0; m * n];
        matmul_int16(tier, MatMut::new(&mut out, m, n), false, &rows, &weights);
        assert!(out.iter().all(|sum| (sum + 256.0).abs() < 1e-3), "{}: {out:?}", tier.name());
    }
}
