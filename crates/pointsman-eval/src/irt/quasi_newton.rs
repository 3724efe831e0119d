//! Limited-memory BFGS (Nocedal 1980; Nocedal & Wright 2006, algorithm 7.4), with the information of the point as the
//! first guess of the curvature.
//!
//! The cross-product information is the curvature only if the model is true. Real outcomes scatter less (scores with
//! partial credit) or more (models are good at different things); the pairs of steps and slopes correct for that.

use std::collections::VecDeque;

use super::information::Information;
use super::linear::dot;

/// Pairs of steps that are remembered.
const MEMORY: usize = 12;

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct QuasiNewton {
    /// Changes of place and of the downhill slope, newest last.
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
    last: Option<(Vec<f64>, Vec<f64>)>,
}

impl QuasiNewton {
    /// The uphill step at `place`.
    pub(super) fn step(&mut self, place: Vec<f64>, information: &Information) -> Vec<f64> {
        let gradient = &information.gradient;
        if let Some((place_before, gradient_before)) = &self.last {
            let moved = difference(&place, place_before);
            let flattened = difference(gradient_before, gradient);
            if dot(&moved, &flattened) > 1e-10 {
                self.pairs.push_back((moved, flattened));
            }
            if self.pairs.len() > MEMORY {
                self.pairs.pop_front();
            }
        }
        self.last = Some((place, gradient.clone()));
        self.along(information)
    }

    /// Forgets all steps; whether there were any.
    pub(super) fn forget(&mut self) -> bool {
        let had_any = !self.pairs.is_empty();
        *self = Self::default();
        had_any
    }

    /// The two-loop recursion.
    fn along(&self, information: &Information) -> Vec<f64> {
        let mut q = information.gradient.clone();
        let mut weights = Vec::with_capacity(self.pairs.len());
        for (s, y) in self.pairs.iter().rev() {
            let weight = dot(s, &q) / dot(s, y);
            q.iter_mut().zip(y).for_each(|(q, y)| *q -= weight * y);
            weights.push(weight);
        }
        let mut step = information.solve(&q);
        for ((s, y), weight) in self.pairs.iter().zip(weights.iter().rev()) {
            let correction = weight - dot(y, &step) / dot(s, y);
            step.iter_mut().zip(s).for_each(|(step, s)| *step += correction * s);
        }
        step
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
