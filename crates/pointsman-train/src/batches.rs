//! Which rows are fitted together, and when.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Batches from which neighbours in length are drawn together.
const POOL_BATCHES: usize = 50;

/// The batches of one epoch, as indices into `lengths`.
///
/// Rows are shuffled, then sorted by length within pools of a few batches, so that a batch holds little padding and
/// epochs still differ. The order depends on `seed` and `epoch` alone.
#[must_use]
pub fn of_epoch(lengths: &[usize], batch: usize, seed: u64, epoch: usize) -> Vec<Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(epoch as u64);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut random);
    for pool in order.chunks_mut(batch * POOL_BATCHES) {
        pool.sort_by_key(|i| lengths[*i]);
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch).map(<[usize]>::to_vec).collect();
    batches.shuffle(&mut random);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_visited_once_beside_rows_of_its_length() {
        let lengths: Vec<usize> = (0..1000).map(|i| i * 7919 % 300).collect();
        let batches = of_epoch(&lengths, 10, 3, 0);
        let mut seen: Vec<usize> = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        let spread = |batch: &Vec<usize>| {
            let of = |i: &usize| lengths[*i];
            batch.iter().map(of).max().unwrap_or(0) - batch.iter().map(of).min().unwrap_or(0)
        };
        assert!(batches.iter().map(spread).max() < Some(20));
    }

    #[test]
    fn epochs_differ_and_repeat_with_the_seed() {
        let lengths = vec![1; 100];
        assert_eq!(of_epoch(&lengths, 8, 1, 0), of_epoch(&lengths, 8, 1, 0));
        assert_ne!(of_epoch(&lengths, 8, 1, 0), of_epoch(&lengths, 8, 1, 1));
        assert_ne!(of_epoch(&lengths, 8, 1, 0), of_epoch(&lengths, 8, 2, 0));
    }
}
