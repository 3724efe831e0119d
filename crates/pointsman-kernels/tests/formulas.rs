//! Every kernel on every tier against its formula in f64, on random shapes.

use pointsman_kernels::{
    AdamWStep, LayerNormGradients, Mat, MatMut, Packed, QuantizedRows, QuantizedWeights, Tier, adamw,
    add_bias, bias_gelu, bias_gelu_backward, column_sums, layer_norm, layer_norm_backward, matmul,
    matmul_int16, softmax, softmax_backward, sum_of_squares,
};
use proptest::prelude::*;

/// `count` values from -2 to 2 that depend on `seed` alone (the generator of Numerical Recipes).
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

/// `got` is within `tolerance` times the largest expected value (at least 1) of `expected`.
#[track_caller]
fn close(what: &str, tier: Tier, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let distance = (f64::from(*got) - expected).abs();
        assert!(distance <= tolerance * scale, "{what} on {}: [{i}] is {got}, not {expected}", tier.name());
    }
}

/// erf by its series of positive terms.
fn erf(x: f64) -> f64 {
    let (mut term, mut total, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * total.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        total += term;
    }
    total * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
}

fn gelu(v: f64) -> f64 {
    v * 0.5 * (1.0 + erf(v / 2f64.sqrt()))
}

/// The derivative of `f` at `x` by a central difference.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
}

/// Mean of a row, and what its norm multiplies distances from it by.
fn mean_and_slope(x: &[f64], epsilon: f64) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance + epsilon).sqrt().recip())
}

fn normalised(x: &[f64], epsilon: f64) -> Vec<f64> {
    let (mean, slope) = mean_and_slope(x, epsilon);
    x.iter().map(|v| (v - mean) * slope).collect()
}

/// The largest slope of the norm of a row of `n`, at least 1. A rounding error of the mean grows by it, and that of a gradient by
/// its square: rows of nearly equal values are badly conditioned whatever computes them.
fn steepness(x: &[f64], n: usize, epsilon: f64) -> f64 {
    x.chunks(n).map(|row| mean_and_slope(row, epsilon).1).fold(1.0, f64::max)
}

fn softmax_of(x: &[f64], scale: f64) -> Vec<f64> {
    let largest = x.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let powers: Vec<f64> = x.iter().map(|v| ((v - largest) * scale).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|p| p / total).collect()
}

/// The gradient of `Σ weight · f(x)` by central differences.
fn gradient(x: &[f64], weight: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let value = |x: &[f64]| f(x).iter().zip(weight).map(|(y, w)| y * w).sum::<f64>();
    (0..x.len())
        .map(|i| {
            slope(
                |v| {
                    let mut x = x.to_vec();
                    x[i] = v;
                    value(&x)
                },
                x[i],
            )
        })
        .collect()
}

/// Rows of weights that are multiples of a scale for every 128, as model files store them.
fn stored_weights(rows: usize, columns: usize, seed: u32) -> Vec<f32> {
    let mut weights = noise(rows * columns, seed);
    for group in weights.chunks_mut(columns.max(1)).flat_map(|row| row.chunks_mut(128)) {
        let scale = group[0].abs() + 0.01;
        group.iter_mut().for_each(|v| *v = (*v * 63.0).round() * scale);
        group[0] = 127.0 * scale;
    }
    weights
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matmul_is_the_sum_of_products(
        (m, n, k) in (0usize..40, 0usize..70, prop_oneof![0usize..50, 380usize..390, 765usize..775]),
        (gap, seed) in (0usize..5, any::<u32>()),
        (transpose_left, transpose_right, accumulate) in any::<(bool, bool, bool)>(),
    ) {
        let strided = |rows: usize, columns: usize, seed| noise(rows * (columns + gap) + columns, seed);
        let view = |data, rows: usize, columns: usize| Mat::with_stride(data, rows, columns, columns + gap);
        let (left, right) = (strided(m.max(k), m.max(k), seed), strided(n.max(k), n.max(k), seed ^ 1));
        let left = if transpose_left { view(&left, k, m).transposed() } else { view(&left, m, k) };
        let right = if transpose_right { view(&right, n, k).transposed() } else { view(&right, k, n) };
        let before = strided(m, n, seed ^ 2);
        let element = |mat: Mat<'_>, i, j| f64::from(mat.get(i, j));
        for tier in Tier::available() {
            let mut out = before.clone();
            matmul(tier, MatMut::with_stride(&mut out, m, n, n + gap), accumulate, left, &Packed::new(right));
            let mut expected = wide(&before);
            for i in 0..m {
                for j in 0..n {
                    let at = i * (n + gap) + j;
                    let start = if accumulate { expected[at] } else { 0.0 };
                    expected[at] = start + (0..k).map(|l| element(left, i, l) * element(right, l, j)).sum::<f64>();
                }
            }
            // Rounding errors of a sum grow with its length (Higham 2002, §4.2).
            close("matmul", tier, &out, &expected, 4e-6 + 2e-8 * k as f64);
        }
    }

    #[test]
    fn matmul_gives_a_row_the_same_bits_alone_and_among_others(m in 2usize..30, n in 1usize..40, k in 1usize..800) {
        let (left, right) = (noise(m * k, 1), noise(k * n, 2));
        let right = Packed::new(Mat::new(&right, k, n));
        for tier in Tier::available() {
            let mut together = vec![0.0; m * n];
            matmul(tier, MatMut::new(&mut together, m, n), false, Mat::new(&left, m, k), &right);
            for i in 0..m {
                let mut alone = vec![0.0; n];
                let row = Mat::new(&left, m, k).rows(i..i + 1);
                matmul(tier, MatMut::new(&mut alone, 1, n), false, row, &right);
                prop_assert_eq!(&alone, &together[i * n..(i + 1) * n]);
            }
        }
    }

    #[test]
    fn a_packed_operand_can_be_transposed((n, k) in (0usize..70, 0usize..70), m in 1usize..9) {
        let (left, right) = (noise(m * n, 1), noise(k * n, 2));
        let right = Mat::new(&right, k, n);
        for tier in Tier::available() {
            let product = |right: &Packed| {
                let mut out = vec![0.0; m * k];
                matmul(tier, MatMut::new(&mut out, m, k), false, Mat::new(&left, m, n), right);
                out
            };
            prop_assert_eq!(product(&Packed::new(right).transposed()), product(&Packed::new(right.transposed())));
        }
    }

    #[test]
    fn matmul_int16_is_the_sum_of_products(
        (m, n, k) in (0usize..14, 0usize..40, prop_oneof![0usize..9, 120usize..140, 380usize..390, 510usize..515]),
        (seed, accumulate) in any::<(u32, bool)>(),
    ) {
        let (left, right, before) = (noise(m * k, seed), stored_weights(n, k, seed ^ 1), noise(m * n, seed ^ 2));
        let weights = QuantizedWeights::new(Mat::new(&right, n, k));
        let mut rows = QuantizedRows::default();
        for tier in Tier::available() {
            rows.fill(tier, &left, &weights);
            let mut out = before.clone();
            // Without columns there is nothing to count rows by.
            let m = if k == 0 { 0 } else { m };
            matmul_int16(tier, MatMut::new(&mut out, m, n), accumulate, &rows, &weights);
            let mut expected = wide(&before);
            for i in 0..m {
                for j in 0..n {
                    let products = (0..k).map(|l| f64::from(left[i * k + l]) * f64::from(right[j * k + l]));
                    let start = if accumulate { expected[i * n + j] } else { 0.0 };
                    expected[i * n + j] = start + products.sum::<f64>();
                }
            }
            // Activations are rounded to 1/32767 of their row's largest, 2 here.
            close("matmul_int16", tier, &out, &expected, 1e-4);
        }
    }

    #[test]
    fn weights_stored_with_divisors_lose_nothing_in_int16(
        (m, n, k) in (1usize..8, 1usize..20, prop_oneof![1usize..9, 120usize..140, 510usize..515]),
        seed in any::<u32>(),
    ) {
        let left = noise(m * k, seed);
        let divisors: Vec<f32> = noise(k, seed ^ 2).iter().map(|x| 0.05 + x.abs()).collect();
        // What a file holds: integers times a scale for each output, divided by the inputs' divisors.
        let integers: Vec<f32> = noise(n * k, seed ^ 1).iter().map(|x| (x * 60.0).round()).collect();
        let mut right = Vec::new();
        for (output, integers) in integers.chunks(k).enumerate() {
            // The largest of an output is at 127, by which its scale was chosen.
            let of = |input: usize| if input == output % k { 127.0 } else { integers[input] };
            right.extend((0..k).map(|input| of(input) * 0.003 * (1.0 + output as f32) / divisors[input]));
        }
        let weights = QuantizedWeights::divided(Mat::new(&right, n, k), &divisors);
        let mut rows = QuantizedRows::default();
        for tier in Tier::available() {
            rows.fill(tier, &left, &weights);
            let mut out = vec![0.0; m * n];
            matmul_int16(tier, MatMut::new(&mut out, m, n), false, &rows, &weights);
            for (i, out) in out.chunks(n).enumerate() {
                let row = &left[i * k..][..k];
                let largest = row.iter().zip(&divisors).fold(0f32, |most, (x, d)| most.max((x / d).abs()));
                for (j, out) in out.iter().enumerate() {
                    let weights = &right[j * k..][..k];
                    let (mut sum, mut magnitude) = (0f64, 0f64);
                    for ((x, w), d) in row.iter().zip(weights).zip(&divisors) {
                        sum += f64::from(x * w);
                        // Half a step of the activation, and roundings of `f32`, times the integer's weight.
                        magnitude += f64::from((w * d).abs());
                    }
                    let bound = magnitude * f64::from(largest) * (0.51 / 32767.0 + 4e-7);
                    prop_assert!((f64::from(*out) - sum).abs() <= bound, "{}: {out} for {sum}, {bound}", tier.name());
                }
            }
        }
    }

    #[test]
    fn matmul_int16_gives_a_row_the_same_bits_alone_and_among_others(m in 2usize..15, n in 1usize..40, k in 1usize..800) {
        let (left, right) = (noise(m * k, 1), noise(n * k, 2));
        let weights = QuantizedWeights::new(Mat::new(&right, n, k));
        let mut rows = QuantizedRows::default();
        for tier in Tier::available() {
            let mut product = |left: &[f32]| {
                rows.fill(tier, left, &weights);
                let mut out = vec![0.0; rows.rows() * n];
                matmul_int16(tier, MatMut::new(&mut out, rows.rows(), n), false, &rows, &weights);
                out
            };
            let together = product(&left);
            for (left, together) in left.chunks(k).zip(together.chunks(n)) {
                prop_assert_eq!(product(left), together);
            }
        }
    }

    #[test]
    fn biases_are_added_and_their_gradient_is_the_sum((rows, n, seed) in (0usize..9, 1usize..70, any::<u32>())) {
        let (x, bias) = (noise(rows * n, seed), noise(n, seed ^ 1));
        for tier in Tier::available() {
            let mut y = x.clone();
            add_bias(tier, &mut y, &bias);
            let expected: Vec<f64> = (0..x.len()).map(|i| f64::from(x[i]) + f64::from(bias[i % n])).collect();
            close("add_bias", tier, &y, &expected, 1e-6);
            let mut sums = bias.clone();
            column_sums(tier, &x, &mut sums);
            let column = |j: usize| x.iter().skip(j).step_by(n).map(|v| f64::from(*v)).sum::<f64>();
            let expected: Vec<f64> = (0..n).map(|j| f64::from(bias[j]) + column(j)).collect();
            close("column_sums", tier, &sums, &expected, 1e-6);
        }
    }

    #[test]
    fn gelu_and_its_gradient((rows, n, seed) in (0usize..5, 1usize..70, any::<u32>()), spread in 1f32..4.0) {
        let x: Vec<f32> = noise(rows * n, seed).iter().map(|v| v * spread).collect();
        let (bias, dy) = (noise(n, seed ^ 1), noise(rows * n, seed ^ 2));
        let sums: Vec<f64> = (0..x.len()).map(|i| f64::from(x[i] + bias[i % n])).collect();
        for tier in Tier::available() {
            let mut y = vec![0.0; x.len()];
            bias_gelu(tier, &x, &bias, &mut y);
            close("bias_gelu", tier, &y, &sums.iter().map(|v| gelu(*v)).collect::<Vec<_>>(), 1e-6);
            let (mut dx, mut dbias) = (vec![0.0; x.len()], bias.clone());
            bias_gelu_backward(tier, &x, &bias, &dy, &mut dx, &mut dbias);
            let expected: Vec<f64> = sums.iter().zip(&dy).map(|(v, dy)| f64::from(*dy) * slope(gelu, *v)).collect();
            close("bias_gelu_backward", tier, &dx, &expected, 2e-6);
            let column = |j: usize| expected.iter().skip(j).step_by(n).sum::<f64>();
            let expected: Vec<f64> = (0..n).map(|j| f64::from(bias[j]) + column(j)).collect();
            close("bias_gelu_backward's bias", tier, &dbias, &expected, 2e-6);
        }
    }

    #[test]
    fn layer_norm_and_its_gradients((rows, n, seed) in (1usize..4, 2usize..70, any::<u32>()), offset in -5f32..5.0) {
        let epsilon = 1e-5;
        let x: Vec<f32> = noise(rows * n, seed).iter().map(|v| v + offset).collect();
        let [weight, bias] = [noise(n, seed ^ 1), noise(n, seed ^ 2)];
        let dy = noise(rows * n, seed ^ 3);
        let slope = steepness(&wide(&x), n, epsilon);
        let normal: Vec<f64> = wide(&x).chunks(n).flat_map(|row| normalised(row, epsilon)).collect();
        for tier in Tier::available() {
            let mut y = vec![0.0; x.len()];
            layer_norm(tier, &x, &weight, &bias, epsilon as f32, &mut y);
            let expected: Vec<f64> = (0..x.len())
                .map(|i| normal[i] * f64::from(weight[i % n]) + f64::from(bias[i % n]))
                .collect();
            close("layer_norm", tier, &y, &expected, 5e-6 * slope);

            let (mut dx, mut dweight, mut dbias) = (vec![0.0; x.len()], weight.clone(), bias.clone());
            let gradients = LayerNormGradients { dx: &mut dx, dweight: &mut dweight, dbias: &mut dbias };
            layer_norm_backward(tier, &x, &weight, epsilon as f32, &dy, gradients);
            let weighted: Vec<f64> =
                (0..x.len()).map(|i| f64::from(dy[i]) * f64::from(weight[i % n])).collect();
            let expected: Vec<f64> = wide(&x)
                .chunks(n)
                .zip(weighted.chunks(n))
                .flat_map(|(x, dy)| gradient(x, dy, |x| normalised(x, epsilon)))
                .collect();
            close("layer_norm_backward", tier, &dx, &expected, 2e-5 * slope * slope);
            let column = |j: usize, of: &dyn Fn(usize) -> f64| (0..rows).map(|r| of(r * n + j)).sum::<f64>();
            let expected: Vec<f64> = (0..n)
                .map(|j| f64::from(weight[j]) + column(j, &|i| f64::from(dy[i]) * normal[i]))
                .collect();
            close("layer_norm_backward's weight", tier, &dweight, &expected, 5e-6 * slope);
            let expected: Vec<f64> =
                (0..n).map(|j| f64::from(bias[j]) + column(j, &|i| f64::from(dy[i]))).collect();
            close("layer_norm_backward's bias", tier, &dbias, &expected, 5e-6);
        }
    }

    #[test]
    fn softmax_and_its_gradient((rows, n, seed) in (1usize..4, 1usize..70, any::<u32>()), scale in 0.1f32..2.0) {
        let (x, dp) = (noise(rows * n, seed), noise(rows * n, seed ^ 1));
        let wide_scale = f64::from(scale);
        for tier in Tier::available() {
            let mut p = x.clone();
            softmax(tier, &mut p, n, scale);
            let expected: Vec<f64> =
                wide(&x).chunks(n).flat_map(|row| softmax_of(row, wide_scale)).collect();
            close("softmax", tier, &p, &expected, 1e-6);
            let mut dx = dp.clone();
            softmax_backward(tier, &p, &mut dx, n, scale);
            let expected: Vec<f64> = wide(&x)
                .chunks(n)
                .zip(wide(&dp).chunks(n))
                .flat_map(|(x, dp)| gradient(x, dp, |x| softmax_of(x, wide_scale)))
                .collect();
            close("softmax_backward", tier, &dx, &expected, 2e-6);
        }
    }

    #[test]
    fn adamw_follows_its_formula((n, seed) in (0usize..70, any::<u32>()), t in 1i32..50) {
        let (beta1, beta2) = (0.9f64, 0.999f64);
        let step = AdamWStep {
            learning_rate: 0.01,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            epsilon: 1e-8,
            weight_decay: 0.1,
            correction1: (1.0 / (1.0 - beta1.powi(t))) as f32,
            correction2: (1.0 / (1.0 - beta2.powi(t))) as f32,
            gradient_scale: 0.5,
        };
        let [parameter, mean, gradient] = [1, 2, 3].map(|i| noise(n, seed ^ i));
        let square: Vec<f32> = noise(n, seed ^ 4).iter().map(|v| v.abs() + 0.01).collect();
        for tier in Tier::available() {
            let (mut p, mut m, mut s) = (parameter.clone(), mean.clone(), square.clone());
            adamw(tier, &step, &mut p, &mut m, &mut s, &gradient);
            let (mut means, mut squares, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
            for i in 0..n {
                let g = 0.5 * f64::from(gradient[i]);
                let m = beta1 * f64::from(mean[i]) + (1.0 - beta1) * g;
                let s = beta2 * f64::from(square[i]) + (1.0 - beta2) * g * g;
                let corrected = (s / (1.0 - beta2.powi(t))).sqrt() + 1e-8;
                let decayed = f64::from(parameter[i]) * (1.0 - 0.01 * 0.1);
                parameters.push(decayed - 0.01 * m / (1.0 - beta1.powi(t)) / corrected);
                means.push(m);
                squares.push(s);
            }
            close("adamw's mean", tier, &m, &means, 1e-6);
            close("adamw's square", tier, &s, &squares, 1e-6);
            close("adamw's parameter", tier, &p, &parameters, 1e-6);
        }
    }

    #[test]
    fn squares_are_summed((n, seed) in (0usize..500, any::<u32>())) {
        let x = noise(n, seed);
        let expected = wide(&x).iter().map(|v| v * v).sum::<f64>();
        for tier in Tier::available() {
            close("sum_of_squares", tier, &[sum_of_squares(tier, &x)], &[expected], 1e-6);
        }
    }
}

#[test]
fn softmax_of_large_values_does_not_overflow() {
    for tier in Tier::available() {
        let mut p = vec![3e38, -3e38, 3e38, 0.0];
        softmax(tier, &mut p, 4, 0.5);
        for (got, expected) in p.iter().zip([0.5, 0.0, 0.5, 0.0]) {
            assert!((got - expected).abs() < 1e-37, "{}: {p:?}", tier.name());
        }
    }
}

#[test]
fn not_a_number_is_not_hidden() {
    for tier in Tier::available() {
        let mut y = vec![0.0; 3];
        bias_gelu(tier, &[1.0, f32::NAN, 1.0], &[0.0; 3], &mut y);
        assert!(y[1].is_nan() && !y[0].is_nan() && !y[2].is_nan(), "{}: {y:?}", tier.name());
        let mut p = vec![0.0, f32::NAN, 1.0];
        softmax(tier, &mut p, 3, 1.0);
        assert!(p.iter().all(|v| v.is_nan()), "{}: {p:?}", tier.name());
    }
}

#[test]
fn matmul_int16_of_strange_rows() {
    let weights = QuantizedWeights::new(Mat::new(&[1.0, -1.0, 0.5], 1, 3));
    let mut rows = QuantizedRows::default();
    for tier in Tier::available() {
        let x = [[0.0; 3], [1e-38; 3], [f32::NAN, 1.0, 1.0], [1.0, f32::INFINITY, 1.0], [3e38, 0.0, 3e38]];
        rows.fill(tier, x.as_flattened(), &weights);
        let mut out = vec![0.0; 5];
        matmul_int16(tier, MatMut::new(&mut out, 5, 1), false, &rows, &weights);
        assert!(out[0] == 0.0 && out[1] == 0.0, "{}: {out:?}", tier.name());
        assert!(!out[2].is_finite() && !out[3].is_finite() && !out[4].is_nan(), "{}: {out:?}", tier.name());
    }
}
