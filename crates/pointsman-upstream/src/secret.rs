//! Keys that must not be seen.

use http::HeaderValue;

/// An API key, ready to be sent. It has no `Display`, and its `Debug` form does not show it.
#[derive(Clone)]
pub(crate) struct ApiKey(HeaderValue);

impl ApiKey {
    /// `None` when the key holds characters that cannot be sent. Space around it, such as the line break of a file,
    /// does not count.
    pub(crate) fn bearer(key: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim())).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The value of the header `authorization`.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
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
        let key = ApiKey::bearer(" sk-planted\n").expect("sendable");
        assert_eq!(key.authorization(), "Bearer sk-planted");
        assert!(!format!("{key:?} {:?}", key.authorization()).contains("planted"));
        assert!(ApiKey::bearer("sk-\nplanted").is_none());
    }
}
