//! Products of activations with weights, and what follows them.

use std::arch::x86_64::*;

use super::block::{Sums, Tiles};
use super::exponential::gelu;
use super::lines::{Bf16Rows, Line};
use super::rows::{TileRows, load, pack, store};
use super::weights::{TileFormat, TileWeights};
use super::{BLOCK, TILE_ROWS, TileUnit};

impl TileUnit {
    /// `out += x · weightsᵀ + bias`, row-major.
    ///
    /// # Panics
    /// If formats differ or shapes do not chain.
    pub fn add_product(self, x: &TileRows, weights: &TileWeights, out: &mut [f32]) {
        assert_eq!(out.len(), x.rows() * weights.outputs(), "shapes chain");
        self.multiply(x, weights, To::Sum(out));
    }

    /// `out = gelu(x · weightsᵀ + bias)`.
    ///
    /// # Panics
    /// If formats differ or shapes do not chain.
    pub fn gelu_of_product(self, x: &TileRows, weights: &TileWeights, out: &mut TileRows) {
        out.reset(TileFormat::Bf16, x.rows(), weights.outputs());
        self.multiply(x, weights, To::Gelu(out));
    }

    /// `out = x · weightsᵀ + bias`, row-major.
    ///
    /// # Panics
    /// If formats differ or shapes do not chain.
    pub fn product(self, x: &TileRows, weights: &TileWeights, out: &mut Bf16Rows<'_>) {
        assert_eq!(out.width * 32, weights.outputs(), "shapes chain");
        assert!(out.lines.len() >= x.rows() * out.width, "shapes chain");
        self.multiply(x, weights, To::Rows(out));
    }

    fn multiply(self, x: &TileRows, weights: &TileWeights, to: To<'_, '_>) {
        assert!(x.format() == weights.format() && x.columns() == weights.inputs(), "operands chain");
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            match weights.format() {
                TileFormat::Bf16 => multiply::<false>(self, x, weights, to),
                TileFormat::Int8 => multiply::<true>(self, x, weights, to),
            }
        }
    }
}

/// Where results go.
enum To<'a, 'b> {
    Sum(&'a mut [f32]),
    Gelu(&'a mut TileRows),
    Rows(&'a mut Bf16Rows<'b>),
}

/// Weights are read once, 32 outputs at a time, which stay in the first-level cache while all rows pass by.
#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply<const INTEGERS: bool>(proof: TileUnit, x: &TileRows, weights: &TileWeights, mut to: To<'_, '_>) {
    let tiles = Tiles::configure(proof);
    let mut sums = Sums::ZERO;
    let blocks = x.rows().div_ceil(BLOCK);
    for (at, right) in weights.blocks().enumerate() {
        for block in 0..blocks {
            fetch_next(right, block, blocks);
            let first = block * BLOCK;
            let rows = BLOCK.min(x.rows() - first);
            let group = first / TILE_ROWS;
            let below = (rows > TILE_ROWS).then(|| x.lines_from(group + 1));
            tiles.multiply::<INTEGERS>((x.lines_from(group), below), right, &mut sums);
            let block = Block { sums: &sums, x, weights, at, first, rows };
            block.finish::<INTEGERS>(&mut to);
        }
    }
}

/// Asks for the `part`-th of `parts` of the weights after `right`, which memory is slower to bring than tiles to use.
#[inline]
fn fetch_next(right: &[Line], part: usize, parts: usize) {
    let next = right.as_ptr().wrapping_add(right.len());
    for at in right.len() * part / parts..right.len() * (part + 1) / parts {
        // SAFETY: a prefetch does not fault, wherever it points.
        #[allow(unused_unsafe, reason = "later versions of Rust than the oldest supported declare it safe")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at).cast());
        }
    }
}

/// Sums of up to 32 rows with 32 outputs, as they come from the tiles.
struct Block<'a> {
    sums: &'a Sums,
    x: &'a TileRows,
    weights: &'a TileWeights,
    /// Which 32 outputs.
    at: usize,
    first: usize,
    rows: usize,
}

/// What turns sums of 16 outputs into results.
#[derive(Clone, Copy)]
struct Scaling {
    bias: __m512,
    scales: __m512,
    sums: __m512,
}

impl Block<'_> {
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn finish<const INTEGERS: bool>(&self, to: &mut To<'_, '_>) {
        let scaling = [self.scaling::<INTEGERS>(0), self.scaling::<INTEGERS>(1)];
        match to {
            To::Sum(out) => {
                let width = self.weights.outputs();
                for row in 0..self.rows {
                    let start = (self.first + row) * width + self.at * BLOCK;
                    let values = self.values::<INTEGERS>(row, scaling);
                    for (out, value) in out[start..start + BLOCK].as_chunks_mut().0.iter_mut().zip(values) {
                        store(out, _mm512_add_ps(load(out), value));
                    }
                }
            }
            To::Gelu(out) => {
                for row in 0..self.rows {
                    let [low, high] = self.values::<INTEGERS>(row, scaling);
                    out.line_mut(self.first + row, self.at).store(pack(gelu(low), gelu(high)));
                }
            }
            To::Rows(out) => {
                for row in 0..self.rows {
                    let [low, high] = self.values::<INTEGERS>(row, scaling);
                    out.lines[(self.first + row) * out.width + self.at].store(pack(low, high));
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn scaling<const INTEGERS: bool>(&self, half: usize) -> Scaling {
        let part = |values: &[f32]| {
            let start = self.at * BLOCK + half * 16;
            super::rows::load_slice(&values[start..])
        };
        let bias = part(self.weights.bias());
        if INTEGERS {
            Scaling { bias, scales: part(self.weights.scales()), sums: part(self.weights.sums()) }
        } else {
            Scaling { bias, scales: bias, sums: bias }
        }
    }

    /// A row's 32 results: the sums with the bias; of integers, times the scales of output and row, less what the row's zero
    /// has added.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn values<const INTEGERS: bool>(&self, row: usize, scaling: [Scaling; 2]) -> [__m512; 2] {
        let sums = &self.sums.0[row];
        let (scale, shift) = if INTEGERS { self.x.scale_and_shift(self.first + row) } else { (1.0, 0.0) };
        let (scale, shift) = (_mm512_set1_ps(scale), _mm512_set1_ps(shift));
        let value = |half: usize| {
            let Scaling { bias, scales, sums: of_zero } = scaling[half];
            let sum = load(&sums[half]);
            if INTEGERS {
                let sum = _mm512_cvtepi32_ps(_mm512_castps_si512(sum));
                _mm512_fmadd_ps(sum, _mm512_mul_ps(scales, scale), _mm512_fnmadd_ps(shift, of_zero, bias))
            } else {
                _mm512_add_ps(sum, bias)
            }
        };
        [value(0), value(1)]
    }
}
