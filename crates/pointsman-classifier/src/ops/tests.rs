//! Fused operations against composed ones: values and gradients.

use candle_core::{Device, Result, Tensor, Var};

use super::composed;

/// Numbers that look random and repeat.
fn numbers(shape: &[usize], seed: usize) -> Var {
    let count: usize = shape.iter().product();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).expect("tensor")).expect("variable")
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).expect("f32")
}

fn close(a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let scale = flat(b).iter().map(|v| v.abs()).fold(1.0, f32::max);
    let worst = flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5 * scale, "{what}: off by {worst}");
}

/// Both versions of an operation give the same values and, for an uneven loss, the same gradients.
fn agree(
    what: &str,
    inputs: &[&Var],
    fused: impl Fn() -> Result<Tensor>,
    composed: impl Fn() -> Result<Tensor>,
) {
    let (fused, composed) = (fused().expect(what), composed().expect(what));
    close(&fused, &composed, what);
    let weights = numbers(fused.dims(), 5);
    let gradients =
        |y: &Tensor| (y * weights.as_tensor()).and_then(|y| y.sum_all()).and_then(|y| y.backward());
    let (of_fused, of_composed) = (gradients(&fused).expect(what), gradients(&composed).expect(what));
    for (i, input) in inputs.iter().enumerate() {
        let gradient = of_fused.get(input).unwrap_or_else(|| panic!("{what}: input {i} has no gradient"));
        close(gradient, of_composed.get(input).expect(what), &format!("{what}, gradient {i}"));
    }
}

#[test]
fn fused_and_composed_operations_agree() {
    for (tokens, lengths) in [(1, &[1][..]), (7, &[7]), (13, &[1, 3, 9]), (34, &[17, 17])] {
        let (x, weight, bias) = (numbers(&[tokens, 12], 1), numbers(&[20, 12], 2), numbers(&[20], 3));
        let operands = [&x, &weight, &bias];
        let at = |name: &str| format!("{name} of {tokens} tokens");
        agree(
            &at("linear"),
            &operands,
            || super::linear(&x, &weight, &bias),
            || composed::linear(&x, &weight, &bias),
        );
        agree(
            &at("linear_gelu"),
            &operands,
            || super::linear_gelu(&x, &weight, &bias),
            || composed::linear_gelu(&x, &weight, &bias),
        );
        let (weight, bias) = (numbers(&[12], 2), numbers(&[12], 3));
        agree(
            &at("layer_norm"),
            &[&x, &weight, &bias],
            || super::layer_norm(&x, &weight, &bias, 1e-12),
            || composed::layer_norm(&x, &weight, &bias, 1e-12),
        );
        let qkv = numbers(&[tokens, 36], 4);
        agree(
            &at("attention"),
            &[&qkv],
            || super::attention(&qkv, lengths, 3),
            || composed::attention(&qkv, lengths, 3),
        );
        agree(&at("mean_pool"), &[&x], || super::mean_pool(&x, lengths), || composed::mean_pool(&x, lengths));
    }
}
