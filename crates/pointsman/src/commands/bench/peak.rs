//! What a processor could do at best.

use std::time::Instant;

use pointsman_classifier::{Arithmetic, Engine};
use pointsman_kernels::{Mat, MatMut, Packed, QuantizedRows, QuantizedWeights, Tier, matmul, matmul_int16};

/// Rows, columns and depth of a product whose operands stay in the first-level cache, in whole tiles of the kernels.
const SHAPE: (usize, usize, usize) = (6, 16, 384);
/// As [`SHAPE`], on tiles.
const TILES: (usize, usize, usize) = (32, 32, 384);
/// Products in one measurement: about a millisecond.
const REPEAT: usize = 1000;

/// Additions and multiplications in a second of the engine's matrix product on one thread, at its best.
#[expect(clippy::cast_precision_loss, reason = "the number is far below 2^52")]
#[expect(clippy::disallowed_methods, reason = "measuring is what the command is for")]
pub(super) fn operations_per_s(engine: Engine) -> f64 {
    let (rows, columns, depth) = shape(engine);
    let mut product = product(engine);
    product();
    let start = Instant::now();
    for _ in 0..REPEAT {
        product();
    }
    (2 * rows * columns * depth * REPEAT) as f64 / start.elapsed().as_secs_f64()
}

fn shape(engine: Engine) -> (usize, usize, usize) {
    match engine {
        Engine::Int8(_) | Engine::Bf16(_) => TILES,
        Engine::F32(_) | Engine::Int16(_) | Engine::Candle => SHAPE,
    }
}

/// One product in the engine's arithmetic; for candle that of the f32 kernels.
fn product(engine: Engine) -> Box<dyn FnMut()> {
    let (rows, columns, depth) = SHAPE;
    let (left, right) = (vec![0.5; rows * depth], vec![0.25; columns * depth]);
    let mut out = vec![0.0; rows * columns];
    let tier = match engine {
        Engine::Int8(tier) => return on_tiles(tier, true),
        Engine::Bf16(tier) => return on_tiles(tier, false),
        Engine::F32(tier) | Engine::Int16(tier) => tier,
        Engine::Candle => Tier::detect(),
    };
    if engine.arithmetic() == Arithmetic::Int16 {
        let weights = QuantizedWeights::new(Mat::new(&right, columns, depth));
        let mut quantized = QuantizedRows::default();
        quantized.fill(tier, &left, &weights);
        return Box::new(move || {
            matmul_int16(tier, MatMut::new(&mut out, rows, columns), false, &quantized, &weights);
            std::hint::black_box(&mut out);
        });
    }
    let right = Packed::new(Mat::new(&right, columns, depth).transposed());
    Box::new(move || {
        matmul(tier, MatMut::new(&mut out, rows, columns), false, Mat::new(&left, rows, depth), &right);
        std::hint::black_box(&mut out);
    })
}

/// One product on tiles; nothing on processors without.
#[cfg(target_arch = "x86_64")]
fn on_tiles(tier: Tier, integers: bool) -> Box<dyn FnMut()> {
    use pointsman_kernels::{TileFormat, TileRows, TileWeights};
    let Some(unit) = tier.tiles() else { return Box::new(|| ()) };
    let (rows, columns, depth) = TILES;
    let (left, right) = (vec![0.5; rows * depth], vec![0.25; columns * depth]);
    let format = if integers { TileFormat::Int8 } else { TileFormat::Bf16 };
    let (bias, ones) = (vec![0.0; columns], vec![1.0; depth]);
    let weights = TileWeights::new(format, Mat::new(&right, columns, depth), &bias, &ones);
    let mut values = TileRows::default();
    unit.fill(&left, &weights, &mut values);
    let mut out = vec![0.0; rows * columns];
    Box::new(move || {
        unit.add_product(&values, &weights, &mut out);
        std::hint::black_box(&mut out);
    })
}

/// One product on tiles: there are none.
#[cfg(not(target_arch = "x86_64"))]
fn on_tiles(_: Tier, _: bool) -> Box<dyn FnMut()> {
    Box::new(|| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_has_a_peak() {
        for engine in Engine::available() {
            let peak = operations_per_s(engine);
            assert!(peak.is_finite() && peak > 0.0, "{engine}: {peak}");
        }
    }
}
