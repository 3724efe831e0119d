//! A layer's weights, constants in the form that the kernels read, variables as they are.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use pointsman_kernels::{Mat, Packed, Tier};
use rayon::prelude::*;

use super::buffers::{Buffers, Lent};
use crate::encoder::EncoderConfig;
use crate::ops::slices::with;

/// A weight that stays as it is, made ready once, or one that is being trained.
#[derive(Debug)]
pub(super) enum Weight<T> {
    Fixed(T),
    Variable(Tensor),
}

impl<T> Weight<T> {
    fn new(tensor: Tensor, prepare: impl FnOnce(&Tensor) -> Result<T>) -> Result<Self> {
        if tensor.track_op() { Ok(Self::Variable(tensor)) } else { prepare(&tensor).map(Self::Fixed) }
    }

    fn variable(&self) -> Option<&Tensor> {
        match self {
            Self::Fixed(_) => None,
            Self::Variable(tensor) => Some(tensor),
        }
    }
}

/// Values for each feature.
pub(super) type Vector = Weight<Vec<f32>>;

impl Vector {
    fn load(len: usize, name: &str, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::new(vb.get(len, name)?, Tensor::to_vec1)
    }

    fn values(&self) -> Result<Cow<'_, [f32]>> {
        match self {
            Self::Fixed(values) => Ok(Cow::Borrowed(values)),
            Self::Variable(tensor) => tensor.to_vec1().map(Cow::Owned),
        }
    }
}

/// Weights of a matrix product, (out, in) in tensors. What is fixed is packed as the right operand of `x · weightᵀ`.
pub(super) type Matrix = Weight<Packed>;

/// An operand that was ready or has been made so.
pub(super) enum Operand<'a> {
    Ready(&'a Packed),
    Made(Lent<Packed>),
    Turned(Packed),
}

impl Deref for Operand<'_> {
    type Target = Packed;

    fn deref(&self) -> &Packed {
        match self {
            Self::Ready(packed) => packed,
            Self::Made(packed) => packed,
            Self::Turned(packed) => packed,
        }
    }
}

impl Matrix {
    fn load(outputs: usize, inputs: usize, tier: Tier, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::new(vb.get((outputs, inputs), "weight")?, |tensor| {
            with(tensor, |values| Ok(Packed::on(tier, Mat::new(values, outputs, inputs).transposed())))
        })
    }

    /// The right operand of `x · weightᵀ`.
    fn of_output(&self, tier: Tier, buffers: &Arc<Buffers>) -> Result<Operand<'_>> {
        match self {
            Self::Fixed(packed) => Ok(Operand::Ready(packed)),
            Self::Variable(tensor) => pack(tensor, |weight| buffers.packed(tier, weight.transposed())),
        }
    }

    /// The right operand of `dy · weight`.
    fn of_input_gradient(&self, tier: Tier, buffers: &Arc<Buffers>) -> Result<Operand<'_>> {
        match self {
            Self::Fixed(packed) => Ok(Operand::Turned(packed.transposed())),
            Self::Variable(tensor) => pack(tensor, |weight| buffers.packed(tier, weight)),
        }
    }
}

fn pack<'a>(tensor: &Tensor, pack: impl for<'m> FnOnce(Mat<'m>) -> Lent<Packed>) -> Result<Operand<'a>> {
    let (outputs, inputs) = tensor.dims2()?;
    with(tensor, |values| Ok(Operand::Made(pack(Mat::new(values, outputs, inputs)))))
}

/// One for each of a layer's matrix products.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Products<T> {
    pub(super) query: T,
    pub(super) key: T,
    pub(super) value: T,
    pub(super) output: T,
    pub(super) up: T,
    pub(super) down: T,
}

impl<T> Products<T> {
    /// In the order of the fields.
    pub(super) fn into_array(self) -> [T; 6] {
        [self.query, self.key, self.value, self.output, self.up, self.down]
    }

    /// In the order of the fields.
    pub(super) fn as_array(&self) -> [&T; 6] {
        [&self.query, &self.key, &self.value, &self.output, &self.up, &self.down]
    }
}

impl<T> From<[T; 6]> for Products<T> {
    fn from([query, key, value, output, up, down]: [T; 6]) -> Self {
        Self { query, key, value, output, up, down }
    }
}

/// A scale and an offset for each feature.
#[derive(Debug)]
pub(super) struct Norm<T> {
    pub(super) weight: T,
    pub(super) bias: T,
}

impl Norm<Vector> {
    fn load(hidden: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: Vector::load(hidden, "weight", vb)?, bias: Vector::load(hidden, "bias", vb)? })
    }

    fn values(&self) -> Result<Norm<Cow<'_, [f32]>>> {
        Ok(Norm { weight: self.weight.values()?, bias: self.bias.values()? })
    }
}

impl Norm<Vec<f32>> {
    /// Weights that stay as they are.
    pub(super) fn constant(hidden: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vb.get(hidden, "weight")?.to_vec1()?, bias: vb.get(hidden, "bias")?.to_vec1()? })
    }
}

/// What a layer has of everything that it learns: weights, or their gradients.
#[derive(Debug)]
pub(super) struct Parameters<M, V> {
    pub(super) matrices: Products<M>,
    pub(super) biases: Products<V>,
    pub(super) attention_norm: Norm<V>,
    pub(super) norm: Norm<V>,
}

impl<V> Parameters<V, V> {
    /// Everything by place: the matrices, the biases, then weight and bias of the norms.
    pub(super) fn into_places(self) -> [V; 16] {
        let [a, b, c, d, e, f] = self.matrices.into_array();
        let [g, h, i, j, k, l] = self.biases.into_array();
        let (m, n) = (self.attention_norm, self.norm);
        [a, b, c, d, e, f, g, h, i, j, k, l, m.weight, m.bias, n.weight, n.bias]
    }
}

/// A layer's weights.
pub(super) type Weights = Parameters<Matrix, Vector>;

impl Weights {
    pub(super) fn load(config: &EncoderConfig, tier: Tier, vb: &VarBuilder<'_>) -> Result<Self> {
        let EncoderConfig { hidden, intermediate, .. } = *config;
        let shapes = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", intermediate, hidden),
            ("output.dense", hidden, intermediate),
        ];
        let (mut matrices, mut biases) = (Vec::new(), Vec::new());
        for (name, outputs, inputs) in shapes {
            let vb = vb.pp(name);
            matrices.push(Matrix::load(outputs, inputs, tier, &vb)?);
            biases.push(Vector::load(outputs, "bias", &vb)?);
        }
        Ok(Self {
            matrices: six(matrices).into(),
            biases: six(biases).into(),
            attention_norm: Norm::load(hidden, &vb.pp("attention.output.LayerNorm"))?,
            norm: Norm::load(hidden, &vb.pp("output.LayerNorm"))?,
        })
    }

    /// The variables among the weights, with the places of [`Parameters::into_places`].
    pub(super) fn variables(&self) -> Vec<(usize, Tensor)> {
        let matrices = self.matrices.as_array().map(Matrix::variable);
        let biases = self.biases.as_array().map(Vector::variable);
        let norms = [&self.attention_norm, &self.norm].map(|n| [n.weight.variable(), n.bias.variable()]);
        let all = matrices.into_iter().chain(biases).chain(norms.into_iter().flatten());
        all.enumerate().filter_map(|(place, tensor)| Some((place, tensor?.clone()))).collect()
    }

    /// Operands of the forward pass.
    pub(super) fn operands(&self, tier: Tier, buffers: &Arc<Buffers>) -> Result<Operands<'_>> {
        self.with_operands(|matrix| matrix.of_output(tier, buffers))
    }

    /// Operands of the backward pass.
    pub(super) fn backward_operands(&self, tier: Tier, buffers: &Arc<Buffers>) -> Result<Operands<'_>> {
        self.with_operands(|matrix| matrix.of_input_gradient(tier, buffers))
    }

    fn with_operands<'a>(
        &'a self,
        operand: impl Fn(&'a Matrix) -> Result<Operand<'a>> + Send + Sync,
    ) -> Result<Operands<'a>> {
        let matrices: Vec<_> =
            self.matrices.as_array().into_par_iter().map(operand).collect::<Result<_>>()?;
        let biases: Vec<_> = self.biases.as_array().into_iter().map(Vector::values).collect::<Result<_>>()?;
        Ok(Parameters {
            matrices: six(matrices).into(),
            biases: six(biases).into(),
            attention_norm: self.attention_norm.values()?,
            norm: self.norm.values()?,
        })
    }
}

/// Weights as the kernels take them.
pub(super) type Operands<'a> = Parameters<Operand<'a>, Cow<'a, [f32]>>;

#[expect(clippy::expect_used, reason = "callers map an array of six")]
fn six<T>(items: Vec<T>) -> [T; 6] {
    items.try_into().ok().expect("as many as products")
}
