//! Times, counted in buckets that grow with them, so that any number of them takes the same room.

use serde::Serialize;

/// Buckets for each doubling, as a power of two: within a bucket times differ by less than an eighth.
const FRACTION_BITS: u32 = 3;

/// Times from 2³⁰ µs, which is 18 minutes, share the last bucket.
const OCTAVES: u32 = 30;

const BUCKETS: usize = ((OCTAVES - FRACTION_BITS + 1) << FRACTION_BITS) as usize;

/// How often times of each length were seen.
#[derive(Debug, Clone, Default)]
pub(in crate::serve) struct Times {
    /// Empty until the first time.
    counts: Vec<u32>,
    count: u64,
    sum_us: u64,
}

/// What is told of some times. Quantiles are within a sixteenth of the true ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Spread {
    /// How many.
    pub(in crate::serve) count: u64,
    pub(in crate::serve) mean_us: u64,
    pub(in crate::serve) p50_us: u64,
    pub(in crate::serve) p95_us: u64,
    pub(in crate::serve) p99_us: u64,
}

impl Times {
    /// Counts a time.
    pub(in crate::serve) fn add(&mut self, us: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        self.counts[bucket(us)] += 1;
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Counts what another has counted.
    pub(in crate::serve) fn merge(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own = own.saturating_add(*more);
        }
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Mean and quantiles; all zero if nothing was counted.
    pub(in crate::serve) fn spread(&self) -> Spread {
        Spread {
            count: self.count,
            mean_us: self.sum_us.checked_div(self.count).unwrap_or(0),
            p50_us: self.quantile(50),
            p95_us: self.quantile(95),
            p99_us: self.quantile(99),
        }
    }

    /// The middle of the bucket that holds the quantile by nearest rank.
    fn quantile(&self, percent: u64) -> u64 {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (index, count) in (0..).zip(&self.counts) {
            seen += u64::from(*count);
            if seen >= rank && seen > 0 {
                return middle(index);
            }
        }
        0
    }
}

/// Short times have a bucket each; of longer ones the leading bits choose it.
fn bucket(us: u64) -> usize {
    let us = us.min((1 << OCTAVES) - 1);
    let index = if us < 1 << FRACTION_BITS {
        us
    } else {
        let shift = us.ilog2() - FRACTION_BITS;
        (u64::from(shift) << FRACTION_BITS) + (us >> shift)
    };
    usize::try_from(index).unwrap_or(BUCKETS - 1)
}

fn middle(bucket: u64) -> u64 {
    let Some(shift) = (bucket >> FRACTION_BITS).checked_sub(1) else { return bucket };
    let low = ((1 << FRACTION_BITS) + (bucket & ((1 << FRACTION_BITS) - 1))) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_near_every_time_in_it() {
        for us in (0..5_000).chain([100_000, 1_234_567, (1 << OCTAVES) - 1]) {
            let middle = middle(bucket(us) as u64);
            assert!(us.abs_diff(middle) * 16 <= us, "{us} is counted as {middle}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_all_that_was_merged() {
        let (mut times, mut more) = (Times::default(), Times::default());
        (1..=90).for_each(|us| times.add(us));
        (91..=100).for_each(|us| more.add(us * 1_000));
        times.merge(&more);
        times.merge(&Times::default());
        let spread = times.spread();
        assert_eq!((spread.count, spread.mean_us), (100, (45 * 91 + 955_000) / 100));
        for (found, exact) in [(spread.p50_us, 50), (spread.p95_us, 95_000), (spread.p99_us, 99_000)] {
            assert!(found.abs_diff(exact) * 16 <= exact, "{found} for {exact}");
        }
        assert_eq!(Times::default().spread(), Spread::default());
    }
}
