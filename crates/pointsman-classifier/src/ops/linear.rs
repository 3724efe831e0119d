//! Matrix product with bias.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use pointsman_kernels::{Mat, Tier, add_bias, column_sums};

use super::product::multiply_shared;
use super::slices::{of, with};
use super::{composed, fuses};

/// `x · weightᵀ + bias`.
///
/// `x` is (tokens, in), `weight` (out, in) as PyTorch stores it, `bias` (out); the result is (tokens, out).
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !fuses(x) {
        return composed::linear(x, weight, bias);
    }
    x.contiguous()?.apply_op3(weight, bias, Linear)
}

/// `x · weightᵀ`, for those who add the bias themselves.
pub(super) fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(weight, Product)
}

struct Linear;

struct Product;

/// `x · weightᵀ`: (tokens, out).
fn times_transposed(x: &[f32], weight: &[f32], inputs: usize) -> Vec<f32> {
    let (tokens, outputs) = (x.len() / inputs, weight.len() / inputs);
    multiply_shared(
        Mat::new(x, tokens, inputs),
        Mat::new(weight, outputs, inputs).transposed(),
        tokens,
        outputs,
    )
}

/// The gradients of [`times_transposed`] with respect to `x` and `weight`.
fn times_transposed_backward(x: &[f32], weight: &[f32], dy: &[f32], inputs: usize) -> (Vec<f32>, Vec<f32>) {
    let (tokens, outputs) = (x.len() / inputs, weight.len() / inputs);
    let dy = Mat::new(dy, tokens, outputs);
    let dx = multiply_shared(dy, Mat::new(weight, outputs, inputs), tokens, inputs);
    let dweight = multiply_shared(dy.transposed(), Mat::new(x, tokens, inputs), outputs, inputs);
    (dx, dweight)
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let (outputs, inputs) = weight_layout.shape().dims2()?;
        let mut y = times_transposed(of(x, x_layout)?, of(weight, weight_layout)?, inputs);
        add_bias(Tier::detect(), &mut y, of(bias, bias_layout)?);
        Ok((CpuStorage::F32(y), Shape::from((x_layout.shape().dims2()?.0, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let inputs = weight.dim(1)?;
        let (dx, dweight, dbias) = with(x, |x| {
            with(weight, |weight| {
                with(dy, |dy| {
                    let (dx, dweight) = times_transposed_backward(x, weight, dy, inputs);
                    let mut dbias = vec![0.0; weight.len() / inputs];
                    column_sums(Tier::detect(), dy, &mut dbias);
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

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (outputs, inputs) = weight_layout.shape().dims2()?;
        let y = times_transposed(of(x, x_layout)?, of(weight, weight_layout)?, inputs);
        Ok((CpuStorage::F32(y), Shape::from((x_layout.shape().dims2()?.0, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let inputs = weight.dim(1)?;
        let (dx, dweight) = with(x, |x| {
            with(weight, |weight| with(dy, |dy| Ok(times_transposed_backward(x, weight, dy, inputs))))
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dweight, weight.shape(), x.device())?),
        ))
    }
}
