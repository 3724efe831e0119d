//! Matrix products, on one thread or shared by rows of the result.

use pointsman_kernels::{Mat, MatMut, Packed, Tier, matmul};
use rayon::prelude::*;

use super::slices::share_of;

/// `out = left · right` on this thread.
pub(super) fn multiply(out: MatMut<'_>, left: Mat<'_>, right: Mat<'_>) {
    matmul(Tier::detect(), out, false, left, &Packed::new(right));
}

/// `left · right` on all threads: (rows, columns). The result does not depend on how many there are.
pub(super) fn multiply_shared(left: Mat<'_>, right: Mat<'_>, rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * columns];
    let (tier, right) = (Tier::detect(), Packed::new(right));
    let share = share_of(rows);
    out.par_chunks_mut(share * columns).enumerate().for_each(|(block, out)| {
        let count = out.len() / columns;
        let left = left.rows(block * share..block * share + count);
        matmul(tier, MatMut::new(out, count, columns), false, left, &right);
    });
    out
}
