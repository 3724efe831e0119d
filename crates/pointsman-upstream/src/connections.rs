//! Connections to providers, kept and shared by all calls.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use pointsman_domain::ProviderName;
use reqwest::{Url, redirect};

use crate::failure::FailurePolicies;

/// How providers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// The same for some providers, which have connections of their own.
    pub connect_timeouts: BTreeMap<ProviderName, Duration>,
    /// How long a connection that nobody uses is kept.
    pub keep_timeout: Duration,
    /// What is done about failures.
    pub failures: FailurePolicies,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            connect_timeouts: BTreeMap::new(),
            keep_timeout: Duration::from_secs(90),
            failures: FailurePolicies::default(),
        }
    }
}

impl ClientOptions {
    /// The options for the connections of each provider that has its own.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&ProviderName, Self)> {
        let own = |limit: &Duration| Self { connect_timeout: *limit, ..self.clone() };
        self.connect_timeouts.iter().map(move |(name, limit)| (name, own(limit)))
    }
}

/// Redirects are not followed. Servers at `https` addresses are reached through the proxy that the environment names, if
/// any; those at `http` addresses directly.
#[derive(Debug)]
pub(crate) struct Connections {
    options: ClientOptions,
    plain: reqwest::Client,
    /// Made when first needed: reading the system's certificates takes time, and fails where there are none.
    secure: OnceLock<Result<reqwest::Client, String>>,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(options: ClientOptions) -> Result<Self, String> {
        install_ring();
        // No certificates: what is not encrypted has none.
        let plain = builder(&options).no_proxy().tls_certs_only([]).build();
        let plain = plain.map_err(|error| error.to_string())?;
        Ok(Self { options, plain, secure: OnceLock::new() })
    }

    /// The client that reaches `url`.
    pub(crate) fn to(&self, url: &Url) -> Result<&reqwest::Client, String> {
        if url.scheme() != "https" {
            return Ok(&self.plain);
        }
        let secure =
            self.secure.get_or_init(|| builder(&self.options).build().map_err(|error| format!("{error:?}")));
        secure.as_ref().map_err(|detail| format!("TLS cannot be set up: {detail}"))
    }
}

fn builder(options: &ClientOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(options.keep_timeout)
}

/// Makes ring the cryptography of rustls in this process, unless it has one.
fn install_ring() {
    let _: Result<(), _> = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_with_a_limit_of_their_own_have_connections_of_their_own() {
        let far = ProviderName::new("far");
        let limit = Duration::from_secs(20);
        let options = ClientOptions {
            connect_timeouts: BTreeMap::from([(far.clone(), limit)]),
            keep_timeout: Duration::from_secs(7),
            ..ClientOptions::default()
        };
        let own: Vec<_> = options.own().collect();
        assert_eq!(own, [(&far, ClientOptions { connect_timeout: limit, ..options.clone() })]);
        assert_eq!(options.connect_timeout, Duration::from_secs(5), "that of the others");
    }
}
