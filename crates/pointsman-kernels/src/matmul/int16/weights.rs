//! Weights as 8-bit integers in the order in which the tiles read them.

use std::ops::Range;

use super::super::Mat;
use super::{GROUP, PANEL};

/// Weights (outputs × inputs) as 8-bit integers with a scale for every 128 inputs of an output: `value · scale`, the
/// largest of a group at ±127. Weights that are already such multiples are kept as they are.
///
/// Panels hold 16 outputs: pair after pair of inputs, and for each pair the two values of every output. Outputs and inputs
/// are filled up with zeros.
#[derive(Clone, Debug)]
pub struct QuantizedWeights {
    values: Vec<[i8; 2 * PANEL]>,
    /// Panel after panel, for each group a scale of every output.
    scales: Vec<[f32; PANEL]>,
    outputs: usize,
    inputs: usize,
}

impl QuantizedWeights {
    /// Rounds and packs `weights`, a row for each output.
    #[must_use]
    pub fn new(weights: Mat<'_>) -> Self {
        let (outputs, inputs) = (weights.rows, weights.columns);
        let (panels, pairs, groups) = (outputs.div_ceil(PANEL), inputs.div_ceil(2), inputs.div_ceil(GROUP));
        let mut packed = Self {
            values: vec![[0; 2 * PANEL]; panels * pairs],
            scales: vec![[0.0; PANEL]; panels * groups],
            outputs,
            inputs,
        };
        let mut row = vec![0.0; inputs];
        for output in 0..outputs {
            let (panel, lane) = (output / PANEL, output % PANEL);
            row.iter_mut().enumerate().for_each(|(input, value)| *value = weights.get(output, input));
            let values = packed.values[panel * pairs..].chunks_mut(GROUP / 2);
            for ((group, row), values) in row.chunks(GROUP).enumerate().zip(values) {
                let largest = row.iter().fold(0f32, |largest, value| largest.max(value.abs()));
                let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                packed.scales[panel * groups + group][lane] = largest / 127.0;
                for (values, pair) in values.iter_mut().zip(row.chunks(2)) {
                    for (value, weight) in values[2 * lane..].iter_mut().zip(pair) {
                        #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
                        let rounded = (weight * inverse).round_ties_even() as i8;
                        *value = rounded;
                    }
                }
            }
        }
        packed
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
