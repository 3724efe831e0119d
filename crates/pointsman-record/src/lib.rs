//! Decisions, written down so that they can be replayed.
//!
//! A [`Record`] holds what the policy was given and what it answered: with the table whose hash it names, the decision
//! can be recomputed without the classifier. The prompt itself is kept only as [`PromptPolicy`] allows.

mod jsonl;
mod prompt;
mod record;

pub use jsonl::{ReadError, read, write};
pub use prompt::{PromptPolicy, StoredPrompt};
pub use record::{Record, VERSION};
