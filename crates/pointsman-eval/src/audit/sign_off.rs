//! The last lines of a report: what its signature is given to.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Report;

/// A report's findings in one line and one number, and who stands by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignOff {
    /// What was found.
    pub verdict: Verdict,
    /// SHA-256 of the findings: of the report as JSON without whitespace, without this part.
    pub findings_sha256: String,
    /// The version that computed them.
    pub pointsman: &'static str,
    /// Who stands by them, as they call themselves.
    pub signed_by: Option<String>,
}

/// What a report says of neutrality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every decision came out the same, whatever providers are called.
    Neutral,
    /// At least one did not.
    NotNeutral,
    /// No decision could be taken again.
    Unknown,
}

impl Verdict {
    /// In a word or two.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::NotNeutral => "not neutral",
            Self::Unknown => "cannot be said",
        }
    }
}

impl Report {
    /// The report's findings, signed by `signed_by` if by anybody.
    ///
    /// # Errors
    /// When the report cannot be written as JSON.
    pub fn sign_off(&self, signed_by: Option<&str>) -> Result<SignOff, serde_json::Error> {
        let digest = Sha256::digest(serde_json::to_vec(self)?);
        Ok(SignOff {
            verdict: match self.replayed.decisions {
                _ if !self.is_neutral() => Verdict::NotNeutral,
                0 => Verdict::Unknown,
                _ => Verdict::Neutral,
            },
            findings_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            pointsman: env!("CARGO_PKG_VERSION"),
            signed_by: signed_by.map(str::to_owned),
        })
    }
}
