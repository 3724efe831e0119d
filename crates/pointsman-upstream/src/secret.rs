//! Keys that must not be seen.

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};

/// An API key, ready to be sent. It has no `Display`, and its `Debug` form does not show it.
#[derive(Clone)]
pub(crate) struct ApiKey {
    header: HeaderName,
    value: HeaderValue,
}

impl ApiKey {
    /// A key for `authorization`. `None` when it holds characters that cannot be sent. Space around it, such as the
    /// line break of a file, does not count.
    pub(crate) fn bearer(key: &str) -> Option<Self> {
        Self::new(AUTHORIZATION, &format!("Bearer {}", key.trim()))
    }

    /// A key for Anthropic's `x-api-key`, likewise.
    pub(crate) fn x_api_key(key: &str) -> Option<Self> {
        Self::new(HeaderName::from_static("x-api-key"), key.trim())
    }

    /// A key for Azure's `api-key`, likewise.
    pub(crate) fn azure(key: &str) -> Option<Self> {
        Self::new(HeaderName::from_static("api-key"), key.trim())
    }

    fn new(header: HeaderName, text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self { header, value })
    }

    /// The header that carries it.
    pub(crate) fn header(&self) -> (HeaderName, HeaderValue) {
        (self.header.clone(), self.value.clone())
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_show() {
        for (in_header, header, value) in [
            (ApiKey::bearer as fn(&str) -> Option<ApiKey>, "authorization", "Bearer sk-planted"),
            (ApiKey::x_api_key, "x-api-key", "sk-planted"),
            (ApiKey::azure, "api-key", "sk-planted"),
        ] {
            let key = in_header(" sk-planted\n").expect("sendable");
            assert_eq!((key.header().0.as_str(), key.header().1.as_bytes()), (header, value.as_bytes()));
            assert!(!format!("{key:?} {:?}", key.header()).contains("planted"));
            assert!(in_header("sk-\nplanted").is_none());
        }
    }
}
