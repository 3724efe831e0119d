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
use pointsman_policy::{Abilities, Policy};
use pointsman_record::Record;
use sha2::{Digest, Sha256};

pub use dominated::{Dominated, Judged};
pub use hidden::{Hidden, Replayed};
pub use report::Report;
pub use shares::{Share, Shares};
pub use sign_off::{SignOff, Verdict};

use self::dominated::Dominance;

/// Looks at records one by one.
#[derive(Debug)]
pub struct Audit<'a> {
    policy: &'a Policy,
    first_party: &'a [ProviderName],
    hidden: Hidden,
    replayed: Replayed,
    dominance: Dominance<'a>,
    shares: shares::Counting,
    digest: Sha256,
    line: Vec<u8>,
    report: Report,
}

impl<'a> Audit<'a> {
    /// Nothing has been looked at yet. `first_party` are providers in which whoever runs the router has an interest.
    #[must_use]
    pub fn new(policy: &'a Policy, abilities: &'a Abilities, first_party: &'a [ProviderName]) -> Self {
        let tables =
            policy.tables().map(|table| (table.name().to_owned(), table.hash().to_string())).collect();
        let report = Report {
            tables,
            abilities: abilities.date.clone(),
            first_party: first_party.to_vec(),
            ..Report::default()
        };
        Self {
            policy,
            first_party,
            hidden: Hidden::new(policy),
            replayed: Replayed::default(),
            dominance: Dominance::new(abilities),
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
        let report = &mut self.report;
        report.records += 1;
        report.first_us = Some(report.first_us.map_or(record.time_us, |first| first.min(record.time_us)));
        report.last_us = report.last_us.max(Some(record.time_us));
        report.classifiers.insert((record.classifier.clone(), record.classifier_hash.clone()));
        self.shares.add(record);
        let table = self.policy.table(&record.table);
        match table.filter(|table| table.hash().as_str() == record.table_hash) {
            None => self.replayed.other_table += 1,
            Some(table) => {
                self.hidden.replay(table, record, &mut self.replayed);
                self.dominance.judge(table, record);
            }
        }
        Ok(())
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
