//! Which model was chosen, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AbstainReason, ModelId, ModelName, TokenCount, Usd};

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

/// What decided: a row of the table as the user wrote it (`math`, `code.hard`, `*.expert`, `unsure`, `default`), or the
/// wanted chance of success (`target(0.90)`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rule(pub String);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why the rule that decided was consulted, or what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum DecisionReason {
    /// It is the most specific row for these labels.
    Matched,
    /// No row names the task, its group or the band.
    NoRowMatched,
    /// The classifier abstained, and this is why.
    Abstained(AbstainReason),
    /// No model of a more specific row can take this request; or of any, and this is the first choice all the same.
    NoneEligible,
    /// The model is the cheapest whose chance of success reaches the wanted one.
    ReachesQuality,
    /// No model's chance of success reaches the wanted one, and this model's is the highest.
    BelowQuality,
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
            Self::ReachesQuality => "reaches_quality",
            Self::BelowQuality => "below_quality",
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

/// A model that was weighed by its chance of success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The user's name for it.
    pub model: ModelName,
    /// The chance that it succeeds on this prompt, 0–1, to six decimals.
    pub success: f64,
    /// What the call is expected to cost, if the model's price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

/// The answer to "which model?".
///
/// The same labels, facts, table and state give the same decision, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The user's name for the chosen model.
    pub model: ModelName,
    /// Where the chosen model is.
    pub target: ModelId,
    /// What to try next, in order, should the chosen model fail.
    pub fallbacks: Vec<ModelName>,
    /// What decided.
    pub rule: Rule,
    /// Why that was consulted, or what it found.
    pub reason: DecisionReason,
    /// Models that were passed over, in the order in which they were considered.
    pub skipped: Vec<Skip>,
    /// The models that were weighed, the chosen one first, then in the order of preference; none where a row decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_from_before_there_were_candidates_can_be_read() {
        let text = r#"{"model":"cheap","target":"openai/gpt","fallbacks":[],"rule":"math","reason":{"kind":"matched"},"skipped":[]}"#;
        let decision: Decision = serde_json::from_str(text).expect("readable");
        assert_eq!(decision.candidates, []);
        assert_eq!(serde_json::to_string(&decision).expect("serialises"), text);
    }
}
