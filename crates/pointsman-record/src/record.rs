//! One decision.

use pointsman_domain::{Decision, Labels, RequestFacts};
use serde::{Deserialize, Serialize};

use crate::prompt::StoredPrompt;

/// Version of the record's form. A reader accepts its own version and older ones.
pub const VERSION: u32 = 1;

/// What was decided, and everything that the decision followed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// The decision's own id, as in the `x-pointsman-decision` header.
    pub id: String,
    /// When the decision was made, in microseconds since 1970-01-01T00:00Z.
    pub time_us: u64,
    /// Which table of the configuration was asked.
    pub table: String,
    /// SHA-256 of that table in its canonical form, in hexadecimal.
    pub table_hash: String,
    /// Name and version of the classifier.
    pub classifier: String,
    /// What the request was like.
    pub facts: RequestFacts,
    /// What the classifier said.
    pub labels: Labels,
    /// What the policy said.
    pub decision: Decision,
    /// Time from the arrival of the request to the decision, in microseconds.
    pub overhead_us: u64,
    /// The prompt, as far as the user lets it be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<StoredPrompt>,
}
