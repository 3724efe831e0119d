//! Weights tile by tile.

use half::bf16;

use super::lines::Line;
use super::{BLOCK, TILE_ROWS};
use crate::Mat;

/// What a tile's row of 64 bytes holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TileFormat {
    /// 32 numbers of bfloat16.
    #[default]
    Bf16,
    /// 64 integers of 8 bits.
    Int8,
}

impl TileFormat {
    /// Numbers in a line.
    pub(super) fn per_line(self) -> usize {
        match self {
            Self::Bf16 => 32,
            Self::Int8 => 64,
        }
    }
}

/// Weights (outputs × inputs) with a bias for each output, as tiles.
///
/// For each 32 outputs, for each step of 32 inputs (64 for integers) two tiles of 16 outputs; a tile's row holds a pair
/// (four) of inputs of every output. Integers have a scale for each output, its largest at ±127.
#[derive(Clone, Debug)]
pub struct TileWeights {
    format: TileFormat,
    lines: Vec<Line>,
    inputs: usize,
    outputs: usize,
    bias: Vec<f32>,
    /// Of each output, for integers.
    scales: Vec<f32>,
    /// The sum of each output's integers times its scale: what a row's zero has added to its products.
    sums: Vec<f32>,
    /// What activations are multiplied with before they are rounded, one an input.
    input_factors: Vec<f32>,
}

impl TileWeights {
    /// Rounds `weights`, a row for each output. `smoothing` has a divisor of activations for each input, with which weights are
    /// multiplied in exchange; it is used for integers alone.
    ///
    /// # Panics
    /// If inputs are not a multiple of 64, outputs not of 32, or lengths disagree.
    #[must_use]
    pub fn new(format: TileFormat, weights: Mat<'_>, bias: &[f32], smoothing: &[f32]) -> Self {
        let (outputs, inputs) = weights.shape();
        assert!(Self::fits(outputs, inputs), "{outputs} x {inputs} are not whole tiles");
        assert_eq!((bias.len(), smoothing.len()), (outputs, inputs), "lengths");
        let steps = inputs / format.per_line();
        let mut packed = Self {
            format,
            lines: vec![Line::ZERO; outputs * steps],
            inputs,
            outputs,
            bias: bias.to_vec(),
            scales: Vec::new(),
            sums: Vec::new(),
            input_factors: smoothing.iter().map(|divisor| 1.0 / divisor).collect(),
        };
        let mut row = vec![0.0; inputs];
        for output in 0..outputs {
            row.iter_mut().enumerate().for_each(|(input, value)| *value = weights.get(output, input));
            match format {
                TileFormat::Bf16 => packed.put_floats(output, &row),
                TileFormat::Int8 => {
                    row.iter_mut().zip(smoothing).for_each(|(value, factor)| *value *= factor);
                    packed.put_integers(output, &row);
                }
            }
        }
        packed
    }

    /// Whether weights of this shape can be held.
    #[must_use]
    pub fn fits(outputs: usize, inputs: usize) -> bool {
        outputs.is_multiple_of(BLOCK) && inputs.is_multiple_of(64)
    }

    fn put_floats(&mut self, output: usize, row: &[f32]) {
        for (at, pair) in row.as_chunks::<2>().0.iter().enumerate() {
            let bytes = pair.map(|value| bf16::from_f32(value).to_le_bytes());
            self.four_bytes(output, at).copy_from_slice(bytes.as_flattened());
        }
    }

    fn put_integers(&mut self, output: usize, row: &[f32]) {
        let largest = row.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut sum = 0i32;
        for (at, four) in row.as_chunks::<4>().0.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
            let integers = four.map(|value| (value * inverse).round_ties_even() as i8);
            sum += integers.iter().map(|value| i32::from(*value)).sum::<i32>();
            self.four_bytes(output, at).copy_from_slice(&integers.map(i8::cast_unsigned));
        }
        let scale = largest / 127.0;
        self.scales.push(scale);
        #[expect(clippy::cast_precision_loss, reason = "sums of bytes of a row are far below 2^23")]
        self.sums.push(sum as f32 * scale);
    }

    /// Where the `at`-th four bytes of an output's inputs are.
    fn four_bytes(&mut self, output: usize, at: usize) -> &mut [u8] {
        let (block, tile, lane) = (output / BLOCK, output % BLOCK / TILE_ROWS, output % TILE_ROWS);
        let (step, row) = (at / TILE_ROWS, at % TILE_ROWS);
        let line = ((block * self.steps() + step) * 2 + tile) * TILE_ROWS + row;
        &mut self.lines[line].0[4 * lane..4 * lane + 4]
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of inputs: the depth of the product.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What its tiles hold.
    #[must_use]
    pub fn format(&self) -> TileFormat {
        self.format
    }

    /// Tiles in the depth of the product.
    pub(super) fn steps(&self) -> usize {
        self.inputs / self.format.per_line()
    }

    /// The lines of each 32 outputs.
    pub(super) fn blocks(&self) -> std::slice::ChunksExact<'_, Line> {
        self.lines.chunks_exact(self.steps() * BLOCK)
    }

    pub(super) fn bias(&self) -> &[f32] {
        &self.bias
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(super) fn sums(&self) -> &[f32] {
        &self.sums
    }

    pub(super) fn input_factors(&self) -> &[f32] {
        &self.input_factors
    }
}
