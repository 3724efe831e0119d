//! Who gets how much.

use std::collections::BTreeMap;

use pointsman_domain::{ProviderName, Usd};
use pointsman_record::Record;
use serde::Serialize;

/// Traffic and money by provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shares {
    /// Of all records.
    pub all: Vec<Share>,
    /// By task, and `unsure` for abstentions.
    pub by_task: Vec<(String, Vec<Share>)>,
    /// By band, and `unsure` for abstentions.
    pub by_band: Vec<(String, Vec<Share>)>,
}

/// What one provider gets; the one with most requests first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Who.
    pub provider: ProviderName,
    /// Decisions for a model of theirs.
    pub requests: u64,
    /// The share of all decisions, 0–1.
    pub of_requests: f64,
    /// What their replies have cost, as far as records say.
    pub spent: Usd,
    /// The share of all that was spent, 0–1, if anything was.
    pub of_spent: Option<f64>,
}

type Counts = BTreeMap<ProviderName, (u64, Usd)>;

/// Sums in the making.
#[derive(Debug, Default)]
pub(super) struct Counting {
    all: Counts,
    by_task: BTreeMap<String, Counts>,
    by_band: BTreeMap<String, Counts>,
}

impl Counting {
    pub(super) fn add(&mut self, record: &Record) {
        let labels = &record.labels;
        let named = |name: &str| if labels.abstained.is_some() { "unsure" } else { name }.to_owned();
        let (task, band) = (named(labels.task.as_str()), named(labels.band.as_str()));
        for counts in
            [&mut self.all, self.by_task.entry(task).or_default(), self.by_band.entry(band).or_default()]
        {
            counts.entry(record.decision.target.provider().clone()).or_default().0 += 1;
            let answered = record.answered.as_ref().and_then(|answered| answered.by().zip(answered.cost));
            if let Some((by, cost)) = answered {
                // Who answers is paid, which need not be who was chosen.
                let paid = &mut counts.entry(by.target.provider().clone()).or_default().1;
                *paid = *paid + cost;
            }
        }
    }

    pub(super) fn finish(self) -> Shares {
        let lists = |counts: BTreeMap<String, Counts>| {
            counts.into_iter().map(|(name, counts)| (name, shares(&counts))).collect()
        };
        Shares { all: shares(&self.all), by_task: lists(self.by_task), by_band: lists(self.by_band) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
fn shares(counts: &Counts) -> Vec<Share> {
    let requests: u64 = counts.values().map(|(requests, _)| requests).sum();
    let spent: Usd = counts.values().map(|(_, spent)| *spent).sum();
    let share = |(provider, own): (&ProviderName, &(u64, Usd))| Share {
        provider: provider.clone(),
        requests: own.0,
        of_requests: if requests == 0 { 0.0 } else { own.0 as f64 / requests as f64 },
        spent: own.1,
        of_spent: (spent.0 > 0.0).then(|| own.1.0 / spent.0),
    };
    let mut shares: Vec<Share> = counts.iter().map(share).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.requests));
    shares
}
