//! `POST /v1/responses`: OpenAI's Responses, nothing of which is stored here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use pointsman_upstream::Dialect;
use pointsman_upstream::openai::ErrorBody;

use super::chat::answer;
use super::error::ApiError;
use super::incoming::Incoming;
use super::sidecar::Sidecar;

/// Routes a request for a response, or passes it to the model that it names.
pub(super) async fn create(
    State(sidecar): State<Arc<Sidecar>>,
    incoming: Incoming,
) -> Result<Response, ApiError> {
    answer(&sidecar, Dialect::OpenAiResponses, incoming).await
}

/// Says that there are no responses to fetch, go on with or delete.
pub(super) async fn stored() -> ApiError {
    let message = "responses are not stored here: ask the provider that stored this one, or send the whole conversation \
                   in `input` of POST /v1/responses";
    ApiError::new(StatusCode::NOT_FOUND, ErrorBody::invalid_request(message).code("not_stored"))
}
