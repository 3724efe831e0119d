//! CPU kernels for the encoder: plain functions over `f32` slices, one thread each.
//!
//! Every kernel takes a [`Tier`], the proof of what the processor can do, and runs the version compiled for it.
//! Row-wise kernels see a matrix as a slice of `rows * columns` values in row-major order; the number of columns comes
//! from a per-column argument such as a bias. Backward kernels that yield per-column gradients *add* them to their
//! output, so that a caller may split rows into blocks and sum.
//!
//! A new instruction set is a new [`Tier`] and one more arm in the `dispatch!` macro, or a hand-written function beside
//! the generic body where a loop does not do.

#![expect(
    unsafe_code,
    reason = "run-time dispatch calls functions compiled for features checked beforehand; the matrix product's innermost loop is written in vector instructions"
)]

mod adamw;
mod bias;
mod gelu;
mod math;
mod matmul;
mod norm;
mod softmax;
mod tier;
#[cfg(target_arch = "x86_64")]
mod tiles;

pub use adamw::{AdamWStep, adamw, sum_of_squares};
pub use bias::{add_bias, column_sums};
pub use gelu::{bias_gelu, bias_gelu_backward};
pub use matmul::{Mat, MatMut, Packed, QuantizedRows, QuantizedWeights, matmul, matmul_int16};
pub use norm::{LayerNormGradients, layer_norm, layer_norm_backward};
pub use softmax::{softmax, softmax_backward};
pub use tier::Tier;
#[cfg(target_arch = "x86_64")]
pub use tiles::{
    Bf16Matrix, Bf16Rows, HEAD_WIDTH, HeadScratch, TileFormat, TileNorm, TileRows, TileUnit, TileWeights,
};
