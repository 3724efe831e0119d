//! What goes wrong between a decision and a reply.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use pointsman_domain::ProviderName;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client that sent the request.
    Downstream,
    /// The provider, or the network on the way to it.
    Upstream,
    /// This process, or how it is set up.
    Ours,
}

impl Side {
    /// The name as it appears in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Ours => "ours",
        }
    }
}

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No provider has that name.
    UnknownProvider,
    /// The provider needs a key, and the environment has none.
    MissingKey,
    /// The request cannot be built, or TLS cannot be set up.
    Setup,
    /// No connection: refused, unreachable, name not found, certificate not trusted.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// The connection ended before the reply began.
    NoReply,
    /// The reply did not begin in time.
    Timeout,
    /// The connection ended within the reply.
    CutReply,
    /// Nothing more came within the reply, or not in time.
    Stalled,
    /// A stream told of an error, or ended, before it said anything.
    FailedStream,
    /// The reply cannot be understood.
    BadReply,
    /// The request would mean something else in the provider's dialect.
    Untranslatable,
}

impl ErrorKind {
    /// The name as it appears in metrics and as the `code` of an error.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::MissingKey => "missing_api_key",
            Self::Setup => "upstream_setup",
            Self::Connect => "upstream_unreachable",
            Self::ConnectTimeout => "upstream_connect_timeout",
            Self::NoReply => "upstream_no_reply",
            Self::Timeout => "upstream_timeout",
            Self::CutReply => "upstream_cut_reply",
            Self::Stalled => "upstream_stalled_reply",
            Self::FailedStream => "upstream_failed_stream",
            Self::BadReply => "upstream_bad_reply",
            Self::Untranslatable => "untranslatable_request",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::UnknownProvider | Self::Untranslatable => Side::Downstream,
            Self::MissingKey | Self::Setup => Side::Ours,
            Self::Connect
            | Self::ConnectTimeout
            | Self::NoReply
            | Self::Timeout
            | Self::CutReply
            | Self::Stalled
            | Self::FailedStream
            | Self::BadReply => Side::Upstream,
        }
    }

    /// Whether another model may answer the same request, if nothing of a reply has been passed on: the request itself is
    /// not at fault, or at fault in one dialect only.
    #[must_use]
    pub fn retryable(self) -> bool {
        self != Self::UnknownProvider
    }

    /// Whether the same model may answer when it is asked again. One that was waited for in vain is not waited for twice.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Connect | Self::ConnectTimeout | Self::NoReply | Self::CutReply | Self::FailedStream => {
                true
            }
            Self::UnknownProvider
            | Self::MissingKey
            | Self::Setup
            | Self::Timeout
            | Self::Stalled
            | Self::BadReply
            | Self::Untranslatable => false,
        }
    }

    /// The status that tells a client of it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnknownProvider => StatusCode::NOT_FOUND,
            Self::MissingKey => StatusCode::UNAUTHORIZED,
            Self::Setup => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ConnectTimeout | Self::Timeout | Self::Stalled => StatusCode::GATEWAY_TIMEOUT,
            Self::Untranslatable => StatusCode::BAD_REQUEST,
            Self::Connect | Self::NoReply | Self::CutReply | Self::FailedStream | Self::BadReply => {
                StatusCode::BAD_GATEWAY
            }
        }
    }
}

/// A call that got no reply, or not all of it. Its text never holds a key, a header, a body or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    kind: ErrorKind,
    provider: ProviderName,
    detail: String,
}

impl UpstreamError {
    pub(crate) fn new(kind: ErrorKind, provider: &ProviderName, detail: impl Into<String>) -> Self {
        Self { kind, provider: provider.clone(), detail: detail.into() }
    }

    /// An error before the reply began.
    pub(crate) fn sending(error: reqwest::Error, provider: &ProviderName) -> Self {
        let kind = match () {
            () if error.is_connect() && error.is_timeout() => ErrorKind::ConnectTimeout,
            () if error.is_connect() => ErrorKind::Connect,
            () if error.is_builder() => ErrorKind::Setup,
            () => ErrorKind::NoReply,
        };
        Self::new(kind, provider, causes(error))
    }

    /// An error within the reply.
    pub(crate) fn receiving(error: reqwest::Error, provider: &ProviderName) -> Self {
        Self::new(ErrorKind::CutReply, provider, causes(error))
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Who was asked.
    #[must_use]
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }
}

/// The causes of `error` from the outermost to the innermost, without the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if !text.is_empty() {
            text += ": ";
        }
        text += &inner.to_string();
        cause = inner.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, provider, detail } = self;
        match kind {
            ErrorKind::UnknownProvider => write!(f, "there is no provider `{provider}`: {detail}"),
            ErrorKind::MissingKey => write!(f, "provider `{provider}` needs a key: {detail}"),
            ErrorKind::Setup => write!(f, "provider `{provider}` cannot be called: {detail}"),
            ErrorKind::Connect => write!(f, "provider `{provider}` cannot be reached: {detail}"),
            ErrorKind::ConnectTimeout => {
                write!(f, "provider `{provider}` cannot be reached in time: {detail}")
            }
            ErrorKind::NoReply => {
                write!(f, "provider `{provider}` closed the connection without a reply: {detail}")
            }
            ErrorKind::BadReply => {
                write!(f, "the reply of provider `{provider}` cannot be understood: {detail}")
            }
            ErrorKind::Untranslatable => {
                write!(f, "provider `{provider}` cannot take this request: {detail}")
            }
            ErrorKind::Timeout => write!(f, "provider `{provider}` did not answer in time: {detail}"),
            ErrorKind::Stalled => write!(f, "provider `{provider}` stopped within its reply: {detail}"),
            ErrorKind::FailedStream => write!(f, "the stream of provider `{provider}` failed: {detail}"),
            ErrorKind::CutReply => {
                write!(f, "provider `{provider}` closed the connection within its reply: {detail}")
            }
        }
    }
}

impl Error for UpstreamError {}
