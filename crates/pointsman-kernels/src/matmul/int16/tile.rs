//! A few rows times one panel.

use super::super::tile::TileOut;
use super::ROWS;
use super::kernels::Kernel;
use super::weights::Panel;

/// Rows of activations: value `k` of row `i` is at `i * stride + k`.
#[derive(Clone, Copy)]
pub(super) struct LeftRows<'a> {
    pub(super) values: &'a [i16],
    pub(super) stride: usize,
    pub(super) scales: &'a [f32],
}

/// Multiplies the next `rows` rows of `left`, [`ROWS`] at most, with `panel`.
#[inline(always)]
pub(super) fn tile<K: Kernel>(left: LeftRows<'_>, rows: usize, panel: Panel<'_>, out: &mut TileOut<'_>) {
    match rows {
        ROWS.. => tile_of::<K, ROWS>(left, panel, out),
        5 => tile_of::<K, 5>(left, panel, out),
        4 => tile_of::<K, 4>(left, panel, out),
        3 => tile_of::<K, 3>(left, panel, out),
        2 => tile_of::<K, 2>(left, panel, out),
        1 => tile_of::<K, 1>(left, panel, out),
        0 => {}
    }
}

#[inline(always)]
fn tile_of<K: Kernel, const R: usize>(left: LeftRows<'_>, panel: Panel<'_>, out: &mut TileOut<'_>) {
    assert!((R - 1) * left.stride + 2 * panel.pairs.len() <= left.values.len(), "the rows are as deep");
    // SAFETY: a kernel is chosen only where its instructions are. The assertion above is the condition on `left`.
    let sums = unsafe { K::products::<R>(left, panel) };
    for (i, (sums, scale)) in sums.iter().zip(left.scales).enumerate() {
        let line = &mut out.values[i * out.stride..][..out.width];
        if out.accumulate {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value = K::mul_add(*sum, *scale, *value));
        } else {
            line.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum * scale);
        }
    }
}
