//! What a reply costs the key that asked for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_util::{Stream, StreamExt as _};
use pointsman_domain::TokenCount;
use pointsman_policy::Price;
use pointsman_record::TokenUsage;
use pointsman_upstream::{Call, Reply, ReplyBody, UpstreamError, UsageReader};

use super::super::clock;
use super::super::record_reply::recorded;
use super::key::Key;

/// Bytes a token, where a reply does not say how many it took.
const BYTES_PER_TOKEN: u64 = 4;

/// The same reply, whose cost is added to what `key` has spent once it has passed or is given up.
pub(super) fn counted(reply: Reply, call: &Call<'_>, key: Arc<Key>, price: Price) -> Reply {
    if !reply.status.is_success() {
        return reply;
    }
    let usage = Some(UsageReader::new(call.dialect, &reply.headers));
    let asked_bytes = call.body.bytes().len() as u64;
    let body = Counted { body: reply.body, key, price, usage, asked_bytes, events: 0, said_bytes: 0 };
    Reply { body: body.boxed(), ..reply }
}

struct Counted {
    body: ReplyBody,
    key: Arc<Key>,
    price: Price,
    usage: Option<UsageReader>,
    asked_bytes: u64,
    /// Events that have passed, if it is a stream: as a rule one a token.
    events: u64,
    said_bytes: u64,
}

impl Counted {
    fn saw(&mut self, bytes: &Bytes) {
        if let Some(usage) = &mut self.usage {
            usage.push(bytes);
        }
        self.said_bytes += bytes.len() as u64;
        self.events += bytes.windows(2).filter(|pair| *pair == b"\n\n").count() as u64;
    }

    /// The tokens that it took, estimated where the reply does not say.
    fn tokens(&mut self) -> TokenUsage {
        let told = self.usage.take().and_then(UsageReader::finish).map(recorded);
        let count = |tokens: u64| TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX));
        told.unwrap_or_else(|| TokenUsage {
            input: count(self.asked_bytes / BYTES_PER_TOKEN),
            cache_read: TokenCount(0),
            cache_write: TokenCount(0),
            output: count(if self.events > 0 { self.events } else { self.said_bytes / BYTES_PER_TOKEN }),
        })
    }
}

impl Stream for Counted {
    type Item = Result<Bytes, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.saw(bytes);
        }
        polled
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let tokens = self.tokens();
        self.key.spent(self.price.of_usage(tokens), clock::now());
    }
}
