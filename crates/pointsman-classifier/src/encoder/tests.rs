//! The fused layers against the composed ones: values and gradients.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};

use super::{EncoderConfig, composed, fused};

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

/// The last layer.
const LAST: &[usize] = &[CONFIG.layers];

/// The pooled layers side by side.
fn joined(pooled: candle_core::Result<Vec<Tensor>>) -> Tensor {
    pooled.and_then(|pooled| Tensor::cat(&pooled, 1)).expect("pooled")
}

/// Weights of both versions.
fn weights() -> VarMap {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    composed::Layers::new(&CONFIG, &vb).expect("weights");
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
    let (fused, composed) = (fused::Layers::new(&CONFIG, &vb), composed::Layers::new(&CONFIG, &vb));
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

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let map = weights();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let layers = fused::Layers::new(&CONFIG, &vb).expect("layers");
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
    let layers = fused::Layers::new(&CONFIG, &vb).expect("layers");
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
        let y =
            joined(fused::Layers::new(&CONFIG, &vb).and_then(|layers| layers.forward(&x, &lengths, LAST)));
        let gradients = y.sqr().and_then(|y| y.sum_all()?.backward()).expect("gradients");
        (flat(&y), flat(gradients.get(&x).expect("gradient of the input")))
    });
    assert!(y == same_y && dx == same_dx);
}
