//! Layer normalisation.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use pointsman_kernels::{LayerNormGradients, Tier, add_bias, layer_norm, layer_norm_backward};
use rayon::prelude::*;

use super::slices::{of, with};

/// Rows whose share of the weight's gradient is summed first. Fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 96;

/// `(x - mean) / √(variance + ε) · weight + bias` over the last dimension (Ba, Kiros & Hinton 2016).
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Norm {
    pub(crate) fn new(hidden: usize, epsilon: f64, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vb.get(hidden, "weight")?, bias: vb.get(hidden, "bias")?, epsilon })
    }

    /// (rows, hidden) → (rows, hidden).
    #[expect(clippy::cast_possible_truncation, reason = "the kernels compute in f32")]
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        let epsilon = self.epsilon as f32;
        if x.device().is_cpu() && x.dtype() == DType::F32 {
            return x.apply_op3(&self.weight, &self.bias, Fused { epsilon });
        }
        if [&x, &self.weight, &self.bias].iter().any(|tensor| tensor.track_op()) {
            // candle's fused norm has no backward pass and would end the gradient without a word.
            return self.composed(&x);
        }
        candle_nn::ops::layer_norm(&x, &self.weight, &self.bias, epsilon)
    }

    /// In candle's own differentiable steps, in f32 at least.
    pub(super) fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let dtype = x.dtype();
        let wide = if dtype == DType::F64 { dtype } else { DType::F32 };
        let x = x.to_dtype(wide)?;
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        let normal = centred.broadcast_div(&deviation)?.to_dtype(dtype)?;
        normal.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// One step over the kernels.
struct Fused {
    epsilon: f32,
}

impl CustomOp3 for Fused {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, bias) = (of(x, x_layout)?, of(weight, weight_layout)?, of(bias, bias_layout)?);
        let mut y = vec![0.0; x.len()];
        let block = BLOCK * weight.len();
        let norm = |x: &[f32], y: &mut [f32]| layer_norm(Tier::detect(), x, weight, bias, self.epsilon, y);
        if x.len() <= block {
            // A single block is done before another thread would have woken up.
            norm(x, &mut y);
        } else {
            y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| norm(x, y));
        }
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, sums) =
            with(x, |x| with(weight, |weight| with(dy, |dy| Ok(self.gradients(x, weight, dy)))))?;
        let (device, hidden) = (x.device(), weight.elem_count());
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), device)?),
            Some(Tensor::from_slice(&sums[..hidden], weight.shape(), device)?),
            Some(Tensor::from_slice(&sums[hidden..], bias.shape(), device)?),
        ))
    }
}

impl Fused {
    /// The gradient of `x`, and that of the weight followed by that of the bias.
    fn gradients(&self, x: &[f32], weight: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let hidden = weight.len();
        let block = BLOCK * hidden;
        let mut dx = vec![0.0; x.len()];
        let sums: Vec<Vec<f32>> = dx
            .par_chunks_mut(block)
            .zip(x.par_chunks(block).zip(dy.par_chunks(block)))
            .map(|(dx, (x, dy))| {
                let mut sums = vec![0.0; 2 * hidden];
                let (dweight, dbias) = sums.split_at_mut(hidden);
                let gradients = LayerNormGradients { dx, dweight, dbias };
                layer_norm_backward(Tier::detect(), x, weight, self.epsilon, dy, gradients);
                sums
            })
            .collect();
        let mut total = vec![0.0; 2 * hidden];
        sums.iter().for_each(|sums| add_bias(Tier::detect(), &mut total, sums));
        (dx, total)
    }
}
