//! How large requests may be, how long they may take to come, and how many are answered at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use pointsman_upstream::RequestSize;
use pointsman_upstream::openai::ErrorBody;
use tokio::sync::Semaphore;

use super::error::ApiError;
use super::held::held;
use super::sidecar::Sidecar;
use crate::config::ServerConfig;

/// The fewest bytes that a message, or an image, takes in any dialect: `{"role":"x"}`.
const LEAST_BYTES: usize = 12;

/// What the sidecar puts up with.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) body_bytes: usize,
    pub(super) body_timeout: Duration,
    messages: usize,
    images: usize,
    /// One for each request that may still be taken.
    free: Arc<Semaphore>,
    in_flight: usize,
}

impl Limits {
    pub(super) fn new(server: &ServerConfig) -> Self {
        Self {
            body_bytes: server.body_limit_bytes,
            body_timeout: server.body_timeout,
            messages: server.messages_limit,
            images: server.images_limit,
            free: Arc::new(Semaphore::new(server.in_flight_limit)),
            in_flight: server.in_flight_limit,
        }
    }

    /// Whether a body of so many bytes may hold more than is allowed.
    pub(super) fn may_be_exceeded(&self, body_bytes: usize) -> bool {
        body_bytes / LEAST_BYTES > self.messages.min(self.images)
    }

    /// Refuses what holds more messages or images than are allowed.
    pub(super) fn check(&self, size: RequestSize) -> Result<(), ApiError> {
        for (count, most, what, key) in [
            (size.messages, self.messages, "messages", "messages_limit"),
            (size.images, self.images, "images", "images_limit"),
        ] {
            if count > most {
                let message = format!(
                    "the request holds {count} {what}, and {most} are allowed: send fewer, or raise {key} in [server]"
                );
                let body = ErrorBody::invalid_request(message).code("request_too_large");
                return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, body));
            }
        }
        Ok(())
    }
}

/// Whether a request is about the sidecar itself and must be answered even when there is no room for others.
fn is_about_us(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Turns requests away while as many as may be are being answered. One counts until the last byte of its response has been
/// sent or given up.
pub(super) async fn layer(State(sidecar): State<Arc<Sidecar>>, request: Request, next: Next) -> Response {
    if is_about_us(request.uri().path()) {
        return next.run(request).await;
    }
    let limits = &sidecar.limits;
    match Arc::clone(&limits.free).try_acquire_owned() {
        Ok(permit) => next.run(request).await.map(|body| held(body, permit)),
        Err(_) => {
            let message = format!(
                "{} requests are being answered, which is in_flight_limit in [server]: ask again later",
                limits.in_flight
            );
            ApiError::overloaded(message).at(request.uri().path())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_by_name() {
        let limits =
            Limits::new(&ServerConfig { messages_limit: 3, images_limit: 2, ..ServerConfig::default() });
        let size = |messages, images| RequestSize { messages, images };
        assert_eq!(limits.check(size(3, 2)), Ok(()));
        for (size, said) in [
            (
                size(4, 0),
                "the request holds 4 messages, and 3 are allowed: send fewer, or raise messages_limit in [server]",
            ),
            (
                size(1, 3),
                "the request holds 3 images, and 2 are allowed: send fewer, or raise images_limit in [server]",
            ),
        ] {
            let error = format!("{:?}", limits.check(size).expect_err("too large"));
            assert!(error.contains(said), "{error}");
        }
        assert!(!limits.may_be_exceeded(35) && limits.may_be_exceeded(36));
    }
}
