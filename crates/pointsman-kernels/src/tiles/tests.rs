//! The steps beside their formulas in f64.

use super::*;
use crate::Mat;

/// Numbers that look random and repeat, from -1 to 1.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729 + i * i % 31) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// Runs a test on each unit of this processor, and says which there are not.
fn with_units(test: impl Fn(TileUnit)) {
    for (name, unit) in [("AMX", TileUnit::amx()), ("AVX-512 with VNNI and BF16", TileUnit::avx512())] {
        match unit {
            Some(unit) => test(unit),
            None => {
                use std::io::Write;
                let _ = writeln!(
                    std::io::stderr(),
                    "SKIPPED: there is no {name} here, or no permission to use it"
                );
            }
        }
    }
}

fn close(got: impl IntoIterator<Item = f32>, expected: &[f64], tolerance: f64, what: &str) {
    let scale = expected.iter().fold(0.1, |a: f64, b| a.max(b.abs()));
    let mut count = 0;
    for (at, (got, expected)) in got.into_iter().zip(expected).enumerate() {
        let off = (f64::from(got) - expected).abs();
        assert!(off <= tolerance * scale, "{what}: value {at} is {got}, not {expected}");
        count += 1;
    }
    assert_eq!(count, expected.len(), "{what}: count");
}

fn of_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
}

/// The values of tiles of bfloat16, row-major.
fn unpacked(rows: &mut TileRows) -> Vec<f32> {
    let steps = rows.columns() / 32;
    let mut values = Vec::new();
    for row in 0..rows.rows() {
        for step in 0..steps {
            values.extend(of_bytes(&rows.line_mut(row, step).0));
        }
    }
    values
}

/// `x · weightsᵀ + bias` in f64.
fn affine(x: &[f32], weights: &[f32], bias: &[f32], inputs: usize) -> Vec<f64> {
    x.chunks(inputs)
        .flat_map(|x| {
            weights.chunks(inputs).zip(bias).map(move |(w, b)| {
                x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + f64::from(*b)
            })
        })
        .collect()
}

fn gelu(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return x.max(0.0);
    }
    // The error function by its series of positive terms.
    let z = x.abs() / 2f64.sqrt();
    let (mut term, mut total, mut n) = (z, z, 0.0);
    while term > 1e-17 * total && total > 0.0 {
        n += 1.0;
        term *= 2.0 * z * z / (2.0 * n + 1.0);
        total += term;
    }
    let erf = total * (-z * z).exp() * 2.0 / std::f64::consts::PI.sqrt();
    x * 0.5 * (1.0 + erf.copysign(x))
}

const SHAPES: &[(usize, usize, usize)] = &[
    (1, 32, 64),
    (16, 64, 64),
    (17, 96, 128),
    (31, 32, 192),
    (33, 384, 384),
    (100, 64, 1536),
    (512, 32, 64),
];

/// Formats with the tolerance of a product: rounding has 8 bits in both.
const FORMATS: [(TileFormat, f64); 2] = [(TileFormat::Bf16, 8e-3), (TileFormat::Int8, 1.5e-2)];

#[test]
fn products_are_sums_of_products() {
    with_units(|unit| {
        for &(rows, outputs, inputs) in SHAPES {
            for (format, tolerance) in FORMATS {
                let what = format!("{rows} x {outputs} x {inputs} in {format:?}");
                let (x, bias) = (numbers(rows * inputs, 1), numbers(outputs, 2));
                let values = numbers(outputs * inputs, 3);
                let smoothing: Vec<f32> = (0..inputs).map(|i| [0.5, 1.0, 2.0][i % 3]).collect();
                let weights = TileWeights::new(format, Mat::new(&values, outputs, inputs), &bias, &smoothing);
                let expected = affine(&x, &values, &bias, inputs);
                let mut left = TileRows::default();
                unit.fill(&x, &weights, &mut left);

                let mut sums = vec![1.0; rows * outputs];
                unit.add_product(&left, &weights, &mut sums);
                close(sums.iter().map(|sum| sum - 1.0), &expected, tolerance, &what);

                let mut out = TileRows::default();
                unit.gelu_of_product(&left, &weights, &mut out);
                let of_gelu: Vec<f64> = expected.iter().copied().map(gelu).collect();
                close(unpacked(&mut out), &of_gelu, tolerance + 4e-3, &format!("gelu of {what}"));

                let mut matrix = Bf16Matrix::default();
                matrix.reset(rows, outputs);
                unit.product(&left, &weights, &mut matrix.rows_mut());
                let lines = &matrix.lines()[..rows * outputs / 32];
                let got = lines.iter().flat_map(|line| of_bytes(&line.0));
                close(got, &expected, tolerance + 4e-3, &format!("rows of {what}"));
            }
        }
    });
}

#[test]
fn a_row_gives_the_same_bits_alone_and_among_others() {
    with_units(|unit| {
        let (outputs, inputs, rows) = (64, 128, 45);
        let (x, values, bias) =
            (numbers(rows * inputs, 1), numbers(outputs * inputs, 2), numbers(outputs, 3));
        for (format, _) in FORMATS {
            let weights =
                TileWeights::new(format, Mat::new(&values, outputs, inputs), &bias, &vec![1.0; inputs]);
            let product = |x: &[f32]| {
                let (mut left, mut out) = (TileRows::default(), vec![0.0; x.len() / inputs * outputs]);
                unit.fill(x, &weights, &mut left);
                unit.add_product(&left, &weights, &mut out);
                out
            };
            let together = product(&x);
            for (row, x) in x.chunks(inputs).enumerate() {
                assert!(
                    product(x) == together[row * outputs..(row + 1) * outputs],
                    "row {row} in {format:?}"
                );
            }
        }
    });
}

#[test]
fn norms_are_normal() {
    with_units(|unit| {
        let (rows, columns) = (21, 64);
        let (mut x, weight, bias) = (numbers(rows * columns, 1), numbers(columns, 2), numbers(columns, 3));
        let expected: Vec<f64> = x
            .chunks(columns)
            .flat_map(|row| {
                let n = columns as f64;
                let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
                let variance = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
                let (weight, bias) = (&weight, &bias);
                row.iter().enumerate().map(move |(i, v)| {
                    (f64::from(*v) - mean) / (variance + 1e-12).sqrt() * f64::from(weight[i])
                        + f64::from(bias[i])
                })
            })
            .collect();
        let norm = TileNorm { weight: &weight, bias: &bias, epsilon: 1e-12 };
        unit.layer_norm(&mut x, norm, None);
        close(x, &expected, 1e-6, "norm");
    });
}

#[test]
fn rows_that_are_not_finite_are_not_hidden() {
    with_units(|unit| {
        let (outputs, inputs) = (32, 64);
        let ones = vec![1.0; inputs];
        let values = numbers(outputs * inputs, 1);
        let weights = TileWeights::new(
            TileFormat::Int8,
            Mat::new(&values, outputs, inputs),
            &vec![0.0; outputs],
            &ones,
        );
        let mut x = numbers(2 * inputs, 5);
        x[..inputs].fill(f32::NAN);
        let (mut left, mut out) = (TileRows::default(), vec![0.0; 2 * outputs]);
        unit.fill(&x, &weights, &mut left);
        unit.add_product(&left, &weights, &mut out);
        assert!(out[..outputs].iter().all(|v| v.is_nan()) && out[outputs..].iter().all(|v| v.is_finite()));
        // A row of zeros has no span.
        unit.fill(&vec![0.0; inputs], &weights, &mut left);
        let mut out = vec![0.5; outputs];
        unit.add_product(&left, &weights, &mut out);
        assert!(out.iter().all(|v| *v == 0.5), "{out:?}");
    });
}

/// Attention in f64 of values as bfloat16 holds them: (tokens, heads · 32).
fn attention(qkv: &[f32], tokens: usize, heads: usize) -> Vec<f64> {
    let hidden = heads * HEAD_WIDTH;
    let at = |part: usize, token: usize, i: usize| f64::from(qkv[token * 3 * hidden + part * hidden + i]);
    let mut out = vec![0.0; tokens * hidden];
    for head in 0..heads {
        let dimensions = || head * HEAD_WIDTH..(head + 1) * HEAD_WIDTH;
        for query in 0..tokens {
            let score =
                |key| dimensions().map(|i| at(0, query, i) * at(1, key, i)).sum::<f64>() / 32f64.sqrt();
            let scores: Vec<f64> = (0..tokens).map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for i in dimensions() {
                out[query * hidden + i] =
                    weights.iter().enumerate().map(|(key, w)| w / total * at(2, key, i)).sum();
            }
        }
    }
    out
}

/// Queries, keys and values of rows of these lengths, in bfloat16; queries are `factor` times as large.
fn projections(tokens: usize, heads: usize, factor: f32) -> (Vec<f32>, Bf16Matrix) {
    let hidden = heads * HEAD_WIDTH;
    let round = |v: f32| half::bf16::from_f32(v);
    let values: Vec<f32> = numbers(tokens * 3 * hidden, 9)
        .into_iter()
        .enumerate()
        .map(|(i, v)| round(if i % (3 * hidden) < hidden { factor * v } else { v }).to_f32())
        .collect();
    let mut matrix = Bf16Matrix::default();
    matrix.reset(tokens, 3 * hidden);
    for (line, values) in matrix.rows_mut().lines.iter_mut().zip(values.as_chunks::<32>().0) {
        line.0.copy_from_slice(values.map(|v| round(v).to_le_bytes()).as_flattened());
    }
    (values, matrix)
}

#[test]
fn attention_is_the_mean_of_the_values_by_the_softmax_of_the_scores() {
    with_units(|unit| {
        let heads = 2;
        let mut scratch = HeadScratch::default();
        // Scores reach about 2, 40 and 4000: the last ones overflow without their maximum subtracted.
        for factor in [1.0, 20.0, 2000.0] {
            for lengths in [&[1][..], &[2], &[15, 16, 17], &[31, 33], &[40, 64], &[5, 100, 1], &[512]] {
                let tokens: usize = lengths.iter().sum();
                let (values, matrix) = projections(tokens, heads, factor);
                let mut out = TileRows::default();
                out.reset(TileFormat::Bf16, tokens, heads * HEAD_WIDTH);
                let mut expected = Vec::new();
                let mut start = 0;
                for length in lengths {
                    let row = start..start + length;
                    unit.attention(&matrix, row, 0..*length, &mut scratch, (&mut out, start));
                    let width = 3 * heads * HEAD_WIDTH;
                    let part = &values[start * width..(start + length) * width];
                    expected.extend(attention(part, *length, heads));
                    start += length;
                }
                let what = format!("{lengths:?} with queries {factor} times as large");
                close(unpacked(&mut out), &expected, 1e-2, &what);
                assert_eq!(start, tokens);
            }
        }
    });
}

#[test]
fn queries_may_be_attended_in_parts() {
    with_units(|unit| {
        let (tokens, heads) = (77, 3);
        let (_, matrix) = projections(tokens, heads, 1.0);
        let attend = |parts: &[usize]| {
            let (mut scratch, mut values, mut start) = (HeadScratch::default(), Vec::new(), 0);
            for part in parts {
                let mut out = TileRows::default();
                out.reset(TileFormat::Bf16, *part, heads * HEAD_WIDTH);
                unit.attention(&matrix, 0..tokens, start..start + part, &mut scratch, (&mut out, 0));
                values.extend(unpacked(&mut out));
                start += part;
            }
            values
        };
        assert!(attend(&[77]) == attend(&[32, 45]));
    });
}

#[test]
fn operands_of_any_shape_and_stride_are_multiplied() {
    for tier in crate::Tier::available().into_iter().filter(|tier| tier.has_tiles()) {
        for (m, n, k) in [(1, 1, 1), (16, 32, 32), (17, 33, 31), (96, 48, 130), (50, 384, 64)] {
            let (left, right) = (numbers(m * k, 1), numbers(k * n, 2));
            let start = numbers(m * n, 3);
            for turned in 0..4 {
                let view = |values, rows, columns, turned| {
                    if turned {
                        Mat::new(values, columns, rows).transposed()
                    } else {
                        Mat::new(values, rows, columns)
                    }
                };
                let a = view(&left, m, k, turned & 1 == 1);
                let b = view(&right, k, n, turned & 2 == 2);
                let expected: Vec<f64> = (0..m * n)
                    .map(|at| {
                        let terms = (0..k).map(|i| f64::from(a.get(at / n, i)) * f64::from(b.get(i, at % n)));
                        terms.sum::<f64>()
                    })
                    .collect();
                for (accumulate, packed) in [
                    (false, crate::Packed::on(tier, b)),
                    (true, crate::Packed::on(tier, b.transposed()).transposed()),
                ] {
                    let mut out = start.clone();
                    crate::matmul(tier, crate::MatMut::new(&mut out, m, n), accumulate, a, &packed);
                    let before = |at: usize| if accumulate { start[at] } else { 0.0 };
                    let got = out.iter().enumerate().map(|(at, value)| value - before(at));
                    close(got, &expected, 8e-3, &format!("{m} x {n} x {k}, turned {turned}, {accumulate}"));
                }
            }
        }
    }
}
