//! Matrix product followed by GELU.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use pointsman_kernels::{Tier, bias_gelu, bias_gelu_backward};
use rayon::prelude::*;

use super::slices::{of, share_of, with};
use super::{composed, fuses};

/// `gelu(x · weightᵀ + bias)` with the error-function GELU (Hendrycks & Gimpel 2016).
///
/// Shapes as in [`super::linear`].
pub(crate) fn linear_gelu(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !fuses(x) {
        return composed::linear_gelu(x, weight, bias);
    }
    super::linear::product(x, weight)?.apply_op2(bias, BiasGelu)
}

struct BiasGelu;

impl CustomOp2 for BiasGelu {
    fn name(&self) -> &'static str {
        "bias-gelu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, bias) = (of(x, x_layout)?, of(bias, bias_layout)?);
        let tier = Tier::detect();
        let mut y = vec![0.0; x.len()];
        let block = share_of(x.len() / bias.len()) * bias.len();
        y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| bias_gelu(tier, x, bias, y));
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dbias) = with(x, |x| {
            with(bias, |bias| {
                with(dy, |dy| {
                    let tier = Tier::detect();
                    let mut dx = vec![0.0; x.len()];
                    let block = share_of(x.len() / bias.len()) * bias.len();
                    let sums: Vec<Vec<f32>> = dx
                        .par_chunks_mut(block)
                        .zip(x.par_chunks(block).zip(dy.par_chunks(block)))
                        .map(|(dx, (x, dy))| {
                            let mut dbias = vec![0.0; bias.len()];
                            bias_gelu_backward(tier, x, bias, dy, dx, &mut dbias);
                            dbias
                        })
                        .collect();
                    let dbias = sums.into_iter().fold(vec![0.0; bias.len()], |mut total, part| {
                        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                        total
                    });
                    Ok((dx, dbias))
                })
            })
        })?;
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), device)?),
            Some(Tensor::from_vec(dbias, bias.shape(), device)?),
        ))
    }
}
