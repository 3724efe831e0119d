//! `POST /v1/chat/completions`, and how requests of every dialect are answered.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use pointsman_domain::{ModelId, ModelName, Prompt, RequestFacts};
use pointsman_policy::Table;
use pointsman_upstream::openai::ChatRequest;
use pointsman_upstream::{
    Call, CompletionsRequest, Dialect, MessagesRequest, RequestBody, RequestError, RequestSize,
    ResponsesRequest, Wanted,
};
use tokio::time::Instant;

use super::destination::{self, Destination};
use super::error::ApiError;
use super::forward::{attempts_header, first_answer, pass_on};
use super::incoming::Incoming;
use super::keys::Caller;
use super::limits::Limits;
use super::live::Live;
use super::record_reply::Trail;
use super::request_id::RequestId;
use super::routing::{Arrival, route};
use super::sidecar::Sidecar;
use super::{body, clock};

/// Routes a chat, or passes it to the model that it names.
pub(super) async fn completions(
    State(sidecar): State<Arc<Sidecar>>,
    incoming: Incoming,
) -> Result<Response, ApiError> {
    answer(&sidecar, Dialect::OpenAiChat, incoming).await
}

/// Answers a request of `dialect`, be it routed or not.
pub(super) async fn answer(
    sidecar: &Arc<Sidecar>,
    dialect: Dialect,
    incoming: Incoming,
) -> Result<Response, ApiError> {
    let Incoming { request_id, caller, headers, body } = incoming;
    let body = RequestBody::parse(body::read(&headers, body, &sidecar.limits).await?)?;
    let arrival = Arrival::now(endpoint(dialect), &caller);
    caller.may_ask(body.model())?;
    let live = sidecar.live();
    let destination = destination::find(body.model(), &live.policy, &live.upstream)?;
    let call = call(dialect, &request_id, &headers, &body, (&live, destination.table()))?;
    match destination {
        Destination::Model(target) => {
            check_unread(&sidecar.limits, &call)?;
            direct(sidecar, &live, target, call, &arrival, &caller).await
        }
        Destination::Table(table) => routed(sidecar, &live, table, call, &arrival, &caller).await,
    }
}

/// Where requests of `dialect` come.
fn endpoint(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "/v1/chat/completions",
        Dialect::OpenAiResponses => "/v1/responses",
        Dialect::OpenAiCompletions => "/v1/completions",
        Dialect::Anthropic => "/v1/messages",
    }
}

/// What providers are told of a request that came now, for a table or for none.
pub(super) fn call<'a>(
    dialect: Dialect,
    request_id: &'a RequestId,
    headers: &'a HeaderMap,
    body: &'a RequestBody,
    (live, table): (&Live, Option<&'a str>),
) -> Result<Call<'a>, ApiError> {
    let most = live.upstream.failures().of_table(table).total_timeout;
    Ok(Call {
        wanted: Wanted::Reply,
        dialect,
        headers,
        body,
        request_id: request_id.as_str(),
        received_unix_s: clock::unix_s(clock::now()),
        table,
        about: "",
        now: clock::system,
        deadline: Instant::now() + time_limit(headers, most)?,
    })
}

/// How long the client waits, in milliseconds.
const TIMEOUT: HeaderName = HeaderName::from_static("x-pointsman-timeout-ms");

/// How long the whole request may take: `most`, or less if the client says so.
fn time_limit(headers: &HeaderMap, most: Duration) -> Result<Duration, ApiError> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(most);
    };
    let limit = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok()).filter(|ms| *ms > 0);
    let wrong = || ApiError::bad_request("x-pointsman-timeout-ms must be a whole number from 1", None);
    limit.map(|ms| most.min(Duration::from_millis(ms))).ok_or_else(wrong)
}

/// What routing needs to know of a request.
pub(super) fn read(call: &Call<'_>) -> Result<(Prompt, RequestFacts, RequestSize), RequestError> {
    let bytes = call.body.bytes();
    match call.dialect {
        Dialect::OpenAiChat => {
            ChatRequest::parse(bytes).map(|request| (request.prompt, request.facts, request.size))
        }
        Dialect::OpenAiResponses => {
            ResponsesRequest::parse(bytes).map(|request| (request.prompt, request.facts, request.size))
        }
        Dialect::OpenAiCompletions => {
            CompletionsRequest::parse(bytes).map(|request| (request.prompt, request.facts, request.size))
        }
        Dialect::Anthropic => {
            MessagesRequest::parse(bytes).map(|request| (request.prompt, request.facts, request.size))
        }
    }
}

/// Checks the size of a request that is passed on without being read, if it is long enough to be too large. What cannot be
/// read is for the provider to judge.
fn check_unread(limits: &Limits, call: &Call<'_>) -> Result<(), ApiError> {
    if !limits.may_be_exceeded(call.body.bytes().len()) {
        return Ok(());
    }
    read(call).map_or(Ok(()), |(_, _, size)| limits.check(size))
}

/// Asks one model, and no other.
pub(super) async fn direct(
    sidecar: &Arc<Sidecar>,
    live: &Live,
    target: ModelId,
    call: Call<'_>,
    arrival: &Arrival,
    caller: &Caller,
) -> Result<Response, ApiError> {
    let price =
        live.policy.models().values().find(|model| model.target == target).and_then(|model| model.price);
    caller.may_spend_at(&target, price)?;
    let mut trail = Trail::of_named(sidecar, &target, live.policy.models(), arrival);
    let candidates = vec![(ModelName::new(target.to_string()), target)];
    let answer = first_answer(sidecar, live, candidates, call, &mut trail.attempts).await;
    let headers: HeaderMap = attempts_header(&trail.attempts).into_iter().collect();
    let answer = answer.map_err(|unanswered| {
        trail.failed();
        ApiError::from(unanswered.error).with(headers.clone())
    })?;
    let reply = trail.follow(answer.reply, call.dialect, (answer.called, answer.span), price);
    Ok(pass_on(sidecar, caller.charge(reply, &call, price), headers))
}

async fn routed(
    sidecar: &Arc<Sidecar>,
    live: &Live,
    table: &Table,
    call: Call<'_>,
    arrival: &Arrival,
    caller: &Caller,
) -> Result<Response, ApiError> {
    let (prompt, facts, size) = read(&call)?;
    sidecar.limits.check(size)?;
    let routed = route(sidecar, table, prompt, facts, arrival).await;
    let mut trail = Trail::of(sidecar, &routed, arrival);
    let about = routed.summary();
    let (candidates, call) = (routed.candidates(&live.policy), Call { about: &about, ..call });
    let models = live.policy.models();
    let candidates =
        caller.affordable(candidates, models, &mut trail.attempts).inspect_err(|_| trail.failed())?;
    let answer = first_answer(sidecar, live, candidates, call, &mut trail.attempts).await;
    let tried = attempts_header(&trail.attempts);
    let answer = answer.map_err(|unanswered| {
        trail.failed();
        let mut headers = routed.headers(None, &unanswered.failed);
        headers.extend(tried.clone());
        ApiError::from(unanswered.error).with(headers)
    })?;
    let mut decision = routed.headers(Some((&answer.by.0, &answer.by.1)), &answer.failed);
    decision.extend(tried);
    let price = live.policy.models().get(&answer.by.0).and_then(|model| model.price);
    let reply = trail.follow(answer.reply, call.dialect, (answer.called, answer.span), price);
    Ok(pass_on(sidecar, caller.charge(reply, &call, price), decision))
}
