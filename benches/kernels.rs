//! Time of the kernels on each tier of this machine, at the shapes of the embedded model.
//!
//!     cargo bench -p pointsman-kernels --bench kernels

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pointsman_kernels::{
    Mat, MatMut, Packed, QuantizedRows, QuantizedWeights, Tier, bias_gelu, layer_norm, matmul, matmul_int16,
    softmax,
};

/// Tokens of a batch.
const TOKENS: usize = 64;
/// Width of a representation, and of the feed-forward network.
const HIDDEN: usize = 384;
const INTERMEDIATE: usize = 1536;

/// Values from -0.5 to 0.5 that repeat.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 7919 % 2003) as f32 / 2003.0 - 0.5).collect()
}

fn products(criterion: &mut Criterion) {
    for (inputs, outputs) in [(HIDDEN, HIDDEN), (HIDDEN, INTERMEDIATE), (INTERMEDIATE, HIDDEN)] {
        let (x, weights) = (values(TOKENS * inputs), values(inputs * outputs));
        let (x, weights) = (Mat::new(&x, TOKENS, inputs), Mat::new(&weights, outputs, inputs));
        let (packed, quantized) = (Packed::new(weights.transposed()), QuantizedWeights::new(weights));
        let mut out = vec![0.0; TOKENS * outputs];
        let mut group = criterion.benchmark_group(format!("{TOKENS}x{inputs} by {inputs}x{outputs}"));
        // Additions and multiplications.
        group.throughput(Throughput::Elements((2 * TOKENS * inputs * outputs) as u64));
        for tier in Tier::available() {
            if tier == tier.of_floats() {
                group.bench_function(BenchmarkId::new("f32", tier.name()), |bencher| {
                    bencher.iter(|| {
                        matmul(tier, MatMut::new(black_box(&mut out), TOKENS, outputs), false, x, &packed);
                    });
                });
            }
            group.bench_function(BenchmarkId::new("int8", tier.name()), |bencher| {
                let (mut rows, x) = (QuantizedRows::default(), values(TOKENS * inputs));
                bencher.iter(|| {
                    rows.fill(tier, &x, &quantized);
                    let out = MatMut::new(black_box(&mut out), TOKENS, outputs);
                    matmul_int16(tier, out, false, &rows, &quantized);
                });
            });
        }
    }
}

fn rows(criterion: &mut Criterion) {
    for tier in [Tier::PORTABLE, Tier::detect()] {
        let mut group = criterion.benchmark_group(format!("rows on {}", tier.name()));
        let wide = TOKENS * INTERMEDIATE;
        group.throughput(Throughput::Elements(wide as u64));
        let (x, bias, mut y) = (values(wide), values(INTERMEDIATE), vec![0.0; wide]);
        group.bench_function("bias and GELU", |bencher| {
            bencher.iter(|| bias_gelu(tier, &x, &bias, black_box(&mut y)));
        });
        group.bench_function("norm", |bencher| {
            bencher.iter(|| layer_norm(tier, &x, &bias, &bias, 1e-12, black_box(&mut y)));
        });
        group.bench_function("softmax", |bencher| {
            bencher.iter(|| softmax(tier, black_box(&mut y), TOKENS, 0.2));
        });
    }
}

criterion_group!(benches, products, rows);
criterion_main!(benches);
