//! The fused layers against the composed ones: values and gradients.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use pointsman_kernels::Tier;
use proptest::prelude::*;

use super::{EncoderConfig, Layers, composed, fused};
use crate::engine::{Arithmetic, Engine};

/// Widths that fill no panel or tile of the kernels.
const CONFIG: EncoderConfig = EncoderConfig {
    vocab: 2,
    hidden: 36,
    layers: 2,
    heads: 3,
    intermediate: 50,
    max_positions: 2,
    type_vocab: 1,
    layer_norm_eps: 1e-12,
};

/// Numbers that look random and repeat.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("tensor")
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).expect("f32")
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let scale = flat(b).iter().map(|v| v.abs()).fold(0.1, f32::max);
    let worst = flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 3e-5 * scale, "{what}: off by {worst} of {scale}");
}

/// How far int16 may be from f32 with weights that it holds exactly: activations are rounded to 1/32767 of their row's
/// largest, and outputs are about 1.
const INT16_TOLERANCE: f32 = 5e-4;

/// The last layer.
const LAST: &[usize] = &[CONFIG.layers];

/// The pooled layers side by side.
fn joined(pooled: candle_core::Result<Vec<Tensor>>) -> Tensor {
    pooled.and_then(|pooled| Tensor::cat(&pooled, 1)).expect("pooled")
}

/// Weights of all versions.
fn weights() -> VarMap {
    weights_of(&CONFIG)
}

fn weights_of(config: &EncoderConfig) -> VarMap {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    composed::Layers::new(config, &vb).expect("weights");
    let mut data: Vec<_> = map.data().lock().expect("lock").clone().into_iter().collect();
    data.sort_by(|a, b| a.0.cmp(&b.0));
    for (seed, (_, var)) in data.iter().enumerate() {
        var.set(&(numbers(var.dims(), seed) * 0.4).expect("scaled")).expect("set");
    }
    map
}

#[test]
fn fused_and_composed_layers_agree() {
    let map = weights();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let (fused, composed) =
        (fused::Layers::new(&CONFIG, Tier::detect().of_floats(), &vb), composed::Layers::new(&CONFIG, &vb));
    let (fused, composed) = (fused.expect("fused"), composed.expect("composed"));
    let cases = [&[1][..], &[7], &[1, 3, 9], &[17, 17], &[200, 5]]
        .into_iter()
        .flat_map(|lengths| [(lengths, LAST), (lengths, &[0, 1, 2][..])]);
    for (lengths, wanted) in cases {
        let tokens = lengths.iter().sum();
        let x = Var::from_tensor(&numbers(&[tokens, CONFIG.hidden], 77)).expect("variable");
        let of_fused = joined(fused.forward(&x, lengths, wanted));
        let of_composed = joined(composed.forward(&x, lengths, wanted));
        assert_eq!(of_fused.dims(), [lengths.len(), wanted.len() * CONFIG.hidden]);
        close(&of_fused, &of_composed, &format!("{lengths:?} {wanted:?}"));

        let factors = numbers(of_fused.dims(), 5);
        let gradients = |y: &Tensor| (y * &factors).and_then(|y| y.sum_all()?.backward()).expect("gradients");
        let (of_fused, of_composed) = (gradients(&of_fused), gradients(&of_composed));
        let data = map.data().lock().expect("lock");
        let all = data.iter().map(|(name, var)| (name.as_str(), var)).chain([("x", &x)]);
        for (name, var) in all {
            let gradient = of_fused.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
            close(gradient, of_composed.get(var).expect(name), &format!("{name} of {lengths:?}"));
        }
    }
}

/// `weights` of (out, in) as model files store them: multiples of a scale for each row.
fn stored(weights: &Tensor) -> Tensor {
    let round = |row: &[f32]| -> Vec<f32> {
        let scale = row.iter().fold(0f32, |a, b| a.max(b.abs())) / 127.0;
        row.iter().map(|v| (v / scale).round() * scale).collect()
    };
    let values: Vec<f32> = flat(weights).chunks(weights.dim(1).expect("matrix")).flat_map(round).collect();
    Tensor::from_vec(values, weights.dims(), &Device::Cpu).expect("tensor")
}

#[test]
fn int16_and_composed_layers_agree_on_stored_weights() {
    let vb = constants_of(&weights());
    let int16 = fused::int16::Layers::new(&CONFIG, Tier::detect(), &vb).expect("int16");
    let composed = composed::Layers::new(&CONFIG, &vb).expect("composed");
    for lengths in [&[1][..], &[7], &[1, 3, 9], &[17, 17], &[200, 5], &[512], &[97, 1, 33]] {
        let x = numbers(&[lengths.iter().sum(), CONFIG.hidden], 77);
        for wanted in [LAST, &[0, 1, 2], &[1]] {
            let of_int16 = joined(int16.forward(&x, lengths, wanted));
            let of_composed = joined(composed.forward(&x, lengths, wanted));
            within(INT16_TOLERANCE, &of_int16, &of_composed, &format!("{lengths:?} {wanted:?}"));
        }
    }
}

#[test]
fn every_tier_gives_what_the_composed_layers_do() {
    let map = weights();
    let detached = map.data().lock().expect("lock").clone().into_iter();
    let detached = detached.map(|(name, var)| (name, var.as_detached_tensor())).collect();
    let vb = VarBuilder::from_tensors(detached, DType::F32, &Device::Cpu);
    let composed = composed::Layers::new(&CONFIG, &vb).expect("composed");
    for lengths in [&[1][..], &[2, 31], &[512]] {
        let x = numbers(&[lengths.iter().sum(), CONFIG.hidden], 7);
        let expected = joined(composed.forward(&x, lengths, LAST));
        for tier in Tier::available().into_iter().filter(|tier| tier.of_floats() == *tier) {
            let layers = fused::Layers::new(&CONFIG, tier, &vb).expect("fused");
            close(
                &joined(layers.forward(&x, lengths, LAST)),
                &expected,
                &format!("{lengths:?} on {}", tier.name()),
            );
        }
    }
}

/// The weights as constants, matrices as model files store them.
fn constants_of(map: &VarMap) -> VarBuilder<'static> {
    let constants = map.data().lock().expect("lock").clone().into_iter().map(|(name, var)| {
        let tensor = var.as_detached_tensor();
        (name, if tensor.rank() == 2 { stored(&tensor) } else { tensor })
    });
    VarBuilder::from_tensors(constants.collect(), DType::F32, &Device::Cpu)
}

#[track_caller]
fn within(tolerance: f32, a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let worst = flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < tolerance, "{what}: off by {worst}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_of_random_shapes_agree(
        (heads, width) in (1usize..4, 8usize..23),
        intermediate in 1usize..70,
        lengths in prop::collection::vec(prop_oneof![Just(1usize), 2usize..40, Just(511), Just(512)], 1..4),
    ) {
        let config = EncoderConfig { hidden: heads * width, heads, intermediate, ..CONFIG };
        let vb = constants_of(&weights_of(&config));
        let x = numbers(&[lengths.iter().sum(), config.hidden], 77);
        let composed = composed::Layers::new(&config, &vb).expect("composed");
        let expected = joined(composed.forward(&x, &lengths, &[0, 1, 2]));
        for tier in Tier::available() {
            let f32 = fused::Layers::new(&config, tier.of_floats(), &vb).expect("f32");
            let f32 = joined(f32.forward(&x, &lengths, &[0, 1, 2]));
            close(&f32, &expected, &format!("f32 of {lengths:?} on {}", tier.name()));
            let int16 = fused::int16::Layers::new(&config, tier, &vb).expect("int16");
            let int16 = joined(int16.forward(&x, &lengths, &[0, 1, 2]));
            within(INT16_TOLERANCE, &int16, &expected, &format!("int16 of {lengths:?} on {}", tier.name()));
        }
    }
}

/// A shape that tiles take.
const TILED: EncoderConfig = EncoderConfig { hidden: 64, heads: 2, intermediate: 128, ..CONFIG };

/// Weights of [`TILED`], with those of the norm before the first layer, which tell how wide its input is.
fn tiled_weights() -> VarMap {
    let map = weights_of(&TILED);
    let norm = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu).pp("embeddings.LayerNorm");
    for name in ["weight", "bias"] {
        norm.get(TILED.hidden, name).expect("made");
    }
    map
}

/// Engines on tiles, with how far they may be from f32: 8 bits of mantissa, or of range; outputs are about 1.
fn on_tiles() -> Vec<(Engine, f32)> {
    let of = |engine: Engine| match engine.arithmetic() {
        Arithmetic::Bf16 => Some((engine, 3e-2)),
        Arithmetic::Int8 => Some((engine, 6e-2)),
        _ => None,
    };
    let engines: Vec<_> = Engine::available().into_iter().filter_map(of).collect();
    if engines.is_empty() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: this processor has no engine on tiles");
    }
    engines
}

#[test]
fn layers_on_tiles_and_composed_layers_agree() {
    let vb = constants_of(&tiled_weights());
    let composed = composed::Layers::new(&TILED, &vb).expect("composed");
    for (engine, tolerance) in on_tiles() {
        let layers = Layers::new(&TILED, engine, &vb).expect("tiles");
        for lengths in [&[1][..], &[7], &[1, 3, 9], &[17, 17], &[200, 5], &[512], &[97, 1, 33], &[300, 400]] {
            let x = numbers(&[lengths.iter().sum(), TILED.hidden], 77);
            for wanted in [&[2][..], &[0, 1, 2], &[1]] {
                let expected = joined(composed.forward(&x, lengths, wanted));
                for threads in [1, 2, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
                    let got = joined(pool.install(|| layers.forward(&x, lengths, wanted)));
                    let what = format!("{engine} on {threads} threads: {lengths:?} {wanted:?}");
                    within(tolerance, &got, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn tiles_can_be_trained_with_in_bfloat16() {
    let map = weights_of(&TILED);
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let lengths = [40, 9];
    let x = numbers(&[49, TILED.hidden], 3);
    let gradients = |engine| {
        let pooled = Layers::new(&TILED, engine, &vb).and_then(|layers| layers.forward(&x, &lengths, &[2]));
        let factors = numbers(&[2, TILED.hidden], 5);
        (joined(pooled) * factors).and_then(|y| y.sum_all()?.backward()).expect("gradients")
    };
    let expected = gradients(Engine::f32());
    for (engine, _) in on_tiles().into_iter().filter(|(engine, _)| engine.arithmetic() == Arithmetic::Bf16) {
        let got = gradients(engine);
        for (name, var) in map.data().lock().expect("lock").iter() {
            let [got, expected] =
                [&got, &expected].map(|all| flat(all.get(var).unwrap_or_else(|| panic!("{name}: none"))));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosine = dot(&got, &expected) / (dot(&got, &got) * dot(&expected, &expected)).sqrt();
            // Keys' biases have no gradient but rounding.
            assert!(cosine > 0.995 || name.ends_with("key.bias"), "{engine}, {name}: cosine {cosine}");
        }
    }
    let map = tiled_weights();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let integers = on_tiles().into_iter().map(|(engine, _)| engine);
    for engine in integers.filter(|engine| engine.arithmetic() == Arithmetic::Int8) {
        let error = Layers::new(&TILED, engine, &vb).expect_err("variables").to_string();
        assert!(error.contains("cannot be trained"), "{error}");
    }
}

#[test]
fn shapes_that_tiles_do_not_take_are_refused() {
    let vb = constants_of(&weights());
    for (engine, _) in on_tiles() {
        assert!(engine.fits(&TILED) && !engine.fits(&CONFIG));
        let error = Layers::new(&CONFIG, engine, &vb).expect_err("its shape").to_string();
        assert!(error.contains("multiples of 64"), "{error}");
    }
}

#[test]
fn in_a_steady_state_no_buffers_are_made() {
    let vb = constants_of(&weights());
    let layers = fused::int16::Layers::new(&CONFIG, Tier::detect(), &vb).expect("int16");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("pool");
    let forward = |lengths: &[usize]| {
        let x = numbers(&[lengths.iter().sum(), CONFIG.hidden], 7);
        pool.install(|| layers.forward(&x, lengths, LAST)).expect("forward");
        layers.buffers_made()
    };
    let lengths = [3, 17, 9];
    let made = forward(&lengths);
    assert!(made > 0);
    for _ in 0..3 {
        assert_eq!(forward(&lengths), made);
    }
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let map = weights();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let layers = fused::Layers::new(&CONFIG, Tier::detect().of_floats(), &vb).expect("layers");
    let lengths = [150, 3, 120, 60];
    let x = numbers(&[lengths.iter().sum(), CONFIG.hidden], 3);
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| {
            let loss =
                joined(layers.forward(&x, &lengths, LAST)).sqr().and_then(|y| y.sum_all()).expect("loss");
            let gradients = loss.backward().expect("gradients");
            let data = map.data().lock().expect("lock");
            let mut all: Vec<(String, Vec<f32>)> = data
                .iter()
                .map(|(name, var)| (name.clone(), flat(gradients.get(var).expect("gradient"))))
                .collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        })
    };
    let alone = with_threads(1);
    for threads in [2, 3, 5] {
        assert!(with_threads(threads) == alone, "{threads} threads");
    }
}

#[test]
fn the_gradient_can_be_taken_once() {
    let map = weights();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let layers = fused::Layers::new(&CONFIG, Tier::detect().of_floats(), &vb).expect("layers");
    let pooled = joined(layers.forward(&numbers(&[4, CONFIG.hidden], 1), &[4], LAST));
    let loss = pooled.sum_all().expect("loss");
    loss.backward().expect("the first time");
    let error = loss.backward().expect_err("the second time").to_string();
    assert!(error.contains("can be taken once"), "{error}");
}

#[test]
fn constants_give_what_variables_give() {
    let map = weights();
    let variables = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let detached = map.data().lock().expect("lock").clone().into_iter();
    let detached = detached.map(|(name, var)| (name, var.as_detached_tensor())).collect();
    let constants = VarBuilder::from_tensors(detached, DType::F32, &Device::Cpu);
    let lengths = [6, 11];
    let x = Var::from_tensor(&numbers(&[17, CONFIG.hidden], 9)).expect("variable");
    let [(y, dx), (same_y, same_dx)] = [variables, constants].map(|vb| {
        let y = joined(
            fused::Layers::new(&CONFIG, Tier::detect().of_floats(), &vb)
                .and_then(|layers| layers.forward(&x, &lengths, LAST)),
        );
        let gradients = y.sqr().and_then(|y| y.sum_all()?.backward()).expect("gradients");
        (flat(&y), flat(gradients.get(&x).expect("gradient of the input")))
    });
    assert!(y == same_y && dx == same_dx);
}
