//! `POST /v1/completions`: OpenAI's older completions of a text.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use pointsman_upstream::Dialect;

use super::chat::answer;
use super::error::ApiError;
use super::incoming::Incoming;
use super::sidecar::Sidecar;

/// Routes a text to be completed, or passes it to the model that it names.
pub(super) async fn create(
    State(sidecar): State<Arc<Sidecar>>,
    incoming: Incoming,
) -> Result<Response, ApiError> {
    answer(&sidecar, Dialect::OpenAiCompletions, incoming).await
}
