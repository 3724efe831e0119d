//! What calls are made for, by the conventions for generative AI.

/// What the calls of a request are made for. It travels with the request's context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Operation {
    /// An answer.
    #[default]
    Chat,
    /// Vectors.
    Embeddings,
}

impl Operation {
    /// What requests for `endpoint` lead to.
    pub(super) fn of(endpoint: &str) -> Self {
        if endpoint == "/v1/embeddings" { Self::Embeddings } else { Self::Chat }
    }

    /// The conventions' name, `gen_ai.operation.name`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }
}
