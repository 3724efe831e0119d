//! Gradients for more tensors than candle's operations have arguments.
//!
//! candle's custom operations take at most three tensors. One that learns from more takes, beside its input, a
//! [`carrier`]: a scalar that depends on all of them. When the gradient flows back, the operation comes before the
//! carrier; it leaves the tensors' gradients in [`Slots`], and the carrier's links pick them up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor};

/// Gradients on their way, by place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<HashMap<usize, Tensor>>>);

impl Slots {
    pub(crate) fn put(&self, place: usize, gradient: Tensor) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, gradient);
    }

    fn take(&self, place: usize) -> Option<Tensor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&place)
    }
}

/// A scalar without meaning on the CPU through which `tensors` receive what is left in `slots` at their places.
pub(crate) fn carrier(tensors: &[(usize, Tensor)], slots: &Slots) -> Result<Tensor> {
    let start = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
    tensors.iter().try_fold(start, |carrier, (place, tensor)| {
        carrier.apply_op2(tensor, Link { slots: slots.clone(), place: *place })
    })
}

struct Link {
    slots: Slots,
    place: usize,
}

impl CustomOp2 for Link {
    fn name(&self) -> &'static str {
        "deposit"
    }

    fn cpu_fwd(
        &self,
        _carrier: &CpuStorage,
        _: &Layout,
        _tensor: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(
        &self,
        carrier: &Tensor,
        _tensor: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((carrier.track_op().then(|| gradient.clone()), self.slots.take(self.place)))
    }
}
