//! `POST /v1/route`: the decision for a request, without asking a model.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use pointsman_classifier::LabelsRow;
use pointsman_domain::{Decision, Prompt, RequestFacts};
use pointsman_policy::{Explanation, Table};
use pointsman_upstream::openai::{ChatRequest, estimated_tokens};
use serde::Serialize;
use serde_json::Value;

use super::destination::{self, Destination};
use super::error::ApiError;
use super::incoming::Incoming;
use super::input::{self, Prompts};
use super::live::Live;
use super::routing::Arrival;
use super::sidecar::Sidecar;
use super::{body, routing};

/// What is answered.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// What identifies the decision.
    id: String,
    labels: LabelsRow<'a, Value>,
    decision: &'a Decision,
    explanation: Explanation,
}

/// Decides for a body as `/v1/chat/completions` takes it, or for `{"text": …}` or `{"input": …}`; `model` names the
/// table, `auto` if it is left out.
pub(super) async fn route(
    State(sidecar): State<Arc<Sidecar>>,
    Incoming { caller, headers, body, .. }: Incoming,
) -> Result<Response, ApiError> {
    let bytes = body::read(&headers, body, &sidecar.limits).await?;
    let arrival = Arrival::now("/v1/route", &caller);
    let body = input::Body::parse(&bytes)?;
    let live = sidecar.live();
    let table = table(&live, body.model.as_deref().unwrap_or(Table::AUTO))?;
    let (prompt, facts) = request(body, &bytes)?;
    let routed = routing::route(&sidecar, table, prompt, facts, &arrival).await;
    let decision = &routed.decision;
    let answer = Answer {
        id: routed.id.to_string(),
        labels: LabelsRow::new(None, &routed.labels),
        decision,
        explanation: routed.explain(),
    };
    Ok((routed.headers(Some((&decision.model, &decision.target)), &[]), Json(answer)).into_response())
}

fn table<'a>(live: &'a Live, name: &str) -> Result<&'a Table, ApiError> {
    match destination::find(name, &live.policy, &live.upstream)? {
        Destination::Table(table) => Ok(table),
        Destination::Model(target) => {
            let message =
                format!("`{name}` is the model {target}, so there is nothing to decide: name a table");
            Err(ApiError::bad_request(message, Some("model")))
        }
    }
}

/// The prompt of a body, and what else is known of the request.
fn request(body: input::Body, bytes: &Bytes) -> Result<(Prompt, RequestFacts), ApiError> {
    if body.is_chat() {
        let request = ChatRequest::parse(bytes)?;
        return Ok((request.prompt, request.facts));
    }
    match body.prompts()? {
        Prompts::One(prompt) => {
            let input_tokens = estimated_tokens(&prompt);
            Ok((prompt, RequestFacts { input_tokens, ..RequestFacts::default() }))
        }
        Prompts::Many(_) => {
            Err(ApiError::bad_request("one decision at a time: `input` must not be a list", Some("input")))
        }
    }
}
