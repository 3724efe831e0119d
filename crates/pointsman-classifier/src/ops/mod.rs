//! Differentiable operations that candle lacks, and what they are made of.

pub(crate) mod deposit;
mod embedding;
mod norm;
mod pool;
pub(crate) mod slices;
#[cfg(test)]
mod tests;

pub(crate) use embedding::{Table, sum_of_embeddings};
pub(crate) use norm::Norm;
pub(crate) use pool::mean_pool;

use candle_core::{Result, Tensor};

/// `x · weightᵀ + bias`: `x` is (rows, in), `weight` (out, in) as PyTorch stores it, `bias` (out).
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}
