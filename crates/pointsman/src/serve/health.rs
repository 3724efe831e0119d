//! `GET /healthz`, `/readyz`, `/metrics`: for those who watch the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};

use pointsman_domain::ModelId;
use tokio::time::Instant;

use super::clock;
use super::metrics::Observed;
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
    let live = sidecar.live();
    let failing = live.upstream.breakers().failing(Instant::now());
    let is_open =
        |target: &ModelId| failing.iter().any(|one| one.target == *target && one.left_alone.is_some());
    let models = live.policy.models().iter();
    let state = Observed {
        classify_waiting: sidecar.labelling.waiting(),
        records: sidecar.recording.counts().unwrap_or_default(),
        drift: sidecar.traffic.drift(clock::now().0),
        models: models.map(|(name, model)| (name, is_open(&model.target))).collect(),
    };
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], sidecar.metrics.encode(&state))
}
