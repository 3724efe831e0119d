//! What an audit found.

use std::collections::BTreeSet;

use pointsman_domain::ProviderName;
use serde::Serialize;

use super::{Judged, Replayed, Shares};

/// What records and table say. It follows from them alone: nobody's clock or machine is in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many records of decisions were looked at.
    pub records: u64,
    /// How many requests named their model, so that nothing was decided for them; nothing else here is about these.
    pub named: u64,
    /// SHA-256 of the records of both kinds as `pointsman records export` writes them, in hexadecimal.
    pub records_sha256: String,
    /// Time of the earliest decision, in microseconds since 1970-01-01T00:00Z.
    pub first_us: Option<u64>,
    /// Time of the latest decision.
    pub last_us: Option<u64>,
    /// How many versions of the configuration were given.
    pub configurations: usize,
    /// Names of the tables with the SHA-256 of their content; a name stands there for each version of its table.
    pub tables: Vec<(String, String)>,
    /// The classifiers that labelled, by name and SHA-256 of their weights.
    pub classifiers: BTreeSet<(String, String)>,
    /// The day of the abilities by which models are compared; several if versions of the configuration differ in it.
    pub abilities: String,
    /// Providers in which whoever runs the router has an interest.
    pub first_party: Vec<ProviderName>,
    /// What came out when decisions were taken again.
    pub replayed: Replayed,
    /// The names that providers were given in exchange.
    pub renamed: Vec<(ProviderName, ProviderName)>,
    /// Who gets how much.
    pub shares: Shares,
    /// Where a model was chosen although another is cheaper and as able.
    pub dominated: Judged,
}

impl Report {
    /// Whether every decision that could be taken again came out the same, whatever providers are called.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        let Replayed { unfaithful, differ_hidden, differ_exchanged, .. } = self.replayed;
        unfaithful + differ_hidden + differ_exchanged == 0
    }

    /// Whether every record's table was at hand, so that every decision was taken again.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.replayed.other_table == 0
    }

    /// Decisions for a dominated model, and those of them for one of a first-party provider.
    #[must_use]
    pub fn dominated_requests(&self) -> (u64, u64) {
        let sum = |first_party: bool| {
            let rows = self.dominated.rows.iter().filter(|row| row.is_first_party || !first_party);
            rows.map(|row| row.requests).sum()
        };
        (sum(false), sum(true))
    }
}
