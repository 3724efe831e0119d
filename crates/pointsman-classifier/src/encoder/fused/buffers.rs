//! Memory that is used again, so that a step does not ask the system for fresh pages.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use pointsman_kernels::Packed;

/// Buffers that wait for their next use, shared by all layers of an encoder.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    plain: Mutex<Vec<Vec<f32>>>,
    packed: Mutex<Vec<Packed>>,
}

/// Kept of each kind: what one training step holds at a time, and then some. More are given back to the system.
const KEPT: usize = 128;

impl Buffers {
    /// A buffer of `len` values, whatever they are.
    pub(super) fn plain(self: &Arc<Self>, len: usize) -> Buffer {
        let mut free = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, so that large ones stay free for those who need them.
        let fit = (0..free.len()).filter(|i| free[*i].len() >= len).min_by_key(|i| free[*i].len());
        let values = match fit {
            Some(i) if free[i].len() / 4 <= len => free.swap_remove(i),
            _ => vec![0.0; len],
        };
        Buffer { values, len, home: Arc::clone(self) }
    }

    /// An operand to be packed.
    pub(super) fn packed(self: &Arc<Self>) -> PackedBuffer {
        let mut free = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        PackedBuffer { operand: free.pop().unwrap_or_default(), home: Arc::clone(self) }
    }
}

/// Values that go back to their [`Buffers`] when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    values: Vec<f32>,
    len: usize,
    home: Arc<Buffers>,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self.home.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.values));
        }
    }
}

/// A packed operand that goes back to its [`Buffers`] when dropped.
#[derive(Debug)]
pub(super) struct PackedBuffer {
    operand: Packed,
    home: Arc<Buffers>,
}

impl Deref for PackedBuffer {
    type Target = Packed;

    fn deref(&self) -> &Packed {
        &self.operand
    }
}

impl DerefMut for PackedBuffer {
    fn deref_mut(&mut self) -> &mut Packed {
        &mut self.operand
    }
}

impl Drop for PackedBuffer {
    fn drop(&mut self) {
        let mut free = self.home.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.operand));
        }
    }
}
