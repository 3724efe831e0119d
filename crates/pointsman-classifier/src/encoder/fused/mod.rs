//! The layers on the CPU in f32, or with products in bfloat16 where there are tiles: each one operation over the kernels with a
//! backward pass of its own.
//!
//! Tokens stay packed, so that no work is spent on padding. Between candle's tensors, which are a layer's input and output,
//! everything lives in [`Buffers`] that are used again: fresh pages cost as much as a tenth of the arithmetic.

mod attention;
mod backward;
mod buffers;
mod dense;
mod forward;
pub(super) mod int16;
mod sums;
#[cfg(target_arch = "x86_64")]
pub(super) mod tiles;
mod weights;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use candle_nn::VarBuilder;
use pointsman_kernels::Tier;

use super::EncoderConfig;
use crate::ops::deposit::{Slots, carrier};
use crate::ops::mean_pool;
use crate::ops::slices::{of, with};
use backward::{Backward, Gradients};
use buffers::Buffers;
use forward::{Dimensions, Forward, Tape};
use weights::{Products, Weights};

/// All transformer layers.
#[derive(Debug, Clone)]
pub(super) struct Layers(Vec<Arc<Layer>>);

impl Layers {
    pub(super) fn new(config: &EncoderConfig, tier: Tier, vb: &VarBuilder<'_>) -> Result<Self> {
        let dimensions = Dimensions::new(config, tier);
        let buffers = Arc::new(Buffers::default());
        let layer =
            |i| Layer::new(config, dimensions, &vb.pp(format!("encoder.layer.{i}")), &buffers).map(Arc::new);
        (0..config.layers).map(layer).collect::<Result<_>>().map(Self)
    }

    /// (tokens, hidden), rows of these lengths end to end → the mean over each row's tokens of each wanted layer, 0 for
    /// what goes in: (rows, hidden) each, in ascending order.
    pub(super) fn forward(&self, x: &Tensor, lengths: &[usize], wanted: &[usize]) -> Result<Vec<Tensor>> {
        let shared: Arc<[usize]> = lengths.into();
        let mut x = x.contiguous()?;
        let mut pooled = Vec::with_capacity(wanted.len());
        for depth in 0..=self.0.len() {
            if depth > 0 {
                x = self.0[depth - 1].forward(&x, &shared)?;
            }
            if wanted.contains(&depth) {
                pooled.push(mean_pool(&x, lengths)?);
            }
        }
        Ok(pooled)
    }
}

/// Attention and feed-forward network, each followed by its residual and norm (post-norm, as in BERT).
#[derive(Debug)]
struct Layer {
    weights: Weights,
    /// What is trained of the weights, by place.
    variables: Vec<(usize, Tensor)>,
    dimensions: Dimensions,
    buffers: Arc<Buffers>,
}

impl Layer {
    fn new(
        config: &EncoderConfig,
        dimensions: Dimensions,
        vb: &VarBuilder<'_>,
        buffers: &Arc<Buffers>,
    ) -> Result<Self> {
        let weights = Weights::load(config, dimensions.tier, vb)?;
        Ok(Self { variables: weights.variables(), weights, dimensions, buffers: Arc::clone(buffers) })
    }

    fn forward(self: &Arc<Self>, x: &Tensor, lengths: &Arc<[usize]>) -> Result<Tensor> {
        let slots = Slots::default();
        let step = Step {
            layer: Arc::clone(self),
            lengths: Arc::clone(lengths),
            input_is_tracked: x.track_op(),
            slots: slots.clone(),
            tape: Mutex::default(),
        };
        x.apply_op2(&carrier(&self.variables, &slots)?, step)
    }

    /// Which matrices are trained.
    fn trained(&self) -> Products<bool> {
        let is_trained = |place| self.variables.iter().any(|(of, _)| *of == place);
        std::array::from_fn(is_trained).into()
    }
}

/// One use of a layer.
struct Step {
    layer: Arc<Layer>,
    lengths: Arc<[usize]>,
    input_is_tracked: bool,
    slots: Slots,
    tape: Mutex<Option<Tape>>,
}

impl CustomOp2 for Step {
    fn name(&self) -> &'static str {
        "transformer-layer"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        _carrier: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = of(x, layout)?;
        let Layer { weights, variables, dimensions, buffers } = &*self.layer;
        let operands = weights.operands(dimensions.tier, buffers)?;
        let forward =
            Forward { dimensions: *dimensions, operands: &operands, lengths: &self.lengths, buffers };
        let mut y = vec![0.0; x.len()];
        let tape = forward.run(x, &mut y, self.input_is_tracked || !variables.is_empty());
        *self.tape.lock().unwrap_or_else(PoisonError::into_inner) = tape;
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        carrier: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(tape) = self.tape.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            bail!("the gradient of a transformer layer can be taken once; run the forward pass again")
        };
        let Layer { weights, dimensions, buffers, .. } = &*self.layer;
        let operands = weights.backward_operands(dimensions.tier, buffers)?;
        let backward =
            Backward { dimensions: *dimensions, operands: &operands, lengths: &self.lengths, buffers };
        let mut dx = self.input_is_tracked.then(|| vec![0.0; x.elem_count()]);
        let trained = self.layer.trained();
        let gradients =
            with(x, |x| with(dy, |dy| Ok(backward.run(x, &tape, dy, dx.as_deref_mut(), trained))))?;
        self.deposit(gradients)?;
        let dx = dx.map(|dx| Tensor::from_vec(dx, x.shape(), x.device())).transpose()?;
        Ok((dx, carrier.track_op().then(|| carrier.zeros_like()).transpose()?))
    }
}

impl Step {
    fn deposit(&self, gradients: Gradients) -> Result<()> {
        let mut gradients = gradients.into_places();
        for (place, variable) in &self.layer.variables {
            let gradient = std::mem::take(&mut gradients[*place]);
            self.slots.put(*place, Tensor::from_vec(gradient, variable.shape(), variable.device())?);
        }
        Ok(())
    }
}
