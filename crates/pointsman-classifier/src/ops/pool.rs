//! Mean over the tokens of each row.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::slices::{of, with};

/// Mean of each row's tokens on the CPU in f32: `x` is (tokens, hidden), the result (rows, hidden).
pub(crate) fn mean_pool(x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
    x.contiguous()?.apply_op1(MeanPool { lengths: lengths.to_vec() })
}

struct MeanPool {
    lengths: Vec<usize>,
}

impl CustomOp1 for MeanPool {
    fn name(&self) -> &'static str {
        "mean-pool"
    }

    #[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^23 tokens")]
    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let hidden = layout.shape().dims2()?.1;
        let mut tokens = of(x, layout)?.chunks_exact(hidden);
        let mut means = vec![0.0; self.lengths.len() * hidden];
        for (mean, length) in means.chunks_exact_mut(hidden).zip(&self.lengths) {
            for token in tokens.by_ref().take(*length) {
                mean.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
            mean.iter_mut().for_each(|sum| *sum /= *length as f32);
        }
        Ok((CpuStorage::F32(means), Shape::from((self.lengths.len(), hidden))))
    }

    #[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^23 tokens")]
    fn bwd(&self, x: &Tensor, _means: &Tensor, dmeans: &Tensor) -> Result<Option<Tensor>> {
        let hidden = x.dim(1)?;
        let dx = with(dmeans, |dmeans| {
            let mut dx = Vec::with_capacity(x.elem_count());
            for (dmean, length) in dmeans.chunks_exact(hidden).zip(&self.lengths) {
                let each: Vec<f32> = dmean.iter().map(|value| value / *length as f32).collect();
                (0..*length).for_each(|_| dx.extend_from_slice(&each));
            }
            Ok(dx)
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}
