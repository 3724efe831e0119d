//! Memory that is used again, so that a step does not ask the system for fresh pages.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pointsman_kernels::{Mat, Packed, QuantizedRows, Tier};

use super::attention::Scratch;

/// Buffers that wait for their next use, shared by all layers of an encoder.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    plain: Mutex<Vec<Vec<f32>>>,
    packed: Arc<Pool<Packed>>,
    rows: Arc<Pool<QuantizedRows>>,
    heads: Arc<Pool<Scratch>>,
    /// Plain buffers that there were none to take for.
    made: AtomicUsize,
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
            _ => {
                self.made.fetch_add(1, Ordering::Relaxed);
                vec![0.0; len]
            }
        };
        Buffer { values, len, home: Arc::clone(self) }
    }

    /// An operand packed for the products of `tier`.
    pub(super) fn packed(&self, tier: Tier, right: Mat<'_>) -> Lent<Packed> {
        let mut packed = self.packed.lend();
        packed.pack_on(tier, right);
        packed
    }

    /// Activations to be quantised.
    pub(super) fn rows(&self) -> Lent<QuantizedRows> {
        self.rows.lend()
    }

    /// Memory for the attention of one head at a time.
    pub(super) fn head(&self) -> Lent<Scratch> {
        self.heads.lend()
    }

    /// How many buffers were made so far.
    #[cfg(test)]
    pub(super) fn made(&self) -> usize {
        let pools = [&self.packed.made, &self.rows.made, &self.heads.made];
        pools.into_iter().chain([&self.made]).map(|made| made.load(Ordering::Relaxed)).sum()
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

/// Things of one kind that wait for their next use, each with the memory that it has.
#[derive(Debug, Default)]
pub(super) struct Pool<T> {
    free: Mutex<Vec<T>>,
    made: AtomicUsize,
}

impl<T: Default> Pool<T> {
    pub(super) fn lend(self: &Arc<Self>) -> Lent<T> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let item = free.unwrap_or_else(|| {
            self.made.fetch_add(1, Ordering::Relaxed);
            T::default()
        });
        Lent { item, home: Arc::clone(self) }
    }
}

/// Something that goes back to its [`Pool`] when dropped.
#[derive(Debug)]
pub(super) struct Lent<T: Default> {
    item: T,
    home: Arc<Pool<T>>,
}

impl<T: Default> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T: Default> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: Default> Drop for Lent<T> {
    fn drop(&mut self) {
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.item));
        }
    }
}
