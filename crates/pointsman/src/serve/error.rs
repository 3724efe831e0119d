//! Errors of the sidecar itself, in the shapes that OpenAI's and Anthropic's clients expect.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pointsman_upstream::openai::ErrorBody;
use pointsman_upstream::{Dialect, ErrorReply, RequestError, UpstreamError};

/// A request that gets an error instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    retry_after_s: Option<u32>,
    /// What else the response tells.
    headers: Box<HeaderMap>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, body: ErrorBody) -> Self {
        Self { status, body, retry_after_s: None, headers: Box::default() }
    }

    /// The same error, whose response has these headers, too.
    pub(super) fn with(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// 400: the request is at fault.
    pub(super) fn bad_request(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorBody::invalid_request(message).param(param))
    }

    /// 413: the body is longer than allowed.
    pub(super) fn too_large(limit_bytes: usize) -> Self {
        let message = format!(
            "the body is longer than {limit_bytes} bytes: send less, or raise body_limit_bytes in [server]"
        );
        let body = ErrorBody::invalid_request(message).code("request_too_large");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, body)
    }

    /// 408: the body has not come in time.
    pub(super) fn too_slow(limit: Duration) -> Self {
        let message = format!(
            "the body did not come within {} ms: send it faster, or raise body_timeout_ms in [server]",
            limit.as_millis()
        );
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorBody::invalid_request(message).code("request_timeout"))
    }

    /// 429: not so often, or not so much.
    pub(super) fn too_many(message: impl Into<String>, code: &'static str, retry_after_s: u32) -> Self {
        let body = ErrorBody::rate_limit(message).code(code);
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, body) }
    }

    /// 503: not now.
    pub(super) fn overloaded(message: impl Into<String>) -> Self {
        let body = ErrorBody::server(message).code("overloaded");
        Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, body) }
    }

    /// 500: we are at fault.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::server(message).code("internal_error"))
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        Self::bad_request(error.to_string(), error.param())
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        let status = error.kind().status();
        let body = match status {
            StatusCode::UNAUTHORIZED => ErrorBody::authentication(error.to_string()),
            status if status.is_client_error() => ErrorBody::invalid_request(error.to_string()),
            _ => ErrorBody::server(error.to_string()),
        };
        Self::new(status, body.code(error.kind().as_str()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.in_dialect(Dialect::OpenAiChat)
    }
}

impl ApiError {
    /// The response that clients of the API at `path` expect.
    pub(super) fn at(self, path: &str) -> Response {
        let is_anthropic = path.starts_with("/v1/messages");
        self.in_dialect(if is_anthropic { Dialect::Anthropic } else { Dialect::OpenAiChat })
    }

    /// The response that clients of `dialect` expect.
    pub(super) fn in_dialect(self, dialect: Dialect) -> Response {
        let body = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => {
                self.body.to_json()
            }
            Dialect::Anthropic => {
                ErrorReply::of_status(self.status, self.body.message()).to_json(dialect).to_string()
            }
        };
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (self.status, headers, body).into_response();
        response.headers_mut().extend(*self.headers);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
