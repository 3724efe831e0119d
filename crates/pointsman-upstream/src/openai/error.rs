//! Errors as OpenAI's clients expect them.

use serde::Serialize;

/// `{"error": {"message", "type", "param", "code"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    error: Fields,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Fields {
    message: String,
    r#type: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl ErrorBody {
    /// Of a request that is at fault.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::of_type("invalid_request_error", message)
    }

    /// Of a request that asks for what is not allowed without a key, or with this one.
    pub fn authentication(message: impl Into<String>) -> Self {
        Self::of_type("authentication_error", message)
    }

    /// Of a request that asks for what its key does not allow.
    pub fn permission(message: impl Into<String>) -> Self {
        Self::of_type("permission_error", message)
    }

    /// Of a request that comes too soon, or costs too much.
    pub fn rate_limit(message: impl Into<String>) -> Self {
        Self::of_type("rate_limit_error", message)
    }

    /// Of a request that cannot be answered for reasons that are not its own.
    pub fn server(message: impl Into<String>) -> Self {
        Self::of_type("server_error", message)
    }

    fn of_type(r#type: &'static str, message: impl Into<String>) -> Self {
        Self { error: Fields { message: message.into(), r#type, param: None, code: None } }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<Option<&'static str>>) -> Self {
        self.error.param = param.into();
        self
    }

    /// Adds a word that programs can rely on.
    #[must_use]
    pub fn code(mut self, code: impl Into<Option<&'static str>>) -> Self {
        self.error.code = code.into();
        self
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings under string keys are JSON")
    }

    /// What is said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.error.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_openais() {
        let body = ErrorBody::invalid_request("no such model").param("model").code("model_not_found");
        assert_eq!(
            body.to_json(),
            r#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
        );
        assert!(
            ErrorBody::server("oh")
                .to_json()
                .ends_with(r#""type":"server_error","param":null,"code":null}}"#)
        );
    }
}
