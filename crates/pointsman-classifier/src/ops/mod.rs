//! The encoder's differentiable operations on packed tokens.
//!
//! On the CPU each is one fused step over the kernels with a backward pass of its own; candle's fused norms and softmax
//! have none and would end the gradient without a word.

mod attention;
mod gelu;
mod linear;
mod norm;
mod pool;
mod slices;

pub(crate) use attention::attention;
pub(crate) use gelu::linear_gelu;
pub(crate) use linear::linear;
pub(crate) use norm::layer_norm;
pub(crate) use pool::mean_pool;
