//! `POST /v1/classify`: labels without a decision.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pointsman_classifier::{LabelsRow, QueueError};
use pointsman_domain::{Labels, Prompt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::body;
use super::error::ApiError;
use super::input::{self, Input, Prompts};
use super::sidecar::Sidecar;

/// Prompts of one list that are in the queue at a time: enough to fill batches, few enough to leave room for others.
const AT_A_TIME: usize = 64;

/// Labels one prompt, or a list of them in its order.
pub(super) async fn classify(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let bytes = body::read(&headers, body, &sidecar.limits).await?;
    match input::Body::parse(&bytes)?.prompts()? {
        Prompts::One(prompt) => {
            let labels = label(&sidecar, prompt).await?;
            Ok(Json(LabelsRow::new(None::<&Value>, &labels)).into_response())
        }
        Prompts::Many(inputs) => {
            let rows = stream::iter(inputs).map(|input| row(&sidecar, input)).buffered(AT_A_TIME);
            let rows: Vec<Value> = rows.try_collect().await?;
            Ok(Json(json!({"object": "list", "data": rows})).into_response())
        }
    }
}

async fn row(sidecar: &Sidecar, input: Input) -> Result<Value, ApiError> {
    let labels = label(sidecar, input.prompt).await?;
    serde_json::to_value(LabelsRow::new(input.id, &labels))
        .map_err(|error| ApiError::internal(format!("labels cannot be written: {error}")))
}

async fn label(sidecar: &Sidecar, prompt: Prompt) -> Result<Labels, ApiError> {
    let start = Instant::now();
    let labels = sidecar.labelling.of(prompt).await.map_err(|error| match error {
        QueueError::Full { wait, .. } => ApiError::overloaded(error.to_string()).with(retry_after_ms(wait)),
        QueueError::Closed => ApiError::overloaded(error.to_string()),
        QueueError::Failed { .. } => ApiError::internal(error.to_string()),
    })?;
    sidecar.metrics.classified(&labels, start.elapsed());
    Ok(labels)
}

/// When to try again, as OpenAI's clients read it, if that is known; `retry-after` has whole seconds only.
fn retry_after_ms(wait: Option<Duration>) -> HeaderMap {
    let ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    ms.map(|ms| (HeaderName::from_static("retry-after-ms"), HeaderValue::from(ms))).into_iter().collect()
}
