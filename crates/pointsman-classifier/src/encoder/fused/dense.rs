//! Weights of a matrix product as a file has them, before an engine rounds and packs them.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use pointsman_kernels::Mat;

use crate::ops::slices::with;
use crate::weights::DIVISOR;

/// Weights (outputs, inputs) and a bias, of one product or of several of one input side by side.
pub(super) struct Dense {
    weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) inputs: usize,
    /// What the weights were multiplied with before they were rounded to be stored.
    pub(super) divisors: Option<Vec<f32>>,
}

impl Dense {
    /// # Errors
    /// When a weight is missing, of another shape, or a variable.
    pub(super) fn load(inputs: usize, outputs: usize, names: &[&str], vb: &VarBuilder<'_>) -> Result<Self> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        let mut stored = Vec::new();
        let divisors = format!("weight{DIVISOR}");
        for name in names {
            let vb = vb.pp(name);
            let (weight, of_outputs) = (vb.get((outputs, inputs), "weight")?, vb.get(outputs, "bias")?);
            if weight.track_op() || of_outputs.track_op() {
                bail!("rounded weights cannot be trained; use the engine `f32`");
            }
            with(&weight, |values| {
                weights.extend_from_slice(values);
                Ok(())
            })?;
            bias.extend(of_outputs.to_vec1::<f32>()?);
            if vb.contains_tensor(&divisors) {
                stored.push(vb.get(inputs, &divisors)?.to_vec1::<f32>()?);
            }
        }
        // Products of one input are rounded together, and only the same divisors suit them all.
        let shared = stored.len() == names.len() && stored.windows(2).all(|pair| pair[0] == pair[1]);
        Ok(Self { weights, bias, inputs, divisors: stored.pop().filter(|_| shared) })
    }

    pub(super) fn matrix(&self) -> Mat<'_> {
        Mat::new(&self.weights, self.bias.len(), self.inputs)
    }
}
