//! A reply, in no dialect.

use super::conversation::Part;

/// A whole reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
}

/// Why a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) reason: StopReason,
    /// The stop sequence that was met, if the provider says which.
    pub(crate) sequence: Option<String>,
}

impl Stop {
    pub(crate) fn because(reason: StopReason) -> Self {
        Self { reason, sequence: None }
    }
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// All is said.
    End,
    /// As many tokens as were allowed.
    Length,
    /// As many tokens as the model has room for.
    ContextFull,
    /// A stop sequence.
    Sequence,
    /// Tools are to be called.
    ToolCalls,
    /// The model, or a filter of the provider, refused.
    Refused,
    /// The provider paused a long turn; it goes on when it is sent back.
    Paused,
}

/// Tokens of a request and its reply, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All that was read, cached or not.
    pub input: u64,
    /// What of it came from the cache.
    pub cache_read: Option<u64>,
    /// What of it was written to the cache.
    pub cache_write: Option<u64>,
    /// All that was written, reasoning included.
    pub output: u64,
    /// What of it was reasoning.
    pub reasoning: Option<u64>,
}
