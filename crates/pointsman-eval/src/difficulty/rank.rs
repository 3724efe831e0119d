//! Agreement of two orders.

use crate::routing::controls::ranks;

/// Spearman's rank correlation, −1 to 1, with the mean rank for equals (Spearman 1904); `None` where one side is all alike.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len().max(1) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        both += (a - mean_a) * (b - mean_b);
        own_a += (a - mean_a) * (a - mean_a);
        own_b += (b - mean_b) * (b - mean_b);
    }
    (own_a > 0.0 && own_b > 0.0).then(|| both / (own_a * own_b).sqrt())
}

/// Of the pairs that differ in `truth`, the share that `score` puts in the right order; a pair that it holds equal counts a
/// half. `None` where no pair differs.
///
/// `O(n log n)`: rows are taken from the lowest truth up, and those with a lower score are counted in a Fenwick tree.
#[must_use]
pub fn pairwise_accuracy(score: &[f64], truth: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = score.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let place = |value: f64| sorted.partition_point(|other| other.total_cmp(&value).is_lt());
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|a, b| truth[*a].total_cmp(&truth[*b]));
    let mut seen = Counts::new(sorted.len());
    let (mut right, mut pairs) = (0.0, 0.0);
    for alike in order.chunk_by(|a, b| truth[*a] == truth[*b]) {
        for &row in alike {
            let place = place(score[row]);
            let (below, with) = (seen.below(place), seen.below(place + 1));
            right += below + (with - below) / 2.0;
            pairs += seen.below(sorted.len());
        }
        alike.iter().for_each(|row| seen.add(place(score[*row])));
    }
    (pairs > 0.0).then(|| right / pairs)
}

/// How many of each place there are, with running sums (Fenwick 1994).
struct Counts(Vec<f64>);

impl Counts {
    fn new(places: usize) -> Self {
        Self(vec![0.0; places + 1])
    }

    fn add(&mut self, place: usize) {
        let mut at = place + 1;
        while at < self.0.len() {
            self.0[at] += 1.0;
            at += at & at.wrapping_neg();
        }
    }

    /// How many are at a place before this one.
    fn below(&self, place: usize) -> f64 {
        let (mut at, mut sum) = (place.min(self.0.len() - 1), 0.0);
        while at > 0 {
            sum += self.0[at];
            at &= at - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // Ranks 1 2 3 4 and 2 1 4 3: 1 − 6·4 / (4·15).
        let rho = spearman(&[1.0, 2.0, 3.0, 4.0], &[0.2, 0.1, 0.9, 0.8]).expect("not alike");
        assert!((rho - 0.6).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        // Pairs that differ: (0, 1), (0, 2), (0, 3), (1, 3), (2, 3); right: 1, 0.5 (equal), 1, 1, 1.
        let accuracy = pairwise_accuracy(&[1.0, 2.0, 1.0, 3.0], &[0.0, 1.0, 1.0, 2.0]).expect("pairs");
        assert!((accuracy - 0.9).abs() < 1e-12);
        assert_eq!(pairwise_accuracy(&[1.0, 2.0], &[1.0, 1.0]), None);
        assert_eq!((pairwise_accuracy(&[], &[]), spearman(&[], &[])), (None, None));
    }

    proptest! {
        #[test]
        fn counting_agrees_with_looking_at_every_pair(
            rows in prop::collection::vec((0u8..6, 0u8..4), 0..40)
        ) {
            let (score, truth): (Vec<f64>, Vec<f64>) =
                rows.iter().map(|(score, truth)| (f64::from(*score), f64::from(*truth))).unzip();
            let (mut right, mut pairs) = (0.0, 0.0);
            for i in 0..score.len() {
                for j in (0..score.len()).filter(|j| truth[i] < truth[*j]) {
                    pairs += 1.0;
                    right += if score[i] == score[j] { 0.5 } else { f64::from(u8::from(score[i] < score[j])) };
                }
            }
            let found = pairwise_accuracy(&score, &truth);
            prop_assert_eq!(found.is_some(), pairs > 0.0);
            prop_assert!(found.is_none_or(|found| (found - right / pairs).abs() < 1e-9));
            prop_assert!(spearman(&score, &truth).is_none_or(|rho| (-1.0 - 1e-9..=1.0 + 1e-9).contains(&rho)));
        }
    }
}
