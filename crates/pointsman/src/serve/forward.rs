//! Asking models, one after another, until one answers.

use std::future::ready;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{StreamExt as _, TryStreamExt as _};
use pointsman_domain::{ModelId, ModelName};
use pointsman_record::Attempt;
use pointsman_upstream::{Call, Client, Reply, Side, UpstreamError};
use tokio::time::Instant;

use super::record::micros;
use super::sidecar::Sidecar;

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
}

/// Asks `candidates` in order. One that cannot be reached, hangs up before its reply begins or answers with a status
/// from 500 makes way for the next; what the last one does is the answer. Each call is noted in `attempts`.
pub(super) async fn first_answer(
    sidecar: &Sidecar,
    upstream: &Client,
    candidates: Vec<(ModelName, ModelId)>,
    call: Call<'_>,
    attempts: &mut Vec<Attempt>,
) -> Result<Answer, UpstreamError> {
    let mut candidates = candidates.into_iter().peekable();
    let mut failed = Vec::new();
    loop {
        let Some((name, target)) = candidates.next() else {
            unreachable!("every decision has a model, and the last one returns");
        };
        let called = Instant::now();
        let outcome = ask(sidecar, upstream, &target, call).await;
        attempts.push(attempt(&name, &target, &outcome, called));
        let next = candidates.peek().map(|(name, _)| name);
        match (outcome, next) {
            (Ok(reply), Some(next)) if reply.status.is_server_error() => {
                go_on(sidecar, &name, next, reply.status.as_str());
            }
            (Ok(reply), _) => return Ok(Answer { reply, by: (name, target), called, failed }),
            (Err(error), Some(next)) if error.kind().retryable() => {
                go_on(sidecar, &name, next, error.kind().as_str());
            }
            (Err(error), _) => return Err(error),
        }
        failed.push(name);
    }
}

fn go_on(sidecar: &Sidecar, from: &ModelName, to: &ModelName, cause: &str) {
    tracing::warn!(%from, %to, cause, "a model failed and the next is asked");
    sidecar.metrics.fell_back(from.as_str(), to.as_str());
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

async fn ask(
    sidecar: &Sidecar,
    upstream: &Client,
    target: &ModelId,
    call: Call<'_>,
) -> Result<Reply, UpstreamError> {
    let start = Instant::now();
    let outcome = upstream.chat(target, call).await;
    let provider = target.provider();
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
