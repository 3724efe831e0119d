//! A request before its body has been read.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;

use super::keys::Caller;
use super::request_id::RequestId;

/// What handlers of requests for models take.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) request_id: RequestId,
    pub(super) caller: Caller,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl<S: Sync> FromRequest<S> for Incoming {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let (head, body) = request.into_parts();
        let request_id = RequestId::given(&head.extensions, &head.headers);
        let caller = head.extensions.get::<Caller>().cloned().unwrap_or_default();
        Ok(Self { request_id, caller, headers: head.headers, body })
    }
}
