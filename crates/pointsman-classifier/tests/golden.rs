//! The encoder against PyTorch: outputs, gradients, and rows that do not see one another.
//!
//! `golden/tiny.safetensors` is made by `golden/make_golden.py`.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use pointsman_classifier::{Arithmetic, EncoderConfig, Engine, Logits, Model, TokenBatch, TokenIds};
use pointsman_kernels::Tier;

const CONFIG: EncoderConfig = EncoderConfig {
    vocab: 100,
    hidden: 32,
    layers: 2,
    heads: 4,
    intermediate: 64,
    max_positions: 16,
    type_vocab: 2,
    layer_norm_eps: 1e-12,
};
const TASKS: usize = 3;

struct Golden {
    tensors: HashMap<String, Tensor>,
}

impl Golden {
    fn read() -> Self {
        let bytes = include_bytes!("golden/tiny.safetensors");
        Self { tensors: candle_core::safetensors::load_buffer(bytes, &Device::Cpu).expect("golden file") }
    }

    /// The weights, each as a variable.
    fn variables(&self) -> HashMap<String, Var> {
        self.tensors
            .iter()
            .filter(|(name, _)| !["in.", "out.", "grad."].iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).expect("variable")))
            .collect()
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        self.tensors[name].to_vec1().expect("integers")
    }

    fn rows(&self) -> Vec<TokenIds> {
        let (ids, types) = (self.integers("in.ids"), self.integers("in.types"));
        let mut start = 0;
        let mut row = |length: usize| {
            let range = start..start + length;
            start = range.end;
            TokenIds {
                ids: ids[range.clone()].iter().map(|id| u32::try_from(*id).expect("id")).collect(),
                type_ids: types[range].iter().map(|kind| u8::try_from(*kind).expect("type")).collect(),
            }
        };
        self.integers("in.lengths")
            .into_iter()
            .map(|length| row(usize::try_from(length).expect("length")))
            .collect()
    }

    fn loss(&self, logits: &Logits) -> Result<Tensor> {
        let squares = (&logits.task - &self.tensors["in.targets"])?.sqr()?.mean_all()?;
        squares + logits.ability.tanh()?.mean_all()?
    }
}

/// Engines that can run so small an encoder.
fn engines() -> impl Iterator<Item = Engine> {
    Engine::available().into_iter().filter(|engine| engine.fits(&CONFIG))
}

fn with_engine(engine: Engine, tensors: HashMap<String, Tensor>) -> Result<Model> {
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    Model::with_engine(&CONFIG, TASKS, &[CONFIG.layers], engine, &vb)
}

fn model(tensors: HashMap<String, Tensor>) -> Model {
    with_engine(Engine::f32(), tensors).expect("model")
}

fn constants(variables: &HashMap<String, Var>) -> HashMap<String, Tensor> {
    variables.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect()
}

fn trainable(variables: &HashMap<String, Var>) -> HashMap<String, Tensor> {
    variables.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).expect("f32")
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn pooled_output_equals_pytorch() {
    let golden = Golden::read();
    let batch = TokenBatch::new(&golden.rows(), &Device::Cpu).expect("batch");
    let variables = golden.variables();
    for tensors in [constants(&variables), trainable(&variables)] {
        let pooled = model(tensors).embed(&batch).expect("forward");
        let difference = largest_difference(&pooled, &golden.tensors["out.pooled"]);
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn gradients_equal_pytorch_and_reach_every_weight() {
    let golden = Golden::read();
    let batch = TokenBatch::new(&golden.rows(), &Device::Cpu).expect("batch");
    let variables = golden.variables();
    let logits = model(trainable(&variables)).forward(&batch).expect("forward");
    let loss = golden.loss(&logits).expect("loss");
    assert!(largest_difference(&loss, &golden.tensors["out.loss"]) < 1e-4);
    let gradients = loss.backward().expect("backward");
    let mut errors = Vec::new();
    for (name, variable) in &variables {
        let gradient = flat(gradients.get(variable).unwrap_or_else(|| panic!("{name} has no gradient")));
        let expected = flat(&golden.tensors[&format!("grad.{name}")]);
        assert!(gradient.iter().any(|value| *value != 0.0), "the gradient of {name} is zero");
        let scale = expected.iter().map(|value| value.abs()).fold(0.0, f32::max);
        let worst = gradient.iter().zip(&expected).map(|(g, e)| (g - e).abs()).fold(0.0, f32::max);
        // Keys' biases shift all scores of a query alike, so their true gradient is zero and both sides hold rounding.
        if !name.ends_with("attention.self.key.bias") {
            assert!(worst <= 1e-4 * scale, "{name}: off by {worst} of {scale}");
        }
        errors.extend(
            gradient.iter().zip(&expected).filter(|(_, e)| **e != 0.0).map(|(g, e)| ((g - e) / e).abs()),
        );
    }
    errors.sort_by(f32::total_cmp);
    let median = errors[errors.len() / 2];
    assert!(median <= 1e-5, "median relative error {median}");
}

#[test]
fn every_engine_gives_about_the_same() {
    let golden = Golden::read();
    let batch = TokenBatch::new(&golden.rows(), &Device::Cpu).expect("batch");
    let variables = golden.variables();
    // Weights in 8 bits are off by up to 1/254 of their group's largest.
    for engine in engines() {
        let tolerance = if engine.arithmetic() == Arithmetic::Int16 { 0.05 } else { 1e-4 };
        let model = with_engine(engine, constants(&variables)).expect("model");
        let pooled = model.embed(&batch).expect("forward");
        let difference = largest_difference(&pooled, &golden.tensors["out.pooled"]);
        assert!(difference < tolerance, "{engine}: {difference}");
    }
    let error =
        with_engine(Engine::Int16(Tier::PORTABLE), trainable(&variables)).expect_err("variables").to_string();
    assert!(error.contains("rounded weights cannot be trained"), "{error}");
}

#[test]
fn a_row_gives_the_same_alone_and_in_a_batch() {
    engines().for_each(rows_do_not_see_one_another);
}

fn rows_do_not_see_one_another(engine: Engine) {
    let golden = Golden::read();
    let rows = golden.rows();
    let model = with_engine(engine, constants(&golden.variables())).expect("model");
    let together = model.embed(&TokenBatch::new(&rows, &Device::Cpu).expect("batch")).expect("forward");
    for (i, row) in rows.iter().enumerate() {
        let batch = TokenBatch::new(std::slice::from_ref(row), &Device::Cpu).expect("batch");
        let alone = model.embed(&batch).expect("forward");
        let difference = largest_difference(&alone, &together.narrow(0, i, 1).expect("row"));
        assert!(difference < 1e-5, "{engine}, row {i}: {difference}");
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let row = |length: usize| TokenIds { ids: vec![1; length], type_ids: vec![0; length] };
    assert!(TokenBatch::new(&[], &Device::Cpu).is_err());
    assert!(TokenBatch::new(&[row(3), row(0)], &Device::Cpu).is_err());
    let model = model(constants(&Golden::read().variables()));
    let strange = |id: u32, kind: u8| TokenIds { ids: vec![1, id], type_ids: vec![0, kind] };
    for (row, message) in
        [(row(17), "17 tokens"), (strange(100, 0), "token id 100"), (strange(1, 2), "token type 2")]
    {
        let batch = TokenBatch::new(&[row], &Device::Cpu).expect("batch");
        let error = model.embed(&batch).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
}
