//! AdamW (Loshchilov & Hutter 2019), one parameter at a time and in place.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, Var, bail};
use pointsman_kernels::{AdamWStep, Tier, adamw, sum_of_squares};

/// Decay of the running mean of the gradient.
const BETA1: f64 = 0.9;
/// Decay of the running mean of its square.
const BETA2: f64 = 0.999;
/// Added to the root of the second moment.
const EPSILON: f32 = 1e-8;

/// A variable with its moments.
pub(crate) struct Parameter {
    name: String,
    variable: Var,
    learning_rate: f64,
    weight_decay: f64,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Parameter {
    /// Biases and norms, which have one dimension, do not decay.
    pub(crate) fn new(name: String, variable: Var, learning_rate: f64, weight_decay: f64) -> Self {
        let (count, dimensions) = (variable.elem_count(), variable.dims().len());
        let weight_decay = if dimensions > 1 { weight_decay } else { 0.0 };
        Self { name, variable, learning_rate, weight_decay, mean: vec![0.0; count], square: vec![0.0; count] }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn variable(&self) -> &Var {
        &self.variable
    }

    /// Moves along `gradient` times `scale`; `t` counts steps from 1.
    pub(crate) fn step(&mut self, gradient: &Tensor, rate: f64, scale: f32, t: usize) -> Result<()> {
        let power = i32::try_from(t).unwrap_or(i32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the kernel computes in f32")]
        let step = AdamWStep {
            learning_rate: (self.learning_rate * rate) as f32,
            beta1: BETA1 as f32,
            beta2: BETA2 as f32,
            epsilon: EPSILON,
            weight_decay: self.weight_decay as f32,
            correction1: (1.0 / (1.0 - BETA1.powi(power))) as f32,
            correction2: (1.0 / (1.0 - BETA2.powi(power))) as f32,
            gradient_scale: scale,
        };
        let moments = RefCell::new((&mut self.mean[..], &mut self.square[..]));
        values(gradient, |gradient| self.variable.as_tensor().inplace_op1(&Move { step, moments, gradient }))
    }

    /// Adds weight and moments to `state`.
    pub(crate) fn save(&self, state: &mut HashMap<String, Tensor>) -> Result<()> {
        let shape = self.variable.shape();
        state.insert(self.name.clone(), self.variable.as_tensor().to_device(&Device::Cpu)?);
        state.insert(format!("{}.mean", self.name), Tensor::from_slice(&self.mean, shape, &Device::Cpu)?);
        state.insert(format!("{}.square", self.name), Tensor::from_slice(&self.square, shape, &Device::Cpu)?);
        Ok(())
    }

    /// Takes weight and moments from `state`.
    pub(crate) fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let find = |suffix: &str| {
            let name = format!("{}{suffix}", self.name);
            state.get(&name).ok_or_else(|| candle_core::Error::Msg(format!("the checkpoint has no `{name}`")))
        };
        let (weight, mean, square) = (find("")?, find(".mean")?, find(".square")?);
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        self.variable.set(&weight.to_device(self.variable.device())?)?;
        (self.mean, self.square) = (flat(mean)?, flat(square)?);
        Ok(())
    }
}

/// The factor that brings the norm of all gradients together down to `norm`, at most 1 (Pascanu et al. 2013).
pub(crate) fn clip(parameters: &[Parameter], gradients: &GradStore, norm: f64) -> Result<f32> {
    let mut total = 0.0;
    for parameter in parameters {
        if let Some(gradient) = gradients.get(&parameter.variable) {
            values(gradient, |gradient| {
                total += f64::from(sum_of_squares(Tier::detect(), gradient));
                Ok(())
            })?;
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "a factor of at most 1")]
    let scale = (norm / total.sqrt().max(norm)) as f32;
    Ok(scale)
}

/// Runs `f` on the values of `tensor` as a slice in host memory.
fn values<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => f(&values[start..end]),
        _ => bail!("gradients are f32"),
    }
}

/// Writes a step over a variable.
struct Move<'m, 'g> {
    step: AdamWStep,
    moments: RefCell<(&'m mut [f32], &'m mut [f32])>,
    gradient: &'g [f32],
}

impl InplaceOp1 for Move<'_, '_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("AdamW moves contiguous f32 variables")
        };
        let mut moments = self.moments.borrow_mut();
        let (mean, square) = &mut *moments;
        adamw(Tier::detect(), &self.step, &mut values[start..end], mean, square, self.gradient);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of PyTorch 2's `AdamW(lr=0.1, weight_decay=0.01)` on `w = [1, -2]` with gradient `[0.5, -0.25]`, twice.
    #[test]
    fn steps_equal_pytorch() {
        let variable = Var::new(&[[1f32, -2.0]], &Device::Cpu).expect("built");
        let mut parameter = Parameter::new("w".to_owned(), variable, 0.1, 0.01);
        let gradient = Tensor::new(&[[0.5f32, -0.25]], &Device::Cpu).expect("built");
        for t in 1..=2 {
            parameter.step(&gradient, 1.0, 1.0, t).expect("moved");
        }
        let moved = parameter.variable().to_vec2::<f32>().expect("f32")[0].clone();
        for (value, expected) in moved.iter().zip([0.798_101, -1.796_101]) {
            assert!((value - expected).abs() < 1e-5, "{moved:?}");
        }
    }

    #[test]
    fn state_is_taken_over() {
        let variable = || Var::new(&[1f32, 2.0], &Device::Cpu).expect("built");
        let mut first = Parameter::new("w".to_owned(), variable(), 0.1, 0.0);
        let gradient = Tensor::new(&[0.5f32, 1.0], &Device::Cpu).expect("built");
        first.step(&gradient, 1.0, 1.0, 1).expect("moved");
        let mut state = HashMap::new();
        first.save(&mut state).expect("saved");
        let mut second = Parameter::new("w".to_owned(), variable(), 0.1, 0.0);
        second.restore(&state).expect("restored");
        first.step(&gradient, 1.0, 1.0, 2).and_then(|()| second.step(&gradient, 1.0, 1.0, 2)).expect("moved");
        let weights = |p: &Parameter| p.variable().to_vec1::<f32>().expect("f32");
        assert_eq!(weights(&first), weights(&second));
        assert!(Parameter::new("v".to_owned(), variable(), 0.1, 0.0).restore(&state).is_err());
    }
}
