//! Which prompts go through the model together, and what happens when a device has no memory for them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use candle_core::Device;

/// How many tokens go through the model together on the processor: enough to keep its cores busy, few enough for what is
/// computed to stay in its caches.
const CPU_TOKENS: usize = 4096;

/// The same on a GPU, padding included: enough that launching the operations costs little beside them. The largest
/// intermediate result of the embedded model is then about 400 MB in half precision.
const GPU_TOKENS: usize = 1 << 15;

/// How many tokens a batch may have. It shrinks when the device runs out of memory and does not grow again.
#[derive(Debug)]
pub(super) struct Budget {
    tokens: AtomicUsize,
    /// Whether rows are padded to the longest of their batch, so that padding counts.
    padded: bool,
}

impl Budget {
    /// What suits `device`.
    pub(super) fn of(device: &Device) -> Self {
        let padded = !device.is_cpu();
        Self { tokens: AtomicUsize::new(if padded { GPU_TOKENS } else { CPU_TOKENS }), padded }
    }

    /// Tokens of a batch at most.
    pub(super) fn tokens(&self) -> usize {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Takes half of what a batch of `tokens` had, which was too much.
    fn shrink_below(&self, tokens: usize) {
        self.tokens.fetch_min((tokens / 2).max(1), Ordering::Relaxed);
    }

    /// Tokens of `rows` rows, the longest of which has `longest` tokens and all of them together `sum`.
    fn cost(&self, rows: usize, longest: usize, sum: usize) -> usize {
        if self.padded { rows * longest } else { sum }
    }

    /// Indices of rows that go through the model together: alike in length, together within the budget unless one alone is
    /// longer.
    pub(super) fn batches(&self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|at| lengths[*at]);
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let (mut sum, most) = (0, self.tokens());
        for at in order {
            // Rows come by length, so the newest is the longest.
            let longest = lengths[at];
            match batches.last_mut() {
                Some(batch) if self.cost(batch.len() + 1, longest, sum + longest) <= most => batch.push(at),
                _ => {
                    batches.push(vec![at]);
                    sum = 0;
                }
            }
            sum += longest;
        }
        batches
    }

    /// Runs every batch of rows of these lengths, on `workers` threads. A batch that `too_large` says failed for its size is
    /// run in halves, and later batches are made smaller.
    ///
    /// More workers than one keep a device busy while the host prepares the next batch and reads what the last one gave.
    pub(super) fn run<E: Send>(
        &self,
        lengths: &[usize],
        workers: usize,
        run: impl Fn(&[usize]) -> Result<(), E> + Sync,
        too_large: impl Fn(&E) -> bool + Sync,
    ) -> Result<(), E> {
        let queue = Mutex::new(VecDeque::from(self.batches(lengths)));
        let locked = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || -> Result<(), E> {
            loop {
                let Some(batch) = locked().pop_front() else { return Ok(()) };
                match run(&batch) {
                    Ok(()) => {}
                    Err(error) if batch.len() > 1 && too_large(&error) => {
                        let longest = batch.iter().map(|at| lengths[*at]).max().unwrap_or(0);
                        let sum = batch.iter().map(|at| lengths[*at]).sum();
                        self.shrink_below(self.cost(batch.len(), longest, sum));
                        let (short, long) = batch.split_at(batch.len() / 2);
                        let mut queue = locked();
                        queue.push_front(long.to_vec());
                        queue.push_front(short.to_vec());
                    }
                    Err(error) => {
                        // The other workers stop after the batch that they have.
                        locked().clear();
                        return Err(error);
                    }
                }
            }
        };
        if workers < 2 {
            return work();
        }
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for other in others {
                let ended = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                outcome = outcome.and(ended);
            }
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(tokens: usize, padded: bool) -> Budget {
        Budget { tokens: AtomicUsize::new(tokens), padded }
    }

    #[test]
    fn batches_hold_every_row_once_within_the_budget() {
        let lengths = [500, 2, 4000, 700, 512, 512, 3, 5000, 2048];
        let batches = Budget::of(&Device::Cpu).batches(&lengths);
        let lengths_of = |batch: &Vec<usize>| batch.iter().map(|at| lengths[*at]).collect::<Vec<_>>();
        assert_eq!(
            batches.iter().map(lengths_of).collect::<Vec<_>>(),
            [vec![2, 3, 500, 512, 512, 700], vec![2048], vec![4000], vec![5000]]
        );
        assert!(Budget::of(&Device::Cpu).batches(&[]).is_empty());
    }

    #[test]
    fn padding_counts_where_rows_are_padded() {
        let lengths = [1, 10, 10, 10];
        assert_eq!(budget(31, false).batches(&lengths), [vec![0, 1, 2, 3]]);
        assert_eq!(budget(31, true).batches(&lengths), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn what_is_too_large_is_halved_until_it_fits_and_no_row_is_lost() {
        for (workers, padded) in [(1, false), (1, true), (3, true)] {
            let budget = budget(1000, padded);
            let lengths: Vec<usize> = (0..100).map(|at| 5 + at % 7).collect();
            let done = Mutex::new(Vec::new());
            let run = |batch: &[usize]| {
                let tokens: usize = batch.iter().map(|at| lengths[*at]).sum();
                if tokens > 90 {
                    return Err("out of memory");
                }
                done.lock().expect("lock").extend_from_slice(batch);
                Ok(())
            };
            budget.run(&lengths, workers, run, |error| *error == "out of memory").expect("halves fit");
            let mut done = done.into_inner().expect("lock");
            done.sort_unstable();
            assert_eq!(done, (0..100).collect::<Vec<_>>());
            assert!(budget.tokens() <= 181, "{}", budget.tokens());
        }
    }

    #[test]
    fn other_failures_and_rows_that_are_too_large_alone_are_errors() {
        for workers in [1, 2] {
            let budget = budget(4, false);
            let failed = budget.run(&[1, 1, 9], workers, |_| Err("driver"), |_| false);
            assert_eq!(failed, Err("driver"));
            let alone = |batch: &[usize]| if batch.contains(&2) { Err("memory") } else { Ok(()) };
            assert_eq!(budget.run(&[1, 1, 9], workers, alone, |_| true), Err("memory"));
        }
    }
}
