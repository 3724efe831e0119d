//! Counting and logging every request, and keeping a panic to the request that caused it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::error::ApiError;
use super::held::held;
use super::request_id::RequestId;
use super::sidecar::Sidecar;

/// Counts a request from its head to the last byte of its response. Nothing of its content is logged.
pub(super) async fn layer(State(sidecar): State<Arc<Sidecar>>, request: Request, next: Next) -> Response {
    let in_flight = sidecar.metrics.begin();
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let endpoint = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let span = sidecar.spans.request(&method, (sidecar.scheme, endpoint), request.headers());
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
    response.map(|body| held(body, (in_flight, span)))
}

/// The response, or an error in its place should the handler panic. The panic hook has said where by then.
async fn answer_or_panic(request: Request, next: Next) -> Response {
    // What the handler leaves behind is seen by no one: requests share nothing that a panic could break halfway.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        ApiError::internal("the request met a fault in pointsman; its log says where").into_response()
    })
}
