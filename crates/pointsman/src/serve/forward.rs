//! Asking models, one after another, until one answers.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pointsman_domain::{ModelId, ModelName};
use pointsman_record::Attempt;
use pointsman_upstream::{
    Call, Client, Reply, Side, UpstreamError, overflows, retry_after, until_content, wait,
};
use tokio::time::Instant;

use super::clock;
use super::live::Live;
use super::record::micros;
use super::routing::header_value;
use super::sidecar::Sidecar;
use super::spans::CallSpan;

/// A reply, and who gave it after whom.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: Reply,
    /// Who answered.
    pub(super) by: (ModelName, ModelId),
    /// When it was asked.
    pub(super) called: Instant,
    /// Who was asked before and failed.
    pub(super) failed: Vec<ModelName>,
    /// What traces the call.
    pub(super) span: CallSpan,
}

/// That nobody replied, and who was asked or passed over.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: UpstreamError,
    pub(super) failed: Vec<ModelName>,
}

/// Asks `candidates` in order. One that is left alone, cannot be reached, breaks off before it says anything, or answers
/// with a status that passes (408, 409, 429, from 500), makes way for the next, once it has been asked again as often as
/// the policy says; one for which the request is too long makes way for the next that takes more. The last one is asked in
/// any case, and what it does is the answer. Each call is noted in `attempts`.
pub(super) async fn first_answer(
    sidecar: &Sidecar,
    live: &Live,
    candidates: Vec<(ModelName, ModelId)>,
    call: Call<'_>,
    attempts: &mut Vec<Attempt>,
) -> Result<Answer, Unanswered> {
    let upstream = &live.upstream;
    upstream.budget().deposit();
    let mut candidates = VecDeque::from(candidates);
    let mut failed = Vec::new();
    loop {
        let Some((name, target)) = candidates.pop_front() else {
            unreachable!("every decision has a model, and the last one returns");
        };
        let next = candidates.front().map(|(name, _)| name.clone());
        if let Some(next) = &next
            && !upstream.breakers().admit(&target, Instant::now())
        {
            go_on(sidecar, &name, next, "left alone");
            attempts.push(passed_over(&name, &target, "left_alone"));
            failed.push(name);
            continue;
        }
        let (outcome, called, span) = ask_again(sidecar, upstream, (&name, &target), call, attempts).await;
        let next = next.filter(|_| Instant::now() < call.deadline);
        match (outcome, next) {
            (Ok(reply), Some(next)) if passes(reply.status) => {
                go_on(sidecar, &name, &next, reply.status.as_str());
            }
            (Ok(reply), next) => {
                let (reply, is_too_long) = match next {
                    Some(_) => overflows(reply).await,
                    None => (reply, false),
                };
                let larger = if is_too_long { larger(live, &name, &candidates) } else { VecDeque::new() };
                let Some((next, _)) = larger.front() else {
                    let reply = watched(upstream, &target, reply, call.deadline);
                    return Ok(Answer { reply, by: (name, target), called, failed, span });
                };
                go_on(sidecar, &name, next, "context window");
                candidates = larger;
            }
            (Err(error), Some(next)) if error.kind().retryable() => {
                go_on(sidecar, &name, &next, error.kind().as_str());
            }
            (Err(error), _) => {
                failed.push(name);
                return Err(Unanswered { error, failed });
            }
        }
        failed.push(name);
    }
}

/// Those of `candidates` that may take a request which is too long for `name`: all whose context window is not known to be
/// as small.
fn larger(
    live: &Live,
    name: &ModelName,
    candidates: &VecDeque<(ModelName, ModelId)>,
) -> VecDeque<(ModelName, ModelId)> {
    let window = |name: &ModelName| {
        let model = live.policy.models().get(name)?;
        model.max_input.or(model.context)
    };
    let too_small = window(name);
    let may_take = |name: &ModelName| window(name).zip(too_small).is_none_or(|(own, small)| own > small);
    candidates.iter().filter(|(name, _)| may_take(name)).cloned().collect()
}

/// Asks a model until it answers, or asking again is of no use or not allowed. Also tells when the last call was made, and
/// gives what traces it.
async fn ask_again(
    sidecar: &Sidecar,
    upstream: &Client,
    (name, target): (&ModelName, &ModelId),
    call: Call<'_>,
    attempts: &mut Vec<Attempt>,
) -> (Result<Reply, UpstreamError>, Instant, CallSpan) {
    let mut failures = 0;
    loop {
        let called = Instant::now();
        let span = sidecar.spans.call(upstream, (name, target), call.wanted);
        let headers = span.headers(call.headers);
        let outcome = ask(sidecar, upstream, target, Call { headers: &headers, ..call }).await;
        span.replied(&outcome);
        attempts.push(attempt(name, target, &outcome, called));
        let is_left_alone = note(upstream, target, &outcome, call.deadline);
        failures += 1;
        match pause(upstream, (call.table, target), &outcome, failures, call.deadline) {
            Some(pause) if !is_left_alone && upstream.budget().withdraw() => {
                tracing::info!(%target, failures, pause_ms = pause.as_millis(), "a model is asked again");
                tokio::time::sleep(pause).await;
            }
            _ => return (outcome, called, span),
        }
    }
}

/// How long to wait before the same model is asked again; `None` if that is of no use.
fn pause(
    upstream: &Client,
    (table, target): (Option<&str>, &ModelId),
    outcome: &Result<Reply, UpstreamError>,
    failures: u32,
    deadline: Instant,
) -> Option<Duration> {
    let asked = match outcome {
        Ok(reply) if passes(reply.status) => retry_after(&reply.headers),
        Err(error) if error.kind().passes() => None,
        _ => return None,
    };
    let policy = upstream.failures().of(table, target);
    let pause = wait(&policy, failures, asked, clock::random()).filter(|_| failures <= policy.retries)?;
    (Instant::now() + pause < deadline).then_some(pause)
}

/// Whether a status says that the next moment, or the next model, may do better.
fn passes(status: StatusCode) -> bool {
    let code = status.as_u16();
    matches!(code, 408 | 409 | 429) || status.is_server_error()
}

/// Tells the model's breaker how it went; that the client's time is up says nothing about the model. Returns whether the
/// model is left alone from now on.
fn note(
    upstream: &Client,
    target: &ModelId,
    outcome: &Result<Reply, UpstreamError>,
    deadline: Instant,
) -> bool {
    let breakers = upstream.breakers();
    let is_failure = match outcome {
        Ok(reply) if reply.status.is_server_error() => true,
        Ok(reply) if passes(reply.status) => false,
        Ok(reply) => {
            // Of a body without a length the end is awaited.
            if reply.headers.contains_key(CONTENT_LENGTH) {
                breakers.succeeded(target);
            } else {
                breakers.answered(target);
            }
            false
        }
        Err(error) => error.kind().side() == Side::Upstream && Instant::now() < deadline,
    };
    let is_left_alone = is_failure && breakers.failed(target, Instant::now());
    if is_left_alone {
        tracing::warn!(%target, "a model has failed too often and is left alone for a while");
    }
    is_left_alone
}

/// The reply, whose way to its end counts as its model's.
fn watched(upstream: &Arc<Client>, target: &ModelId, mut reply: Reply, deadline: Instant) -> Reply {
    if !reply.status.is_success() {
        return reply;
    }
    let (upstream, target, mut body) = (Arc::clone(upstream), target.clone(), reply.body);
    let mut is_over = false;
    let watched = stream::poll_fn(move |context| {
        let polled = body.poll_next_unpin(context);
        let is_end = !is_over && matches!(polled, Poll::Ready(None | Some(Err(_))));
        is_over |= is_end;
        match &polled {
            Poll::Ready(None) if is_end => upstream.breakers().succeeded(&target),
            Poll::Ready(Some(Err(_))) if is_end && Instant::now() < deadline => {
                upstream.breakers().failed(&target, Instant::now());
            }
            _ => {}
        }
        polled
    });
    reply.body = watched.boxed();
    reply
}

fn go_on(sidecar: &Sidecar, from: &ModelName, to: &ModelName, cause: &str) {
    tracing::warn!(%from, %to, cause, "a model failed and the next is asked");
    sidecar.metrics.fell_back(from.as_str(), to.as_str());
}

/// A model that was not asked, and why.
pub(super) fn passed_over(model: &ModelName, target: &ModelId, why: &'static str) -> Attempt {
    Attempt {
        model: model.clone(),
        target: target.clone(),
        status: None,
        error: Some(why.into()),
        head_us: 0,
    }
}

/// A call as it is recorded.
fn attempt(
    model: &ModelName,
    target: &ModelId,
    outcome: &Result<Reply, UpstreamError>,
    called: Instant,
) -> Attempt {
    Attempt {
        model: model.clone(),
        target: target.clone(),
        status: outcome.as_ref().ok().map(|reply| reply.status.as_u16()),
        error: outcome.as_ref().err().map(|error| error.kind().as_str().into()),
        head_us: micros(called.elapsed()),
    }
}

/// Tells of each call and each model that was passed over, if there was more than one or none was answered:
/// `gpt=503,gpt=upstream_timeout,o3=left_alone,claude=200`.
pub(super) fn attempts_header(attempts: &[Attempt]) -> Option<(HeaderName, HeaderValue)> {
    if let [Attempt { status: Some(_), .. }] | [] = attempts {
        return None;
    }
    let outcome = |attempt: &Attempt| match (attempt.status, &attempt.error) {
        (Some(status), _) => status.to_string(),
        (None, error) => error.as_deref().unwrap_or_default().to_owned(),
    };
    let told: Vec<String> =
        attempts.iter().map(|attempt| format!("{}={}", attempt.model, outcome(attempt))).collect();
    Some((HeaderName::from_static("x-pointsman-attempts"), header_value(&told.join(","))))
}

async fn ask(
    sidecar: &Sidecar,
    upstream: &Client,
    target: &ModelId,
    call: Call<'_>,
) -> Result<Reply, UpstreamError> {
    let start = Instant::now();
    let provider = target.provider();
    let outcome = match upstream.chat(target, call).await {
        Ok(reply) => until_content(reply, call.dialect, provider).await,
        Err(error) => Err(error),
    };
    match &outcome {
        Ok(reply) => {
            sidecar.metrics.upstream_answered(provider, start.elapsed());
            if reply.status.is_server_error() {
                sidecar.metrics.upstream_failed(provider, reply.status.as_str(), Side::Upstream.as_str());
            }
        }
        Err(error) => report(sidecar, error),
    }
    outcome
}

fn report(sidecar: &Sidecar, error: &UpstreamError) {
    let kind = error.kind();
    tracing::warn!(%error, kind = kind.as_str(), "a call to a provider failed");
    sidecar.metrics.upstream_failed(error.provider(), kind.as_str(), kind.side().as_str());
}

/// Passes a reply on: its status, its headers and, as they come, the bytes of its body. Should the provider break off,
/// the connection to the client is broken off, too, unless the body says so itself: a reply that is not whole must not
/// look whole.
pub(super) fn pass_on(sidecar: &Arc<Sidecar>, reply: Reply, decision: HeaderMap) -> Response {
    let sidecar = Arc::clone(sidecar);
    let body = reply.body.inspect_err(move |error| report(&sidecar, error));
    let body = if reply.tells_of_its_end {
        Body::from_stream(body.take_while(|chunk| ready(chunk.is_ok())))
    } else {
        Body::from_stream(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response.headers_mut().extend(decision);
    response
}
