//! Counting and logging every request, and keeping a panic to the request that caused it.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::error::ApiError;
use super::metrics::InFlight;
use super::request_id::RequestId;
use super::sidecar::Sidecar;
use super::spans::RequestSpan;

/// Counts a request from its head to the last byte of its response. Nothing of its content is logged.
pub(super) async fn layer(State(sidecar): State<Arc<Sidecar>>, request: Request, next: Next) -> Response {
    let in_flight = sidecar.metrics.begin();
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let endpoint = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let span = sidecar.spans.request(&method, endpoint, request.headers());
    let id = request.extensions().get::<RequestId>().cloned();
    let response = span.around(answer_or_panic(request, next)).await;
    let status = response.status().as_u16();
    sidecar.metrics.answered(endpoint, status);
    span.answered(status);
    tracing::info!(
        request_id = id.as_ref().map(RequestId::as_str),
        trace_id = span.trace_id(),
        %method,
        endpoint,
        status,
        head_us = start.elapsed().as_micros(),
        "answered"
    );
    response.map(|body| Body::new(Counted { body, _in_flight: in_flight, _span: span }))
}

/// The response, or an error in its place should the handler panic. The panic hook has said where by then.
async fn answer_or_panic(request: Request, next: Next) -> Response {
    // What the handler leaves behind is seen by no one: requests share nothing that a panic could break halfway.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        ApiError::internal("the request met a fault in pointsman; its log says where").into_response()
    })
}

/// A body whose request counts as being answered until it has been sent or given up.
struct Counted {
    body: Body,
    _in_flight: InFlight,
    _span: RequestSpan,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
