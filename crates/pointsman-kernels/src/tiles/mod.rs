//! The encoder's steps on tiles, in 8-bit integers or bfloat16, on one thread each.
//!
//! A tile is 16 rows of 64 bytes. Intel's Advanced Matrix Extensions (AMX) hold one in a register and multiply two into a third;
//! other processors with AVX-512's dot products read the same memory row by row ([`TileUnit`]). Activations and weights are kept
//! in memory tile by tile ([`TileRows`], [`TileWeights`]), so that every load of a tile is 16 adjacent lines of the cache.
//! What a step leaves in a block of sums is read at once by what follows it (bias, GELU, residual, norm, rounding), so that sums
//! never travel to memory and back as a matrix of their own.
//!
//! Vectors never pass through a closure that an iterator calls: iterators are compiled without the instruction set, so that such
//! a closure is a call with its arguments in memory.
//!
//! Instructions: Intel Architecture Instruction Set Extensions Programming Reference, chapter 3. The compiler has no stable
//! intrinsics for those on tiles, so they are written as assembly in [`block`], and only there.

mod attention;
mod block;
mod detect;
mod exponential;
mod lines;
mod operand;
mod product;
mod rows;
#[cfg(test)]
mod tests;
mod transpose;
mod vectors;
mod weights;

pub use attention::HeadScratch;
pub use detect::TileUnit;
pub use lines::{Bf16Matrix, Bf16Rows};
pub(crate) use operand::TiledOperand;
pub use rows::{TileNorm, TileRows};
pub use weights::{TileFormat, TileWeights};

/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Rows and columns of a block of sums: two by two tiles.
const BLOCK: usize = 32;
/// Width of an attention head: a tile's row of bfloat16.
pub const HEAD_WIDTH: usize = 32;
