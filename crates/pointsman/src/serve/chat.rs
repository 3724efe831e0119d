//! `POST /v1/chat/completions`

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use pointsman_domain::{ModelId, ModelName};
use pointsman_policy::Table;
use pointsman_upstream::openai::ChatRequest;
use pointsman_upstream::{Call, RequestBody};

use super::destination::{self, Destination};
use super::error::ApiError;
use super::forward::{first_answer, pass_on};
use super::request_id::RequestId;
use super::routing::route;
use super::sidecar::Sidecar;
use super::{body, clock};

/// Routes a chat, or passes it to the model that it names.
pub(super) async fn completions(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = RequestBody::parse(body::read(&headers, body, sidecar.body_limit_bytes).await?)?;
    let call = Call {
        headers: &headers,
        body: &body,
        request_id: request_id.as_str(),
        received_unix_s: clock::unix_s(clock::now()),
        about: "",
    };
    match destination::find(body.model(), &sidecar.policy, &sidecar.upstream)? {
        Destination::Model(target) => direct(&sidecar, target, call).await,
        Destination::Table(table) => routed(&sidecar, table, call).await,
    }
}

async fn direct(sidecar: &Arc<Sidecar>, target: ModelId, call: Call<'_>) -> Result<Response, ApiError> {
    let candidates = vec![(ModelName::new(target.to_string()), target)];
    let answer = first_answer(sidecar, candidates, call).await?;
    Ok(pass_on(sidecar, answer.reply, HeaderMap::new()))
}

async fn routed(sidecar: &Arc<Sidecar>, table: &Table, call: Call<'_>) -> Result<Response, ApiError> {
    let request = ChatRequest::parse(call.body.bytes())?;
    let routed = route(sidecar, table, request.prompt, request.facts).await;
    let about = routed.summary();
    let answer = first_answer(sidecar, routed.candidates(sidecar), Call { about: &about, ..call }).await?;
    let decision = routed.headers((&answer.by.0, &answer.by.1), &answer.failed);
    Ok(pass_on(sidecar, answer.reply, decision))
}
