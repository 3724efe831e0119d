//! An item-response fit as files and text.

mod page;
mod plot;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::write_files;
use crate::irt::{Fit, ItemFit};

pub use page::fit_page;

/// Where a fit comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FitProvenance {
    /// Name of the outcomes.
    pub dataset: String,
    /// The day of the fit, such as `2026-11-21`.
    pub date: String,
    /// Rows that could not be used.
    pub unreadable: usize,
}

/// A fit, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FitReport {
    /// Where it comes from.
    pub provenance: FitProvenance,
    /// What was found.
    #[serde(flatten)]
    pub fit: Fit,
}

impl FitReport {
    /// What the abilities of this fit are fitted to, in a sentence.
    #[must_use]
    pub fn origin(&self) -> String {
        let sources: Vec<&str> = self.fit.sources.iter().map(|source| source.source.as_str()).collect();
        let summary = &self.fit.summary;
        let left_out = self.fit.broken.iter().filter(|run| run.excluded).count() + self.fit.excluded.len();
        let mut origin = format!(
            "outcomes of {} ({} outcomes, {} models, {} prompts)",
            sources.join(", "),
            text::grouped(summary.outcomes),
            summary.models,
            text::grouped(summary.items)
        );
        if left_out > 0 {
            origin += &format!("; {} left out", text::count(left_out, "run"));
        }
        origin
    }

    /// The text of `abilities.toml`: the form that target mode reads, under a comment that says how it was made.
    #[must_use]
    pub fn abilities_toml(&self) -> String {
        let mut header = format!(
            "# Written by `pointsman fit` from {}; docs/difficulty.md has the method.\n",
            self.provenance.dataset
        );
        let convergence = if self.fit.convergence.converged { "converged" } else { "did not converge" };
        header += &format!(
            "# {} models fix the scale (mean 0, standard deviation 1). The fit {convergence}.\n",
            self.fit.summary.pool
        );
        for broken in self.fit.broken.iter().filter(|run| run.excluded) {
            let (id, score) = (&broken.run.id, broken.run.score);
            header +=
                &format!("# Left out as broken: {} on {}, mean score {score:.2}.\n", id.model, id.source);
        }
        for run in &self.fit.excluded {
            header += &format!("# Left out on request: {} on {}.\n", run.model, run.source);
        }
        let abilities = self.fit.abilities(self.provenance.date.clone(), self.origin());
        format!("{header}\n{}", abilities.to_toml())
    }
}

/// Writes `items.jsonl`, `abilities.toml`, `report.json` and `report.html` into `folder`, which is made if it is not there,
/// and returns their paths. Texts of prompts are in none of them.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write_fit(folder: &Path, report: &FitReport) -> io::Result<Vec<PathBuf>> {
    let files = [
        ("items.jsonl", items_jsonl(&report.fit.items)?),
        ("abilities.toml", report.abilities_toml()),
        ("report.json", serde_json::to_string_pretty(report)? + "\n"),
        ("report.html", fit_page(report)),
    ];
    write_files(folder, files)
}

fn items_jsonl(items: &[ItemFit]) -> serde_json::Result<String> {
    items.iter().map(|item| Ok(serde_json::to_string(item)? + "\n")).collect()
}
