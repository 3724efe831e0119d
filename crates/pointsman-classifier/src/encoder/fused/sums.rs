//! Gradients that are sums over tokens, summed block by block.

use pointsman_kernels::{LayerNormGradients, Tier, add_bias};

use super::forward::Dimensions;
use super::weights::Norm;

/// Gradients that are sums over tokens.
pub(super) struct Sums {
    pub(super) output: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) down: Vec<f32>,
    pub(super) attention_norm: Norm<Vec<f32>>,
    pub(super) norm: Norm<Vec<f32>>,
}

impl Sums {
    pub(super) fn zero(dimensions: Dimensions) -> Self {
        let Dimensions { hidden, intermediate, .. } = dimensions;
        Self {
            output: vec![0.0; hidden],
            up: vec![0.0; intermediate],
            down: vec![0.0; hidden],
            attention_norm: Norm::zero(hidden),
            norm: Norm::zero(hidden),
        }
    }

    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            output: plus(self.output, &other.output),
            up: plus(self.up, &other.up),
            down: plus(self.down, &other.down),
            attention_norm: self.attention_norm.plus(&other.attention_norm),
            norm: self.norm.plus(&other.norm),
        }
    }
}

impl Norm<Vec<f32>> {
    fn zero(len: usize) -> Self {
        Self { weight: vec![0.0; len], bias: vec![0.0; len] }
    }

    fn plus(self, other: &Self) -> Self {
        Self { weight: plus(self.weight, &other.weight), bias: plus(self.bias, &other.bias) }
    }

    /// To be added to, together with the gradient of the input.
    pub(super) fn gradients<'a>(&'a mut self, dx: &'a mut [f32]) -> LayerNormGradients<'a> {
        LayerNormGradients { dx, dweight: &mut self.weight, dbias: &mut self.bias }
    }
}

/// The sum of two vectors.
pub(super) fn plus(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    add_bias(Tier::detect(), &mut a, b);
    a
}
