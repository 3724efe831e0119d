//! Watching a request to its end, for its record and for what is counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::CONTENT_LENGTH;
use futures_util::{Stream, StreamExt as _};
use pointsman_domain::{ModelId, TokenCount};
use pointsman_policy::{Models, Price};
use pointsman_record::{Answered, Attempt, End, TokenUsage};
use pointsman_upstream::{Dialect, Reply, ReplyBody, UpstreamError, Usage, UsageReader};
use tokio::time::Instant;
use uuid::Uuid;

use super::record::micros;
use super::routing::{Arrival, Routed};
use super::sidecar::Sidecar;
use super::spans::CallSpan;
use super::traffic::Named;

/// What is known so far of how a request is answered. It is recorded when this is dropped, which is when the last byte of
/// the reply has been passed on, or nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Trail {
    sidecar: Arc<Sidecar>,
    about: About,
    arrived: Instant,
    /// The models that were asked.
    pub(super) attempts: Vec<Attempt>,
    end: End,
    first_bytes: Option<Duration>,
    usage: Option<TokenUsage>,
    price: Option<Price>,
    span: CallSpan,
}

/// What is answered.
#[derive(Debug)]
enum About {
    /// The request of a decision with this id.
    Decision(String),
    /// A request that named its model.
    Named(Named),
}

impl Trail {
    /// The trail of a request for which a table has just decided.
    pub(super) fn of(sidecar: &Arc<Sidecar>, routed: &Routed<'_>, arrival: &Arrival) -> Self {
        Self::new(sidecar, About::Decision(routed.id.to_string()), arrival)
    }

    /// The trail of a request that named `target`.
    pub(super) fn of_named(
        sidecar: &Arc<Sidecar>,
        target: &ModelId,
        models: &Models,
        arrival: &Arrival,
    ) -> Self {
        let id = Uuid::now_v7().to_string();
        let named = Named::new(id, arrival.endpoint, arrival.key.clone(), target, models);
        Self::new(sidecar, About::Named(named), arrival)
    }

    fn new(sidecar: &Arc<Sidecar>, about: About, arrival: &Arrival) -> Self {
        Self {
            sidecar: Arc::clone(sidecar),
            about,
            arrived: arrival.at,
            attempts: Vec::new(),
            end: End::GivenUp,
            first_bytes: None,
            usage: None,
            price: None,
            span: CallSpan::default(),
        }
    }

    /// No model replied.
    pub(super) fn failed(&mut self) {
        self.end = End::Failed;
    }

    /// The same reply, watched while it passes. It was asked for at `called`, traced by `span`, of a model with this `price`.
    pub(super) fn follow(
        mut self,
        reply: Reply,
        dialect: Dialect,
        (called, span): (Instant, CallSpan),
        price: Option<Price>,
    ) -> Reply {
        (self.price, self.span) = (price, span);
        let usage = reply.status.is_success().then(|| {
            let reader = UsageReader::new(dialect, &reply.headers);
            if self.span.is_on() { reader.with_facts() } else { reader }
        });
        let length = reply.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let body = Followed { body: reply.body, trail: self, usage, called, left: length };
        Reply { body: body.boxed(), ..reply }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let cost = self.price.zip(self.usage).map(|(price, usage)| price.of_usage(usage));
        let answered = Answered {
            attempts: std::mem::take(&mut self.attempts),
            end: self.end,
            first_bytes_us: self.first_bytes.map(micros),
            total_us: micros(self.arrived.elapsed()),
            usage: self.usage,
            cost,
        };
        self.span.ended(&answered);
        match &mut self.about {
            About::Decision(id) => self.sidecar.answered(std::mem::take(id), answered),
            About::Named(named) => self.sidecar.named(named.clone(), &answered),
        }
    }
}

/// The body of a reply, and what it tells in passing.
struct Followed {
    body: ReplyBody,
    trail: Trail,
    usage: Option<UsageReader>,
    called: Instant,
    /// Bytes that are still to come, if the head says how many. A body of known length is not asked for its end.
    left: Option<u64>,
}

impl Followed {
    fn saw(&mut self, bytes: &Bytes) {
        self.trail.first_bytes.get_or_insert_with(|| self.called.elapsed());
        if let Some(usage) = &mut self.usage {
            usage.push(bytes);
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes.len() as u64);
            if *left == 0 {
                self.trail.end = End::Whole;
            }
        }
    }
}

impl Stream for Followed {
    type Item = Result<Bytes, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => self.saw(bytes),
            Poll::Ready(Some(Err(_))) => self.trail.end = End::Cut,
            Poll::Ready(None) if self.trail.end == End::GivenUp => self.trail.end = End::Whole,
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let Some(reader) = self.usage.take() else { return };
        let (usage, facts) = reader.finish_with_facts();
        self.trail.usage = usage.map(recorded);
        self.trail.span.told(facts);
    }
}

pub(super) fn recorded(usage: Usage) -> TokenUsage {
    let count = |tokens: u64| TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX));
    TokenUsage {
        input: count(usage.input),
        cache_read: count(usage.cache_read.unwrap_or(0)),
        cache_write: count(usage.cache_write.unwrap_or(0)),
        output: count(usage.output),
    }
}
