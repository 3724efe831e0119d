//! Layer normalisation with residual input.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use pointsman_kernels::{LayerNormGradients, Tier, layer_norm as forward, layer_norm_backward as backward};
use rayon::prelude::*;

use super::slices::{of, share_of, with};
use super::{composed, fuses};

/// `LayerNorm(x) · weight + bias` over the last dimension (Ba, Kiros & Hinton 2016).
///
/// `x` is (tokens, hidden), `weight` and `bias` are (hidden).
pub(crate) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    if !fuses(x) {
        return composed::layer_norm(x, weight, bias, epsilon);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the kernel computes in f32")]
    let epsilon = epsilon as f32;
    x.contiguous()?.apply_op3(weight, bias, LayerNorm { epsilon })
}

struct LayerNorm {
    epsilon: f32,
}

impl CustomOp3 for LayerNorm {
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
        let (tier, hidden) = (Tier::detect(), weight.len());
        let mut y = vec![0.0; x.len()];
        let block = share_of(x.len() / hidden) * hidden;
        y.par_chunks_mut(block)
            .zip(x.par_chunks(block))
            .for_each(|(y, x)| forward(tier, x, weight, bias, self.epsilon, y));
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
        let (dx, dweight, dbias) = with(x, |x| {
            with(weight, |weight| {
                with(dy, |dy| {
                    let (tier, hidden) = (Tier::detect(), weight.len());
                    let mut dx = vec![0.0; x.len()];
                    let block = share_of(x.len() / hidden) * hidden;
                    let sums: Vec<(Vec<f32>, Vec<f32>)> = dx
                        .par_chunks_mut(block)
                        .zip(x.par_chunks(block).zip(dy.par_chunks(block)))
                        .map(|(dx, (x, dy))| {
                            let (mut dweight, mut dbias) = (vec![0.0; hidden], vec![0.0; hidden]);
                            let gradients =
                                LayerNormGradients { dx, dweight: &mut dweight, dbias: &mut dbias };
                            backward(tier, x, weight, self.epsilon, dy, gradients);
                            (dweight, dbias)
                        })
                        .collect();
                    let (dweight, dbias) = sums.into_iter().fold(
                        (vec![0.0; hidden], vec![0.0; hidden]),
                        |(mut dweight, mut dbias), (w, b)| {
                            add(&mut dweight, &w);
                            add(&mut dbias, &b);
                            (dweight, dbias)
                        },
                    );
                    Ok((dx, dweight, dbias))
                })
            })
        })?;
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), device)?),
            Some(Tensor::from_vec(dweight, weight.shape(), device)?),
            Some(Tensor::from_vec(dbias, bias.shape(), device)?),
        ))
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}
