//! Weights as 8-bit integers in the order in which the tiles read them.

use std::ops::Range;

use super::super::Mat;
use super::{GROUP, PANEL};

/// Weights (outputs × inputs) as 8-bit integers with a scale for every 128 inputs of an output: `value · scale`, the
/// largest of a group at ±127. Weights that are already such multiples are kept as they are.
///
/// Weights that were multiplied with a divisor for each input before they were rounded have one scale an output, and are multiplied
/// so again: rounding finds the integers that were stored. Activations are divided in exchange ([`super::QuantizedRows::fill`]).
///
/// Panels hold 16 outputs: pair after pair of inputs, and for each pair the two values of every output. Outputs and inputs
/// are filled up with zeros.
#[derive(Clone, Debug)]
pub struct QuantizedWeights {
    values: Vec<[i8; 2 * PANEL]>,
    /// Panel after panel, for each group a scale of every output.
    scales: Vec<[f32; PANEL]>,
    /// What activations are multiplied with before they are rounded, one an input.
    input_factors: Vec<f32>,
    outputs: usize,
    inputs: usize,
}

impl QuantizedWeights {
    /// Rounds and packs `weights`, a row for each output.
    #[must_use]
    pub fn new(weights: Mat<'_>) -> Self {
        Self::pack(weights, &vec![1.0; weights.columns], GROUP)
    }

    /// Packs `weights`, a row for each output, that were stored as integers after their inputs were multiplied with `divisors`.
    ///
    /// # Panics
    /// If there is not one divisor an input.
    #[must_use]
    pub fn divided(weights: Mat<'_>, divisors: &[f32]) -> Self {
        Self::pack(weights, divisors, weights.columns)
    }

    /// `together` values of a row, a multiple of [`GROUP`] or all of them, share their largest.
    fn pack(weights: Mat<'_>, divisors: &[f32], together: usize) -> Self {
        let (outputs, inputs) = weights.shape();
        assert_eq!(divisors.len(), inputs, "one divisor an input");
        let (panels, pairs, groups) = (outputs.div_ceil(PANEL), inputs.div_ceil(2), inputs.div_ceil(GROUP));
        let mut packed = Self {
            values: vec![[0; 2 * PANEL]; panels * pairs],
            scales: vec![[0.0; PANEL]; panels * groups],
            input_factors: divisors.iter().map(|divisor| 1.0 / divisor).collect(),
            outputs,
            inputs,
        };
        let mut row = vec![0.0; inputs];
        for output in 0..outputs {
            row.iter_mut()
                .enumerate()
                .for_each(|(input, value)| *value = weights.get(output, input) * divisors[input]);
            for (at, part) in row.chunks(together.max(1)).enumerate() {
                packed.put(output, at * together, part);
            }
        }
        packed
    }

    /// Rounds some values of an output, from input `first` on, to multiples of one scale.
    fn put(&mut self, output: usize, first: usize, part: &[f32]) {
        let (panel, lane) = (output / PANEL, output % PANEL);
        let largest = part.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let groups = part.len().div_ceil(GROUP);
        let scales = &mut self.scales[panel * self.inputs.div_ceil(GROUP) + first / GROUP..][..groups];
        scales.iter_mut().for_each(|scales| scales[lane] = largest / 127.0);
        let values = &mut self.values[panel * self.inputs.div_ceil(2) + first / 2..];
        for (values, pair) in values.iter_mut().zip(part.chunks(2)) {
            for (value, weight) in values[2 * lane..].iter_mut().zip(pair) {
                #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
                let rounded = (weight * inverse).round_ties_even() as i8;
                *value = rounded;
            }
        }
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

    /// What activations are multiplied with before they are rounded, one an input.
    pub(super) fn input_factors(&self) -> &[f32] {
        &self.input_factors
    }

    /// Groups of an output's weights.
    pub(super) fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
    }

    /// Some groups of each panel.
    #[inline(always)]
    pub(super) fn panels(&self, groups: &Range<usize>) -> impl Iterator<Item = Panel<'_>> {
        let pairs = self.inputs.div_ceil(2);
        let range = groups.start * GROUP / 2..pairs.min(groups.end * GROUP / 2);
        let groups = groups.clone();
        let panels = self.values.chunks_exact(pairs).zip(self.scales.chunks_exact(self.groups()));
        panels.map(move |(values, scales)| Panel {
            pairs: &values[range.clone()],
            scales: &scales[groups.clone()],
        })
    }
}

/// Some groups of 16 outputs' weights.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    /// For each pair of inputs, the two weights of every output.
    pub(super) pairs: &'a [[i8; 2 * PANEL]],
    /// For each group of 64 pairs, the scale of every output.
    pub(super) scales: &'a [[f32; PANEL]],
}
