//! `GET /healthz`, `/readyz`, `/metrics`: for those who watch the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};

use super::sidecar::Sidecar;

/// The process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The process takes requests: the classifier is loaded before it listens, so it does until it is told to end.
pub(super) async fn readyz(State(sidecar): State<Arc<Sidecar>>) -> (StatusCode, &'static str) {
    if sidecar.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// The counters.
pub(super) async fn metrics(
    State(sidecar): State<Arc<Sidecar>>,
) -> ([(HeaderName, &'static str); 1], String) {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(CONTENT_TYPE, content_type)],
        sidecar.metrics.encode(sidecar.labelling.waiting(), sidecar.recording.counts().unwrap_or_default()),
    )
}
