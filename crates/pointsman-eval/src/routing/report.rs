//! What was compared, and how it came out.

use serde::{Deserialize, Serialize};

use super::StudyReport;

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingProvenance {
    /// The files, in a line.
    pub dataset: String,
    /// The classifier's name and version.
    pub classifier: String,
    /// Where the abilities of models are from; none if the score is the difficulty alone.
    pub abilities: Option<String>,
    /// How many outcomes the head was fitted to; these prompts are not routed.
    pub adapted: usize,
    /// Prompts without an outcome of every model.
    pub left_out: usize,
    /// Rows of the files that could not be used.
    pub unreadable: usize,
    /// Seed of the split, the cross-validation and the bootstrap.
    pub seed: u64,
}

/// Routers side by side, and what they were tried on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutingReport {
    /// What the report is about.
    pub provenance: RoutingProvenance,
    /// The figures.
    pub study: StudyReport,
    /// How many routed prompts each source has, the largest first.
    pub sources: Vec<(String, usize)>,
}
