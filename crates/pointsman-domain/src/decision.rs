//! Which model was chosen, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AbstainReason, ModelId, ModelName, TokenCount};

/// What a request needs from the model that answers it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// It supplies functions that the model may call.
    pub tools: bool,
    /// It carries images.
    pub vision: bool,
    /// It demands a reply that fits a JSON schema.
    pub structured_output: bool,
}

/// What the policy knows of a request beside its labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// Estimated length of everything sent, in tokens of a typical backend model.
    pub input_tokens: TokenCount,
    /// The reply length that the caller allows, if stated.
    pub max_output_tokens: Option<TokenCount>,
    /// What the answering model must be able to do.
    pub needs: Needs,
}

/// The row of the table that decided, as the user wrote it: `math`, `code.hard`, `*.expert`, `unsure`, `default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rule(pub String);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why the row that decided was consulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum DecisionReason {
    /// It is the most specific row for these labels.
    Matched,
    /// No row names the task, its group or the band.
    NoRowMatched,
    /// The classifier abstained, and this is why.
    Abstained(AbstainReason),
    /// No model of the deciding row can take this request, so the next row was asked.
    NoneEligible,
}

impl DecisionReason {
    /// The name as it appears in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NoRowMatched => "no_row_matched",
            Self::Abstained(reason) => reason.as_str(),
            Self::NoneEligible => "none_eligible",
        }
    }
}

/// Why a model that a row names was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The request is longer than the model's context window.
    ContextWindow,
    /// The model lacks something that the request needs.
    Capability,
    /// The model is not answering at present.
    Unhealthy,
}

/// A model that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// The model.
    pub model: ModelName,
    /// Why it was not taken.
    pub reason: SkipReason,
}

/// The answer to "which model?".
///
/// The same labels, facts, table and state give the same decision, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The user's name for the chosen model.
    pub model: ModelName,
    /// Where the chosen model is.
    pub target: ModelId,
    /// What to try next, in order, should the chosen model fail.
    pub fallbacks: Vec<ModelName>,
    /// The row that decided.
    pub rule: Rule,
    /// Why that row was consulted.
    pub reason: DecisionReason,
    /// Models that were passed over, in the order in which they were considered.
    pub skipped: Vec<Skip>,
}
