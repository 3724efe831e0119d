//! What cannot be translated, and providers' errors in the client's dialect.

use http::StatusCode;
use serde_json::{Value, json};

use super::Dialect;

/// A request, or a reply, that would mean something else in the other dialect, or that is not of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct TranslationError {
    field: String,
    problem: String,
}

impl TranslationError {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let field = field.into();
        Self { field: if field.is_empty() { "body".to_owned() } else { field }, problem: problem.into() }
    }

    /// The field at fault.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

/// An error as a client is told of it, in its dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply {
    /// What is said.
    pub message: String,
    /// The kind in Anthropic's words, such as `rate_limit_error`.
    kind: String,
    /// OpenAI's `param`.
    param: Option<String>,
    /// OpenAI's `code`.
    code: Option<String>,
}

impl ErrorReply {
    /// An error with the kind that goes with `status`.
    #[must_use]
    pub fn of_status(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = match status.as_u16() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            408 | 504 => "timeout_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            400..=499 => "invalid_request_error",
            _ => "api_error",
        };
        Self { message: message.into(), kind: kind.to_owned(), param: None, code: None }
    }

    /// What `body` says, be it of either dialect, another one, or no JSON at all.
    #[must_use]
    pub fn read(status: StatusCode, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(&value);
        let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
        // Bedrock's gateway writes it with a capital.
        let message =
            text("message").or_else(|| text("Message")).or_else(|| error.as_str().map(str::to_owned));
        let message = message.unwrap_or_else(|| format!("the provider answered with status {status}"));
        Self { param: text("param"), code: text("code"), ..Self::of_status(status, message) }
    }

    /// An error of a kind that a provider named within a stream.
    pub(crate) fn of_kind(kind: &str, message: impl Into<String>) -> Self {
        const KNOWN: [&str; 10] = [
            "invalid_request_error",
            "authentication_error",
            "billing_error",
            "permission_error",
            "not_found_error",
            "request_too_large",
            "rate_limit_error",
            "timeout_error",
            "api_error",
            "overloaded_error",
        ];
        let kind = KNOWN.into_iter().find(|known| *known == kind).unwrap_or("api_error");
        Self { message: message.into(), kind: kind.to_owned(), param: None, code: None }
    }

    /// Adds what OpenAI's clients know as `param` and `code`.
    #[must_use]
    pub fn with(mut self, param: Option<&str>, code: Option<&str>) -> Self {
        self.param = param.map(str::to_owned);
        self.code = code.map(str::to_owned);
        self
    }

    /// The JSON of `dialect`.
    #[must_use]
    pub fn to_json(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Anthropic => {
                json!({"type": "error", "error": {"type": self.kind, "message": self.message}})
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => {
                let kind = match self.kind.as_str() {
                    "api_error" | "overloaded_error" | "timeout_error" => "server_error",
                    "not_found_error" | "request_too_large" => "invalid_request_error",
                    kind => kind,
                };
                let Self { message, param, code, .. } = self;
                json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_either_dialect_are_told_in_both() {
        for body in [
            r#"{"error":{"message":"slow down","type":"rate_limit_exceeded","param":null,"code":null}}"#,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"r"}"#,
            r#"{"error":"slow down"}"#,
            r#"{"object":"error","message":"slow down","type":"x"}"#,
            r#"{"Message":"slow down"}"#,
        ] {
            let error = ErrorReply::read(StatusCode::TOO_MANY_REQUESTS, body.as_bytes());
            assert_eq!(
                error.to_json(Dialect::Anthropic),
                json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}),
                "{body}"
            );
            assert_eq!(error.to_json(Dialect::OpenAiChat)["error"]["message"], "slow down");
        }
    }

    #[test]
    fn what_is_no_error_object_is_told_by_its_status() {
        for body in ["", "<html>", "[]", "{\"error\":null}"] {
            let error = ErrorReply::read(StatusCode::BAD_GATEWAY, body.as_bytes());
            assert_eq!(error.message, "the provider answered with status 502 Bad Gateway");
            assert_eq!(error.to_json(Dialect::OpenAiChat)["error"]["type"], "server_error");
            assert_eq!(error.to_json(Dialect::Anthropic)["error"]["type"], "api_error");
        }
    }
}
