//! The encoder's differentiable operations on packed tokens.
//!
//! On the CPU each is one fused step over the kernels with a backward pass of its own; candle's fused norms and softmax
//! have none and would end the gradient without a word. Elsewhere, and in half precision, the same functions are
//! [`composed`] of candle's differentiable steps.

mod attention;
mod composed;
mod gelu;
mod linear;
mod norm;
mod pool;
mod product;
mod slices;
#[cfg(test)]
mod tests;

pub(crate) use attention::attention;
pub(crate) use gelu::linear_gelu;
pub(crate) use linear::linear;
pub(crate) use norm::layer_norm;
pub(crate) use pool::mean_pool;

use candle_core::{DType, Tensor};

/// Whether the fused version can take `x`.
fn fuses(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}
