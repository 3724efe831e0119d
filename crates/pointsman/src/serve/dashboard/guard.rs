//! Who may look at the dashboard.
//!
//! It tells what a router does and spends, so it is for whoever runs it. Where the sidecar listens on this machine alone
//! no key is needed; anywhere else there is no dashboard without one. A page of somebody else that has its own name
//! resolved to this machine (DNS rebinding) is told apart by the header `host`, one that merely sends requests here by
//! `sec-fetch-site`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::config::DashboardConfig;
use crate::serve::sidecar::Sidecar;

/// On what conditions the dashboard is shown.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::serve) enum Access {
    /// To nobody: it is off.
    Off,
    /// To whoever asks this machine by one of its own names.
    Loopback,
    /// To whoever has the key.
    Key(Arc<str>),
    /// To nobody, for want of a key; this is what is missing.
    NoKey(String),
}

impl std::fmt::Debug for Access {
    /// The key stays unsaid.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Loopback => "Loopback",
            Self::Key(_) => "Key",
            Self::NoKey(_) => "NoKey",
        })
    }
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What a browser asks the user for.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"pointsman: any name, the key as password\"");

impl Access {
    /// What `config` says for a sidecar that listens at `ip`, with the key that `variable` finds in the environment.
    pub(in crate::serve) fn of(
        config: &DashboardConfig,
        ip: IpAddr,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        match &config.key_env {
            _ if !config.enabled => Self::Off,
            Some(name) => match variable(name).filter(|key| !key.is_empty()) {
                Some(key) => Self::Key(key.into()),
                None => Self::NoKey(format!("the environment variable {name}, which is to hold its key, is not set")),
            },
            None if ip.is_loopback() => Self::Loopback,
            None => Self::NoKey(
                "others than this machine can reach it: name an environment variable with a key, key_env in [dashboard]"
                    .to_owned(),
            ),
        }
    }

    /// Why a request with these headers is refused, if it is.
    fn refuses(&self, headers: &HeaderMap) -> Option<(StatusCode, String)> {
        let forbidden =
            |why: &str| Some((StatusCode::FORBIDDEN, format!("the dashboard is not shown: {why}\n")));
        if headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none") {
            return forbidden("the request comes from another site's page");
        }
        match self {
            Self::Off => Some((
                StatusCode::NOT_FOUND,
                "the dashboard is off: enabled = false in [dashboard]\n".to_owned(),
            )),
            Self::NoKey(missing) => forbidden(missing),
            Self::Key(key) if is_key(headers, key) => None,
            Self::Key(_) => {
                Some((StatusCode::UNAUTHORIZED, "the dashboard wants its key as password\n".to_owned()))
            }
            Self::Loopback
                if [FORWARDED, FORWARDED_FOR, REAL_IP].iter().any(|name| headers.contains_key(name)) =>
            {
                forbidden("the request came through a proxy, so it needs a key: key_env in [dashboard]")
            }
            Self::Loopback if is_own_name(headers) => None,
            Self::Loopback => {
                forbidden("ask for it as localhost or 127.0.0.1, or give it a key: key_env in [dashboard]")
            }
        }
    }
}

/// Lets through who may look, and tells others why not.
pub(super) async fn layer(State(sidecar): State<Arc<Sidecar>>, request: Request, next: Next) -> Response {
    let Some((status, why)) = sidecar.dashboard.refuses(request.headers()) else {
        return next.run(request).await;
    };
    let mut response = (status, why).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// Whether `host` names this machine from within.
fn is_own_name(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    // A port is what follows the last colon, unless that is within the brackets of an IPv6 address.
    let name = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the request brings `key`, as a bearer token or as the password of any user.
fn is_key(headers: &HeaderMap, key: &str) -> bool {
    let Some(given) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else { return false };
    let Some((scheme, credentials)) = given.split_once(' ') else { return false };
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return is_same(credentials.as_bytes(), key.as_bytes());
    }
    let decoded = BASE64_STANDARD.decode(credentials).unwrap_or_default();
    let password = decoded.iter().position(|byte| *byte == b':').map(|colon| &decoded[colon + 1..]);
    scheme.eq_ignore_ascii_case("basic") && password.is_some_and(|password| is_same(password, key.as_bytes()))
}

/// Compares without stopping at the first difference, so that time does not tell how much was right.
fn is_same(given: &[u8], key: &[u8]) -> bool {
    given.len() == key.len() && given.iter().zip(key).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a header");
        pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
    }

    #[test]
    fn away_from_this_machine_there_is_no_dashboard_without_a_key() {
        let (open, keyed) = (
            DashboardConfig::default(),
            DashboardConfig { key_env: Some("KEY".to_owned()), ..DashboardConfig::default() },
        );
        let off = DashboardConfig { enabled: false, ..keyed.clone() };
        let unset = |_: &str| None;
        let set = |name: &str| (name == "KEY").then(|| "secret".to_owned());
        let (here, everywhere) = ("127.0.0.1".parse().expect("valid"), "0.0.0.0".parse().expect("valid"));
        assert_eq!(Access::of(&open, here, unset), Access::Loopback);
        assert_eq!(Access::of(&open, "::1".parse().expect("valid"), unset), Access::Loopback);
        assert!(matches!(Access::of(&open, everywhere, set), Access::NoKey(why) if why.contains("key_env")));
        assert_eq!(Access::of(&keyed, everywhere, set), Access::Key("secret".into()));
        assert_eq!(Access::of(&keyed, here, set), Access::Key("secret".into()));
        assert!(matches!(Access::of(&keyed, here, unset), Access::NoKey(why) if why.contains("KEY")));
        assert!(matches!(Access::of(&keyed, here, |_| Some(String::new())), Access::NoKey(_)), "empty");
        assert_eq!(Access::of(&off, here, set), Access::Off);
        assert!(!format!("{:?}", Access::of(&keyed, here, set)).contains("secret"));
    }

    #[test]
    fn on_this_machine_its_own_names_open_the_dashboard() {
        let status = |pairs: &[(&'static str, &str)]| {
            Access::Loopback.refuses(&headers(pairs)).map_or(200, |(status, _)| status.as_u16())
        };
        for host in ["localhost", "LocalHost:8484", "127.0.0.1:8484", "127.1.2.3", "[::1]:8484", "[::1]"] {
            assert_eq!(status(&[("host", host)]), 200, "{host}");
            assert_eq!(status(&[("host", host), ("sec-fetch-site", "same-origin")]), 200, "{host}");
            assert_eq!(status(&[("host", host), ("sec-fetch-site", "cross-site")]), 403, "{host}");
            assert_eq!(status(&[("host", host), ("x-forwarded-for", "10.0.0.1")]), 403, "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8484", "10.0.0.1:8484", "", "127.0.0.1.evil.example"]
        {
            assert_eq!(status(&[("host", host)]), 403, "{host}");
        }
        assert_eq!(status(&[]), 403);
        assert_eq!(
            Access::Off.refuses(&headers(&[("host", "localhost")])).map(|no| no.0.as_u16()),
            Some(404)
        );
    }

    #[test]
    fn a_key_opens_as_password_or_bearer_token() {
        let access = Access::Key("se:cret".into());
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for (value, opens) in [
            (basic("anybody:se:cret"), true),
            (basic(":se:cret"), true),
            ("Bearer se:cret".to_owned(), true),
            ("bearer se:cret".to_owned(), true),
            (basic("se:cret"), false),
            (basic("anybody:se:cre"), false),
            ("Bearer ".to_owned(), false),
            ("Basic %%%".to_owned(), false),
            ("se:cret".to_owned(), false),
        ] {
            let refused = access.refuses(&headers(&[("authorization", &value)]));
            assert_eq!(refused.map(|no| no.0.as_u16()), (!opens).then_some(401), "{value}");
        }
        assert_eq!(access.refuses(&headers(&[])).map(|no| no.0.as_u16()), Some(401));
        let other_site = headers(&[("authorization", "Bearer se:cret"), ("sec-fetch-site", "cross-site")]);
        assert_eq!(access.refuses(&other_site).map(|no| no.0.as_u16()), Some(403));
    }
}
