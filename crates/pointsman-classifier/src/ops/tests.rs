//! Fused operations against composed ones: values and gradients.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;

use super::{Norm, Table, embedding, mean_pool, sum_of_embeddings};
use crate::weights::{self, StoredWeights};

/// Numbers that look random and repeat.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(shape: &[usize], seed: usize) -> Var {
    let count: usize = shape.iter().product();
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
fn agree(what: &str, inputs: &[&Var], fused: Result<Tensor>, composed: Result<Tensor>) {
    let (fused, composed) = (fused.expect(what), composed.expect(what));
    close(&fused, &composed, what);
    let weights = numbers(fused.dims(), 5);
    let gradients = |y: &Tensor| (y * weights.as_tensor()).and_then(|y| y.sum_all()?.backward());
    let (of_fused, of_composed) = (gradients(&fused).expect(what), gradients(&composed).expect(what));
    for (i, input) in inputs.iter().enumerate() {
        let gradient = of_fused.get(input).unwrap_or_else(|| panic!("{what}: input {i} has no gradient"));
        close(gradient, of_composed.get(input).expect(what), &format!("{what}, gradient {i}"));
    }
}

#[test]
fn fused_and_composed_norms_agree() {
    for tokens in [1, 7, 200] {
        let (x, weight, bias) = (numbers(&[tokens, 12], 1), numbers(&[12], 2), numbers(&[12], 3));
        let tensors =
            [("weight", &weight), ("bias", &bias)].map(|(n, v)| (n.to_owned(), v.as_tensor().clone()));
        let vb = VarBuilder::from_tensors(tensors.into(), DType::F32, &Device::Cpu);
        let norm = Norm::new(12, 1e-12, &vb).expect("weights");
        agree(&format!("{tokens} tokens"), &[&x, &weight, &bias], norm.forward(&x), norm.composed(&x));
    }
}

#[test]
fn the_mean_of_each_row_is_differentiable() {
    for lengths in [&[1][..], &[7], &[1, 3, 9]] {
        let x = numbers(&[lengths.iter().sum(), 12], 1);
        let row = |end: &mut usize, length: &usize| {
            *end += length;
            Some(x.narrow(0, *end - length, *length).and_then(|row| row.mean_keepdim(0)))
        };
        let means: Result<Vec<Tensor>> = lengths.iter().scan(0, row).collect();
        let composed = means.and_then(|means| Tensor::cat(&means, 0));
        agree(&format!("{lengths:?}"), &[&x], mean_pool(&x, lengths), composed);
    }
}

#[test]
fn embeddings_are_summed_and_receive_their_gradients() {
    let tables = [numbers(&[9, 4], 1), numbers(&[5, 4], 2), numbers(&[2, 4], 3)];
    let indices =
        [[8u32, 0, 8, 3], [0, 1, 2, 3], [0, 0, 1, 1]].map(|i| Tensor::new(&i, &Device::Cpu).expect("u32"));
    let [a, b, c] = &tables;
    let (of, at) = ([a, b, c].map(|table| table.as_tensor()), indices.each_ref());
    let words = Table::Values(of[0].clone());
    let fused = sum_of_embeddings(&words, [of[1], of[2]], at);
    agree("embeddings", &[a, b, c], fused, embedding::composed(of, at));
    let outside = Tensor::new(&[0u32, 5, 0, 0], &Device::Cpu).expect("u32");
    let error = sum_of_embeddings(&words, [of[1], of[2]], [at[0], &outside, at[2]]).expect_err("outside");
    assert!(error.to_string().starts_with("index 5 is outside a table of 5"), "{error}");
}

#[test]
fn embeddings_kept_as_integers_are_those_in_floats_to_the_bit() {
    // 384 columns have three scales an entry; 200 have one.
    for hidden in [384, 200] {
        let words = numbers(&[300, hidden], 1).as_detached_tensor();
        let file = weights::quantize(&[("words".to_owned(), words)].into()).expect("finite");
        let stored = StoredWeights::new(&file).expect("own file");
        let vb = VarBuilder::from_backend(Box::new(stored), DType::F32, Device::Cpu);
        let table = |in_floats| Table::load((300, hidden), "words", in_floats, &vb).expect("there");
        let (integers, floats) = (table(false), table(true));
        assert!(matches!((&integers, &floats), (Table::Integers(_), Table::Values(_))));
        let others = [numbers(&[5, hidden], 2), numbers(&[2, hidden], 3)];
        let indices = [[299u32, 0, 17, 0], [0, 1, 4, 3], [0, 0, 1, 1]];
        let indices = indices.map(|i| Tensor::new(&i, &Device::Cpu).expect("u32"));
        let sum = |table: &Table| {
            sum_of_embeddings(table, others.each_ref().map(|t| t.as_tensor()), indices.each_ref())
        };
        assert_eq!(flat(&sum(&integers).expect("inside")), flat(&sum(&floats).expect("inside")), "{hidden}");
        let outside = Tensor::new(&[300u32], &Device::Cpu).expect("u32");
        let zero = Tensor::new(&[0u32], &Device::Cpu).expect("u32");
        let tables = others.each_ref().map(|t| t.as_tensor());
        let error = sum_of_embeddings(&integers, tables, [&outside, &zero, &zero]).expect_err("outside");
        assert!(error.to_string().starts_with("index 300 is outside a table of 300"), "{error}");
    }
}
