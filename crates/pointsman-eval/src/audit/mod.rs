//! Whether anybody is favoured: what recorded decisions and the table that took them say.
//!
//! Four questions: who gets how much of the traffic and the money ([`shares`](Shares)); does the table give the recorded decisions
//! again; would it have decided otherwise had providers other names ([`hidden`](Hidden)); and where did a model win over one
//! that is cheaper and as able ([`dominated`](Dominated)). A report follows from records and table alone and is the same, byte for byte,
//! whoever computes it.

mod dominated;
mod hidden;
mod report;
mod shares;
mod sign_off;

#[cfg(test)]
mod tests;

use pointsman_domain::ProviderName;
use pointsman_record::{NamedRecord, Record};
use sha2::{Digest, Sha256};

pub use dominated::{Dominated, Judged};
pub use hidden::{Hidden, Replayed};
pub use report::Report;
pub use shares::{Share, Shares};
pub use sign_off::{SignOff, Verdict};

use self::dominated::Dominance;
use crate::replay::Versions;

/// Looks at records one by one.
#[derive(Debug)]
pub struct Audit<'a> {
    versions: Versions<'a>,
    first_party: &'a [ProviderName],
    hidden: Hidden,
    replayed: Replayed,
    dominance: Dominance,
    shares: shares::Counting,
    digest: Sha256,
    line: Vec<u8>,
    report: Report,
}

impl<'a> Audit<'a> {
    /// Nothing has been looked at yet. `first_party` are providers in which whoever runs the router has an interest.
    #[must_use]
    pub fn new(versions: Versions<'a>, first_party: &'a [ProviderName]) -> Self {
        let report = Report {
            configurations: versions.iter().count(),
            tables: tables(&versions),
            abilities: days(&versions).join(", "),
            first_party: first_party.to_vec(),
            ..Report::default()
        };
        Self {
            first_party,
            hidden: Hidden::new(&versions),
            versions,
            replayed: Replayed::default(),
            dominance: Dominance::default(),
            shares: shares::Counting::default(),
            digest: Sha256::new(),
            line: Vec::new(),
            report,
        }
    }

    /// Looks at a record. Their order counts for the fingerprint alone.
    ///
    /// # Errors
    /// Never for a record that was read: it can be written.
    pub fn add(&mut self, record: &Record) -> std::io::Result<()> {
        self.line.clear();
        pointsman_record::write(&mut self.line, record)?;
        self.digest.update(&self.line);
        self.judge(record);
        Ok(())
    }

    /// Counts a request that named its model: nothing was decided for it, so that it is in the fingerprint and in no share.
    ///
    /// # Errors
    /// Never for a record that was read: it can be written.
    pub fn leave_aside(&mut self, record: &NamedRecord) -> std::io::Result<()> {
        self.line.clear();
        pointsman_record::write_named(&mut self.line, record)?;
        self.digest.update(&self.line);
        self.report.named += 1;
        Ok(())
    }

    fn judge(&mut self, record: &Record) {
        let report = &mut self.report;
        report.records += 1;
        report.first_us = Some(report.first_us.map_or(record.time_us, |first| first.min(record.time_us)));
        report.last_us = report.last_us.max(Some(record.time_us));
        report.classifiers.insert((record.classifier.clone(), record.classifier_hash.clone()));
        self.shares.add(record);
        match self.versions.own(record) {
            None => self.replayed.other_table += 1,
            Some(own) => {
                self.hidden.replay(own, record, &mut self.replayed);
                self.dominance.judge(own, record);
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Report {
        Report {
            records_sha256: self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            replayed: self.replayed,
            renamed: self.hidden.names(),
            dominated: self.dominance.finish(self.first_party),
            shares: self.shares.finish(),
            ..self.report
        }
    }
}

/// Names and hashes of all tables, each table once.
fn tables(versions: &Versions<'_>) -> Vec<(String, String)> {
    let tables = versions.iter().flat_map(|version| version.policy.tables());
    once_each(tables.map(|table| (table.name().to_owned(), table.hash().to_string())))
}

/// The days of the versions' abilities, each day once.
fn days(versions: &Versions<'_>) -> Vec<String> {
    once_each(versions.iter().map(|version| version.abilities.date.clone()))
}

/// `items` in their order, without those that came before.
fn once_each<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
