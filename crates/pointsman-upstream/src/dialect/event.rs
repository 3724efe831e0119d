//! A streamed reply, in no dialect.
//!
//! Parts come one after another: [`Event::Open`], deltas of the same kind, [`Event::Close`]. A reply that is whole ends
//! with [`Event::Stop`] and [`Event::End`], with [`Event::Usage`] anywhere before the end.

use super::completion::{Stop, Usage};

/// One step of a streamed reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The reply begins.
    Start { id: String, model: String },
    /// A part begins.
    Open(Opening),
    /// More of the part that is open.
    Delta(Delta),
    /// The part that is open is whole.
    Close,
    /// Tokens so far; a later count replaces an earlier one.
    Usage(Usage),
    /// Why the reply ends.
    Stop(Stop),
    /// The reply is whole.
    End,
    /// Nothing yet: the connection is alive.
    Ping,
    /// The reply ends here, and is not whole.
    Error { kind: String, message: String },
}

/// What kind of part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    Text,
    Refusal,
    Thinking,
    /// Whole at once.
    RedactedThinking {
        data: String,
    },
    ToolCall {
        id: String,
        name: String,
    },
}

/// More of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delta {
    /// Of a text, a refusal or a thought.
    Text(String),
    /// Of the signature of a thought.
    Signature(String),
    /// Of the arguments of a call: a piece of JSON.
    Arguments(String),
}

impl Event {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Delta(Delta::Text(text.into()))
    }
}
