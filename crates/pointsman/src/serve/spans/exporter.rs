//! Sending spans to a collector over HTTP, from the thread that the SDK keeps for that.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use crate::serve::clock;

/// How long a collector may take. The SDK gives up after `OTEL_EXPORTER_OTLP_TIMEOUT`, ten seconds unless it is set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is said that spans cannot be sent.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The longest answer that is read.
const ANSWER_BYTES: u64 = 1 << 20;

/// The way to a collector. That it fails is logged when it begins, and once a minute while it lasts.
pub(super) struct Collector {
    agent: ureq::Agent,
    /// When it was last said that it fails; nothing while it does not.
    failing: Mutex<Option<Instant>>,
}

impl Default for Collector {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), failing: Mutex::default() }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    /// Blocks: the caller is a thread of its own.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let address = head.uri.clone();
        let sent = self.agent.run(Request::from_parts(head, body.to_vec())).and_then(|response| {
            let (head, mut body) = response.into_parts();
            let bytes = body.with_config().limit(ANSWER_BYTES).read_to_vec()?;
            Ok(Response::from_parts(head, Bytes::from(bytes)))
        });
        self.tell(&address, &sent);
        sent.map_err(Into::into)
    }
}

impl Collector {
    fn tell(&self, address: &axum::http::Uri, sent: &Result<Response<Bytes>, ureq::Error>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = match sent {
            Ok(response) if response.status().is_success() => {
                if failing.take().is_some() {
                    tracing::warn!(%address, "traces are sent again");
                }
                return;
            }
            Ok(response) => format!("status {}", response.status()),
            Err(error) => error.to_string(),
        };
        let now = clock::monotonic();
        if failing.is_none_or(|said| now.saturating_duration_since(said) >= SAY_EVERY) {
            tracing::warn!(%address, cause, "traces cannot be sent; requests are answered all the same");
            *failing = Some(now);
        }
    }
}
