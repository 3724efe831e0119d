//! Which headers pass from one side to the other.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, ETAG,
    EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

/// Headers that concern one connection alone (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers of a request that are set anew for the provider, or that are between the client and us: a client's
/// credentials never reach a provider.
const NOT_FORWARDED: [HeaderName; 7] = [
    HOST,
    CONTENT_LENGTH,
    EXPECT,
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
];

/// The headers of a client's request that a provider gets, with a wish for a body that can be read: what is compressed cannot be
/// looked into for its usage, for errors and for its end.
pub(crate) fn of_request(headers: &HeaderMap) -> HeaderMap {
    let wanted =
        |name: &HeaderName| !NOT_FORWARDED.contains(name) && !name.as_str().starts_with("x-pointsman-");
    let mut kept = passing(headers, wanted);
    kept.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    kept
}

/// The headers of a provider's reply that a client gets. Cookies are between the provider and us.
pub(crate) fn of_reply(headers: &HeaderMap) -> HeaderMap {
    passing(headers, |name| *name != SET_COOKIE)
}

/// The headers of a client's request that a provider of another dialect gets: those that are not about the dialect, and
/// a wish for a body that can be read.
pub(crate) fn of_translated_request(headers: &HeaderMap) -> HeaderMap {
    const KEPT: [&str; 4] = ["user-agent", "x-request-id", "traceparent", "tracestate"];
    let mut kept = passing(headers, |name| KEPT.contains(&name.as_str()));
    kept.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    kept
}

/// The headers of a provider's reply that go with its translation. `request_id` is how the client's dialect calls the
/// id of a request.
pub(crate) fn of_translated_reply(mut headers: HeaderMap, request_id: HeaderName) -> HeaderMap {
    let ids = ["request-id", "x-request-id", "x-amzn-requestid"].map(HeaderName::from_static);
    let id = ids.into_iter().find_map(|name| headers.remove(name));
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING, ETAG] {
        headers.remove(name);
    }
    if let Some(id) = id {
        headers.insert(request_id, id);
    }
    headers
}

fn passing(headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let named: Vec<HeaderName> = headers.get_all(CONNECTION).iter().flat_map(connection_options).collect();
    headers
        .iter()
        .filter(|(name, _)| !HOP_BY_HOP.contains(name) && !named.contains(name) && wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The headers that a header `connection` lists.
fn connection_options(value: &HeaderValue) -> Vec<HeaderName> {
    let names = value.to_str().unwrap_or_default().split(',');
    names.filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_request_keeps_what_is_meant_for_the_provider() {
        let sent = map(&[
            ("host", "localhost"),
            ("connection", "keep-alive, X-Private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("authorization", "Bearer client"),
            ("x-api-key", "client"),
            ("cookie", "a=b"),
            ("expect", "100-continue"),
            ("x-pointsman-anything", "1"),
            ("accept-encoding", "gzip"),
            ("openai-organization", "org"),
            ("user-agent", "test"),
        ]);
        let expected =
            map(&[("accept-encoding", "identity"), ("openai-organization", "org"), ("user-agent", "test")]);
        assert_eq!(of_request(&sent), expected);
    }

    #[test]
    fn a_translated_request_and_its_reply_keep_what_is_of_no_dialect() {
        let sent = map(&[
            ("user-agent", "test"),
            ("traceparent", "00-1"),
            ("openai-organization", "org"),
            ("anthropic-beta", "b"),
            ("x-api-key", "client"),
            ("accept-encoding", "gzip"),
            ("content-type", "application/json; charset=utf-8"),
        ]);
        let expected =
            map(&[("user-agent", "test"), ("traceparent", "00-1"), ("accept-encoding", "identity")]);
        assert_eq!(of_translated_request(&sent), expected);
        let came = map(&[("request-id", "r"), ("content-length", "9"), ("retry-after", "2")]);
        let expected = map(&[("x-request-id", "r"), ("retry-after", "2")]);
        assert_eq!(of_translated_reply(came, HeaderName::from_static("x-request-id")), expected);
        let came = map(&[("x-amzn-requestid", "r")]);
        let expected = map(&[("request-id", "r")]);
        assert_eq!(of_translated_reply(came, HeaderName::from_static("request-id")), expected);
    }

    #[test]
    fn a_reply_keeps_all_but_its_connection_and_cookies() {
        let mut sent = map(&[
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "session"),
            ("content-encoding", "gzip"),
            ("content-length", "12"),
            ("x-request-id", "req_1"),
        ]);
        sent.append("vary", HeaderValue::from_static("a"));
        sent.append("vary", HeaderValue::from_static("b"));
        let passed = of_reply(&sent);
        assert_eq!(passed.len(), 5);
        assert_eq!(passed.get_all("vary").iter().count(), 2);
        assert!(
            ["content-encoding", "content-length", "x-request-id"].iter().all(|h| passed.contains_key(*h))
        );
    }
}
