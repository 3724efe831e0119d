//! What a request is called, in logs and towards the client.

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

const CLIENTS: HeaderName = HeaderName::from_static("x-request-id");
const OURS: HeaderName = HeaderName::from_static("x-pointsman-request-id");

/// The longest name that is taken over from a client.
const MAX_BYTES: usize = 128;

/// The client's `x-request-id` if it is a plain word, else a new UUID.
#[derive(Debug, Clone)]
pub(super) struct RequestId(String);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let plain = |id: &&str| {
            (1..=MAX_BYTES).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        let given = headers.get(CLIENTS).and_then(|id| id.to_str().ok()).filter(plain);
        Self(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    /// The id that the request was given, or one from its headers where it has none yet.
    pub(super) fn given(extensions: &Extensions, headers: &HeaderMap) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self::of(headers))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives every request its id and every response its header. A provider's own `x-request-id` stays what it is.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        let headers = response.headers_mut();
        headers.entry(CLIENTS).or_insert(value.clone());
        headers.insert(OURS, value);
    }
    response
}
