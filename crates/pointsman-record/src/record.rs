//! One decision, and what became of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pointsman_domain::{Decision, Labels, ModelId, ModelName, RequestFacts, TokenUsage, Usd};
use serde::{Deserialize, Serialize};

use crate::prompt::StoredPrompt;

/// Version of the record's form. A reader accepts its own version and older ones.
pub const VERSION: u32 = 3;

/// What was decided, everything that the decision followed from, and what became of it.
///
/// Fields that a version did not have yet are empty in its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// The decision's own id, as in the `x-pointsman-decision` header.
    pub id: String,
    /// When the decision was made, in microseconds since 1970-01-01T00:00Z.
    pub time_us: u64,
    /// Path of the request, such as `/v1/chat/completions`.
    #[serde(default)]
    pub endpoint: Cow<'static, str>,
    /// Who asked: the name of the client's key, where the configuration has keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Which table of the configuration was asked.
    pub table: String,
    /// SHA-256 of that table in its canonical form, in hexadecimal.
    pub table_hash: String,
    /// Name and version of the classifier.
    pub classifier: String,
    /// SHA-256 of the classifier's weights, in hexadecimal.
    #[serde(default)]
    pub classifier_hash: String,
    /// What the request was like.
    pub facts: RequestFacts,
    /// Models that were not to be tried, each with the moment in microseconds since 1970 until which. The server writes none:
    /// breakers pass models over when they are to be asked, and no decision depends on them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unhealthy_until_us: BTreeMap<ModelName, u64>,
    /// What the classifier said.
    pub labels: Labels,
    /// What the policy said.
    pub decision: Decision,
    /// Time that the prompt waited for the classifier, in microseconds.
    #[serde(default)]
    pub queue_us: u64,
    /// Time that the classifier took, or was waited for, in microseconds.
    #[serde(default)]
    pub classify_us: u64,
    /// Time from the arrival of the request to the decision, in microseconds.
    pub overhead_us: u64,
    /// The prompt, as far as the user lets it be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<StoredPrompt>,
    /// How the request was answered; nothing while it is, or if no model was to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
    /// How good the answer was, if somebody told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The models that were asked, in order; the last one's reply is the answer.
    pub attempts: Vec<Attempt>,
    /// How the reply ended.
    pub end: End,
    /// Time from the call of the model that answered to the first bytes of its reply's body, in microseconds: for a
    /// stream the time to the first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bytes_us: Option<u64>,
    /// Time from the arrival of the request to the end of its reply, in microseconds.
    pub total_us: u64,
    /// Tokens as the provider counted them, if its reply says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
    /// What the reply cost by the table's prices, if tokens and price are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

impl Answered {
    /// The model whose reply is the answer, if one replied.
    #[must_use]
    pub fn by(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.status.is_some())
    }
}

/// One call to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The user's name for it.
    pub model: ModelName,
    /// Where it is.
    pub target: ModelId,
    /// The status of its reply, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The kind of failure, where there was no reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
    /// Time to the head of the reply, or to the failure, in microseconds.
    pub head_us: u64,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The client got all of it.
    Whole,
    /// The provider broke it off.
    Cut,
    /// The client went away first.
    GivenUp,
    /// No model replied.
    Failed,
}

impl End {
    /// The name as it appears in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::GivenUp => "given_up",
            Self::Failed => "failed",
        }
    }
}

/// How good an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// 0 for useless to 1 for right.
    pub score: f64,
    /// When it was told, in microseconds since 1970-01-01T00:00Z.
    pub time_us: u64,
}
