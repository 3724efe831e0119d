//! Scores that need no understanding of the prompt, which every router is held against.

use std::collections::BTreeMap;

use crate::linear::folds;

/// How many rows of the overall mean are mixed into the mean of a group, so that small groups do not lead by luck.
const PRIOR_ROWS: f64 = 2.0;

/// The mean value of each prompt's group as learnt from other prompts, or the mean over all of these for a prompt of no
/// or an unseen group.
#[must_use]
pub fn group_means<'g>(
    learnt: impl IntoIterator<Item = (Option<&'g str>, f64)>,
    wanted: impl IntoIterator<Item = Option<&'g str>>,
) -> Vec<f64> {
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let (mut sum, mut count) = (0.0, 0.0);
    for (group, value) in learnt {
        sum += value;
        count += 1.0;
        if let Some(group) = group {
            let own = groups.entry(group).or_default();
            *own = (own.0 + value, own.1 + 1.0);
        }
    }
    let mean = if count > 0.0 { sum / count } else { 0.0 };
    let of = |group: Option<&str>| {
        let (sum, count) = group.and_then(|group| groups.get(group)).copied().unwrap_or_default();
        (sum + PRIOR_ROWS * mean) / (count + PRIOR_ROWS)
    };
    wanted.into_iter().map(of).collect()
}

/// Parts in [`cross_fitted_means`].
const FOLDS: usize = 5;

/// A score by group means where the prompts to be ranked are all there is to learn from: each fifth of them takes the
/// means of the other four, and its scores are ranks within the fifth.
///
/// A mean over all other prompts (leaving one out) would rank a group's own members backwards: those with a high value
/// see a lower mean. Ranks keep members of a group in a part level, so a single group is no better than chance.
#[must_use]
pub fn cross_fitted_means(groups: &[Option<&str>], values: &[f64], seed: u64) -> Vec<f64> {
    let parts = folds(groups.len(), FOLDS, seed);
    let mut scores = vec![0.0; groups.len()];
    for part in 0..FOLDS {
        let (own, others): (Vec<usize>, Vec<usize>) =
            (0..groups.len()).partition(|prompt| parts[*prompt] == part);
        let learnt = others.iter().map(|prompt| (groups[*prompt], values[*prompt]));
        let means = group_means(learnt, own.iter().map(|prompt| groups[*prompt]));
        for (prompt, rank) in own.into_iter().zip(ranks(&means)) {
            scores[prompt] = rank;
        }
    }
    scores
}

/// The place of each value among all, 0 to 1 exclusive; equal values share the mean of their places.
#[must_use]
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equals in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let place = (start as f64 + equals.len() as f64 / 2.0) / values.len() as f64;
        equals.iter().for_each(|at| ranks[*at] = place);
        start += equals.len();
    }
    ranks
}

/// The logistic distribution's quantile for each rank: a difficulty on the scale of abilities for any order of prompts.
#[must_use]
pub fn difficulties(scores: &[f64]) -> Vec<f64> {
    ranks(scores).into_iter().map(|rank| (rank / (1.0 - rank)).ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Answers, Curve, Frame, Measure, Sweep};

    fn apgr(scores: &[f64], gains: &[f64]) -> f64 {
        let mut answers = Answers::new(vec!["weak".into(), "strong".into()]);
        for gain in gains {
            answers.push([(0.5, None), (0.5 + gain / 2.0, None)]);
        }
        let counts = vec![1.0; gains.len()];
        let frame = Frame::new(&answers, &counts);
        let curve: Curve = Sweep::of_pair(&answers, scores).curve(&answers, &counts);
        Measure::Apgr.of(&curve, &frame).expect("a gap")
    }

    #[test]
    fn means_are_drawn_towards_the_whole() {
        let learnt = [(Some("a"), 1.0), (Some("a"), 1.0), (Some("b"), 0.0), (None, 0.0)];
        let means = group_means(learnt, [Some("a"), Some("b"), Some("c"), None]);
        assert_eq!(means, [0.75, 1.0 / 3.0, 0.5, 0.5]);
        assert_eq!(group_means([], [Some("a")]), [0.0]);
    }

    #[test]
    fn one_group_is_chance_and_two_are_told_apart() {
        let gains: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
        let one = vec![Some("a"); 200];
        assert!((apgr(&cross_fitted_means(&one, &gains, 1), &gains) - 0.5).abs() < 0.01);
        let two: Vec<_> = (0..200).map(|i| Some(if i % 3 == 0 { "gains" } else { "none" })).collect();
        let best = apgr(&gains, &gains);
        assert!((apgr(&cross_fitted_means(&two, &gains, 1), &gains) - best).abs() < 0.02, "{best}");
    }

    #[test]
    fn equals_share_their_place() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [0.75, 0.125, 0.75, 0.375]);
        assert!(ranks(&[]).is_empty());
        let b = difficulties(&[0.0, 9.0, 5.0]);
        assert!(b[0] < b[2] && b[2] < b[1] && b[2].abs() < 1e-12 && b.iter().all(|b| b.is_finite()));
    }
}
