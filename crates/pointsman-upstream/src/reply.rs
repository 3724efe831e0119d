//! What a provider answers.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode};

use crate::error::UpstreamError;

/// The bytes of a reply as they come, in the chunks in which they come.
pub type ReplyBody = Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>;

/// A reply whose head has come and whose body is coming. Dropping it ends the call.
pub struct Reply {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers, but for those that concern its connection alone.
    pub headers: HeaderMap,
    /// The body: byte for byte as it came, or translated.
    pub body: ReplyBody,
    /// Whether the body tells the client that it broke off before it yields the error, as translated streams do; the
    /// connection need not tell, then.
    pub tells_of_its_end: bool,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}
