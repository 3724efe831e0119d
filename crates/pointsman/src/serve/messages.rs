//! `POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use pointsman_upstream::{Dialect, RequestBody};
use serde_json::json;

use super::body;
use super::chat::{answer, call, read};
use super::destination::{self, Destination};
use super::error::ApiError;
use super::forward::pass_on;
use super::incoming::Incoming;
use super::request_id::RequestId;
use super::routing::{Arrival, route};
use super::sidecar::Sidecar;

/// How Anthropic's clients look for the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Tells that a count is an estimate of ours: the provider does not count.
const ESTIMATED: HeaderName = HeaderName::from_static("x-pointsman-estimated");

/// Routes a message, or passes it to the model that it names.
pub(super) async fn create(State(sidecar): State<Arc<Sidecar>>, incoming: Incoming) -> Response {
    let request_id = incoming.request_id.clone();
    finish(answer(&sidecar, Dialect::Anthropic, incoming).await, &request_id)
}

/// Counts the tokens of a request as the model would that answers it.
pub(super) async fn count_tokens(State(sidecar): State<Arc<Sidecar>>, incoming: Incoming) -> Response {
    let request_id = incoming.request_id.clone();
    finish(count(&sidecar, incoming).await, &request_id)
}

async fn count(sidecar: &Arc<Sidecar>, incoming: Incoming) -> Result<Response, ApiError> {
    let Incoming { request_id, caller, headers, body } = incoming;
    let body = RequestBody::parse(body::read(&headers, body, &sidecar.limits).await?)?;
    let arrival = Arrival::now("/v1/messages/count_tokens", &caller);
    caller.may_ask(body.model())?;
    let live = sidecar.live();
    let destination = destination::find(body.model(), &live.policy, &live.upstream)?;
    let call = call(Dialect::Anthropic, &request_id, &headers, &body, (&live, destination.table()))?;
    let (prompt, facts, size) = read(&call)?;
    sidecar.limits.check(size)?;
    let input_tokens = facts.input_tokens.0;
    let (target, decision) = match destination {
        Destination::Model(target) => (target, HeaderMap::new()),
        Destination::Table(table) => {
            let routed = route(sidecar, table, prompt, facts, &arrival).await;
            let decision = &routed.decision;
            (decision.target.clone(), routed.headers(Some((&decision.model, &decision.target)), &[]))
        }
    };
    if let Some(reply) = live.upstream.count_tokens(&target, call).await {
        return Ok(pass_on(sidecar, reply?, decision));
    }
    let estimated = [(ESTIMATED, HeaderValue::from_static("input_tokens"))];
    Ok((decision, estimated, Json(json!({"input_tokens": input_tokens}))).into_response())
}

/// The response with its id, errors in Anthropic's shape.
fn finish(answer: Result<Response, ApiError>, request_id: &RequestId) -> Response {
    let mut response = answer.unwrap_or_else(|error| error.in_dialect(Dialect::Anthropic));
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    response
}
