//! Whether prompts are labelled otherwise than they used to be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::totals::Label;

/// Prompts below which shares say too little.
const ENOUGH: u64 = 100;

/// How often each label was given.
pub(in crate::serve) type Mix = BTreeMap<Label, u64>;

/// The labels of late beside those of before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in crate::serve) struct Drift {
    /// Prompts of the last hour.
    pub(in crate::serve) recent: u64,
    /// Prompts of up to seven days before.
    pub(in crate::serve) before: u64,
    /// Tasks, abstentions as `unsure`; nothing while there are fewer than 100 prompts on either side.
    pub(in crate::serve) task: Option<Divergence>,
    /// Bands, abstentions as `unsure`.
    pub(in crate::serve) band: Option<Divergence>,
    /// Share of each task of late and before, 0–1.
    pub(in crate::serve) shares: Vec<Shares>,
}

/// How far two mixes are apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(in crate::serve) struct Divergence {
    /// Jensen-Shannon divergence in bits: 0 for the same shares, 1 for labels that have nothing in common.
    pub(in crate::serve) bits: f64,
    /// What is expected of two samples of these sizes from one and the same mix.
    pub(in crate::serve) by_chance_bits: f64,
}

/// Of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::serve) struct Shares {
    label: String,
    recent: f64,
    before: f64,
}

impl Drift {
    /// Of two mixes.
    pub(in crate::serve) fn between(recent: &Mix, before: &Mix) -> Self {
        let task = |label: &Label| match label {
            Label::Sure(task, _) => task.to_string(),
            Label::Abstained(_) => "unsure".to_owned(),
        };
        let band = |label: &Label| match label {
            Label::Sure(_, band) => band.to_string(),
            Label::Abstained(_) => "unsure".to_owned(),
        };
        let (tasks, bands) = (pairs(recent, before, task), pairs(recent, before, band));
        let (n, m) = (recent.values().sum(), before.values().sum());
        let is_enough = n >= ENOUGH && m >= ENOUGH;
        Self {
            recent: n,
            before: m,
            task: is_enough.then(|| divergence(&tasks)),
            band: is_enough.then(|| divergence(&bands)),
            shares: tasks.into_iter().map(|(label, (p, q))| shares(label, (p, n), (q, m))).collect(),
        }
    }
}

fn shares(label: String, (recent, all_recent): (u64, u64), (before, all_before): (u64, u64)) -> Shares {
    Shares { label, recent: share(recent, all_recent), before: share(before, all_before) }
}

/// Counts of late and before under the same names.
fn pairs(recent: &Mix, before: &Mix, name: impl Fn(&Label) -> String) -> BTreeMap<String, (u64, u64)> {
    let mut pairs: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (label, count) in recent {
        pairs.entry(name(label)).or_default().0 += count;
    }
    for (label, count) in before {
        pairs.entry(name(label)).or_default().1 += count;
    }
    pairs
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below what a float counts exactly")]
fn share(count: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { count as f64 / all as f64 }
}

/// The mean of both sides' divergence from their middle (Lin 1991, doi:10.1109/18.61115).
///
/// By chance: to the second order the divergence is χ² / (8 ln 2) with χ² = Σ (p − q)² / ((p + q) / 2), of which samples of
/// n and m from one mix of k labels have (k − 1)(1/n + 1/m) on average.
#[expect(clippy::cast_precision_loss, reason = "counts stay below what a float counts exactly")]
fn divergence(pairs: &BTreeMap<String, (u64, u64)>) -> Divergence {
    let n: u64 = pairs.values().map(|(p, _)| p).sum();
    let m: u64 = pairs.values().map(|(_, q)| q).sum();
    let term = |p: f64, middle: f64| if p > 0.0 { p * (p / middle).log2() } else { 0.0 };
    let bits = pairs.values().map(|(p, q)| {
        let (p, q) = (share(*p, n), share(*q, m));
        let middle = f64::midpoint(p, q);
        f64::midpoint(term(p, middle), term(q, middle))
    });
    let labels = pairs.values().filter(|(p, q)| p + q > 0).count();
    let by_chance = (labels.saturating_sub(1) as f64) * (1.0 / n as f64 + 1.0 / m as f64);
    Divergence {
        bits: bits.sum::<f64>().max(0.0),
        by_chance_bits: by_chance / (8.0 * std::f64::consts::LN_2),
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Band, Task};

    use super::*;

    fn mix(counts: &[(&str, Band, u64)]) -> Mix {
        let label = |task: &str, band| Label::Sure(Task::new(task).expect("well formed"), band);
        counts.iter().map(|(task, band, count)| (label(task, *band), *count)).collect()
    }

    #[test]
    fn the_same_shares_are_no_drift_and_others_are_one_bit() {
        let before = mix(&[("math", Band::Hard, 300), ("chat", Band::Easy, 100)]);
        let same = mix(&[("math", Band::Hard, 150), ("chat", Band::Easy, 50)]);
        let drift = Drift::between(&same, &before);
        assert_eq!((drift.recent, drift.before), (200, 400));
        assert!(drift.task.expect("enough").bits < 1e-12 && drift.band.expect("enough").bits < 1e-12);
        let other = mix(&[("code_generation", Band::Hard, 200)]);
        let drift = Drift::between(&other, &before);
        assert!((drift.task.expect("enough").bits - 1.0).abs() < 1e-12, "{drift:?}");
        assert!(drift.band.expect("enough").bits < 0.2, "{drift:?}");
        assert_eq!(drift.shares[1].label, "code_generation");
    }

    #[test]
    fn half_and_half_against_one_is_what_the_formula_says() {
        // p = (1/2, 1/2), q = (1, 0): (1/2 log2(2/3) + 1/2 log2 2 + log2(4/3)) / 2.
        let half = mix(&[("math", Band::Hard, 100), ("chat", Band::Hard, 100)]);
        let found = Drift::between(&half, &mix(&[("math", Band::Hard, 100)])).task.expect("enough");
        let expected = (0.5 * (2.0_f64 / 3.0).log2() + 0.5 + (4.0_f64 / 3.0).log2()) / 2.0;
        assert!((found.bits - expected).abs() < 1e-12, "{found:?} {expected}");
        assert!((found.by_chance_bits - 0.015 / (8.0 * std::f64::consts::LN_2)).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn few_prompts_say_nothing() {
        let (few, many) = (mix(&[("math", Band::Hard, 99)]), mix(&[("math", Band::Hard, 1000)]));
        for (recent, before) in [(&few, &many), (&many, &few), (&Mix::new(), &many)] {
            let drift = Drift::between(recent, before);
            assert_eq!((drift.task, drift.band), (None, None));
        }
    }
}
