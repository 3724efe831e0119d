//! Connections to providers, kept and shared by all calls.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Url, redirect};

use crate::failure::FailurePolicies;

/// How providers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection that nobody uses is kept.
    pub keep_timeout: Duration,
    /// What is done about failures.
    pub failures: FailurePolicies,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            keep_timeout: Duration::from_secs(90),
            failures: FailurePolicies::default(),
        }
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
