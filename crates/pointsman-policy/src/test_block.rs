//! `[[test]]`: prompts with the models that they should go to.

use pointsman_domain::ModelName;
use serde::Serialize;

/// A prompt of the file, and where it should go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestBlock {
    /// The prompt.
    pub prompt: String,
    /// The models that are right.
    pub expect: Vec<ModelName>,
    /// The table that is asked.
    pub table: String,
    /// Where the block stands, as a line of the file, from 1.
    pub line: usize,
}
