//! `POST /v1/feedback`: how good the answer to a decision was.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use pointsman_record::{Feedback, Known};
use pointsman_upstream::openai::ErrorBody;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::error::ApiError;
use super::sidecar::Sidecar;
use super::{body, clock};

/// How long the recorder may take to look for the decision.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is told, and repeated in the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// The id of the decision, as in the header `x-pointsman-decision`.
    decision: String,
    /// 0 for useless to 1 for right.
    score: f64,
}

/// Stores a score with the record of its decision; a later score replaces an earlier one.
pub(super) async fn feedback(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Told>, ApiError> {
    let bytes = body::read(&headers, body, &sidecar.limits).await?;
    let told: Told = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::bad_request(format!("send {{\"decision\": \"…\", \"score\": 0 to 1}}: {error}"), None)
    })?;
    if !(0.0..=1.0).contains(&told.score) {
        return Err(ApiError::bad_request("`score` is a number from 0 to 1", Some("score")));
    }
    let feedback = Feedback { score: told.score, time_us: clock::now().0 };
    let known = timeout(PATIENCE, sidecar.recording.feedback(told.decision.clone(), feedback)).await;
    match known {
        Ok(Some(Known::Yes)) => Ok(Json(told)),
        Ok(Some(Known::No)) => Err(unknown(&told.decision)),
        Ok(None) => Err(off()),
        Ok(Some(Known::Unclear)) | Err(_) => {
            Err(ApiError::overloaded("decisions cannot be looked up at present; try again shortly"))
        }
    }
}

fn unknown(decision: &str) -> ApiError {
    let message = format!(
        "there is no record of decision `{decision}`: it is not one of this sidecar's, or too old to be kept"
    );
    let body = ErrorBody::invalid_request(message).param("decision").code("decision_not_found");
    ApiError::new(StatusCode::NOT_FOUND, body)
}

fn off() -> ApiError {
    let message = "decisions are not recorded, so there is nothing to store feedback with: add [record] to the configuration";
    ApiError::new(StatusCode::NOT_FOUND, ErrorBody::invalid_request(message).code("records_off"))
}
