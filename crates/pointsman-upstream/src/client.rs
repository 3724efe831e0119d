//! Sending requests to providers.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use pointsman_domain::{ModelId, ProviderName};
use reqwest::{Url, redirect};

use crate::body::RequestBody;
use crate::demo;
use crate::dialect::{Dialect, Recipient};
use crate::error::{ErrorKind, UpstreamError};
use crate::headers;
use crate::provider::{Endpoint, Provider};
use crate::reply::Reply;
use crate::secret::ApiKey;
use crate::translation::Translation;

/// The version of Anthropic's API that is asked for when the client names none.
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// How providers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection that nobody uses is kept.
    pub idle_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), idle_timeout: Duration::from_secs(90) }
    }
}

/// One request that a client made, for whichever provider gets it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// How the client speaks, and wants to be answered.
    pub dialect: Dialect,
    /// The headers that came with it. Credentials and those of the client's connection are not passed on.
    pub headers: &'a HeaderMap,
    /// The body that came with it.
    pub body: &'a RequestBody,
    /// What identifies the request in this process.
    pub request_id: &'a str,
    /// When it came, in seconds since the start of 1970 (UTC).
    pub received_unix_s: u64,
    /// What the demo provider says about why it was asked; may be empty.
    pub about: &'a str,
}

/// Calls providers. Connections are kept and shared by all calls.
///
/// Redirects are not followed, and there is no limit on how long a reply may take. Servers at `https` addresses are
/// reached through the proxy that the environment names, if any; those at `http` addresses directly.
#[derive(Debug)]
pub struct Client {
    providers: BTreeMap<ProviderName, Ready>,
    options: ClientOptions,
    plain: reqwest::Client,
    /// Made when first needed: reading the system's certificates takes time, and fails where there are none.
    secure: OnceLock<Result<reqwest::Client, String>>,
}

/// A provider with its key.
#[derive(Debug)]
struct Ready {
    provider: Provider,
    key: Option<ApiKey>,
}

impl Client {
    /// A client of `providers`, with keys from `environment`.
    ///
    /// A variable that is not set, or is blank, is no error here: calls to that provider are
    /// ([`ErrorKind::MissingKey`]).
    ///
    /// # Errors
    /// When a key holds characters that no header can carry, or no client can be set up.
    pub fn new(
        providers: impl IntoIterator<Item = (ProviderName, Provider)>,
        environment: impl Fn(&str) -> Option<String>,
        options: ClientOptions,
    ) -> Result<Self, BuildError> {
        let with_key = |(name, provider)| {
            let key = read_key(&name, &provider, &environment)?;
            Ok((name, Ready { provider, key }))
        };
        let providers = providers.into_iter().map(with_key).collect::<Result<_, BuildError>>()?;
        install_ring();
        // No certificates: what is not encrypted has none.
        let plain = builder(&options).no_proxy().tls_certs_only([]);
        let plain = plain.build().map_err(|error| BuildError::Client { detail: error.to_string() })?;
        Ok(Self { providers, options, plain, secure: OnceLock::new() })
    }

    /// Whether there is a provider of that name.
    #[must_use]
    pub fn knows(&self, provider: &ProviderName) -> bool {
        self.providers.contains_key(provider)
    }

    /// The providers' names.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.providers.keys()
    }

    /// The environment variable that `provider` needs and that is not set, if that is so.
    #[must_use]
    pub fn missing_key(&self, provider: &ProviderName) -> Option<&str> {
        let ready = self.providers.get(provider).filter(|ready| ready.key.is_none())?;
        ready.provider.endpoint()?.api_key_env.as_deref()
    }

    /// Sends a chat to `target` and returns its reply as soon as the head has come, whatever the status.
    ///
    /// A request in the provider's own dialect goes through byte for byte but for the model's name, and so does its
    /// reply. Any other is translated; then a reply that is not streamed is read to its end first, and the header
    /// `x-pointsman-lossy` names what could not be carried over. Dropping the future, or the reply, ends the call.
    ///
    /// # Errors
    /// When there is no reply at all, or the request would mean something else in the provider's dialect.
    pub async fn chat(&self, target: &ModelId, call: Call<'_>) -> Result<Reply, UpstreamError> {
        let ready = self.ready(target)?;
        let recipient = Recipient {
            dialect: ready.provider.dialect(),
            model: target.model(),
            is_openai: ready.provider.is_openai(),
        };
        if recipient.dialect == call.dialect {
            return self.send(target, ready, &call).await;
        }
        let name = target.provider();
        let (body, translation) = Translation::of_request(&call, recipient)
            .map_err(|error| UpstreamError::new(ErrorKind::Untranslatable, name, error.to_string()))?;
        let headers = headers::of_translated_request(call.headers);
        let translated = Call { dialect: recipient.dialect, headers: &headers, body: &body, ..call };
        let reply = self.send(target, ready, &translated).await?;
        translation.of_reply(reply, name).await
    }

    /// Has `target` count the tokens of a request in Anthropic's dialect; `None` if its provider does not count.
    ///
    /// # Errors
    /// When there is no reply at all.
    pub async fn count_tokens(
        &self,
        target: &ModelId,
        call: Call<'_>,
    ) -> Option<Result<Reply, UpstreamError>> {
        match self.ready(target) {
            Ok(Ready { provider: Provider::Anthropic(endpoint), .. })
                if call.dialect == Dialect::Anthropic =>
            {
                let url = endpoint.base_url.join_versioned("messages/count_tokens");
                Some(self.post(target, url, &call).await)
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn ready(&self, target: &ModelId) -> Result<&Ready, UpstreamError> {
        let name = target.provider();
        self.providers.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.providers.keys().map(ProviderName::as_str).collect();
            let detail = format!("known providers: {}", known.join(", "));
            UpstreamError::new(ErrorKind::UnknownProvider, name, detail)
        })
    }

    /// Sends a chat that is in the provider's dialect.
    async fn send(&self, target: &ModelId, ready: &Ready, call: &Call<'_>) -> Result<Reply, UpstreamError> {
        match &ready.provider {
            Provider::Demo => Ok(demo::chat_completion(target.model(), call)),
            Provider::OpenAi(endpoint) => {
                self.post(target, endpoint.base_url.join("chat/completions"), call).await
            }
            Provider::Azure { endpoint, api_version } => {
                let url = endpoint.base_url.azure_chat(target.model(), api_version.as_deref());
                self.post(target, url, call).await
            }
            Provider::Anthropic(endpoint) => {
                self.post(target, endpoint.base_url.join_versioned("messages"), call).await
            }
        }
    }

    async fn post(&self, target: &ModelId, url: Url, call: &Call<'_>) -> Result<Reply, UpstreamError> {
        let name = target.provider();
        let ready = self.ready(target)?;
        if let Some(variable) = self.missing_key(name) {
            let detail = format!("set {variable} in the environment that pointsman is started in");
            return Err(UpstreamError::new(ErrorKind::MissingKey, name, detail));
        }
        let mut headers = headers::of_request(call.headers);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        if call.dialect == Dialect::Anthropic {
            let (version, default) = ANTHROPIC_VERSION;
            headers.entry(version).or_insert(default);
        }
        if let Some(key) = &ready.key {
            let (name, value) = key.header();
            headers.insert(name, value);
        }
        let body = call.body.with_model(target.model());
        let request = self.http(name, &url)?.post(url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| UpstreamError::sending(error, name))?;
        let (status, headers) = (response.status(), headers::of_reply(response.headers()));
        let name = name.clone();
        let body = response.bytes_stream().map_err(move |error| UpstreamError::receiving(error, &name));
        Ok(Reply { status, headers, body: body.boxed(), tells_of_its_end: false })
    }

    fn http(&self, name: &ProviderName, url: &Url) -> Result<&reqwest::Client, UpstreamError> {
        if url.scheme() != "https" {
            return Ok(&self.plain);
        }
        let secure =
            self.secure.get_or_init(|| builder(&self.options).build().map_err(|error| format!("{error:?}")));
        secure.as_ref().map_err(|detail| {
            UpstreamError::new(ErrorKind::Setup, name, format!("TLS cannot be set up: {detail}"))
        })
    }
}

fn builder(options: &ClientOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(options.idle_timeout)
}

/// Makes ring the cryptography of rustls in this process, unless it has one.
fn install_ring() {
    let _: Result<(), _> = rustls::crypto::ring::default_provider().install_default();
}

fn read_key(
    name: &ProviderName,
    provider: &Provider,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<Option<ApiKey>, BuildError> {
    let Some(Endpoint { api_key_env: Some(variable), .. }) = provider.endpoint() else {
        return Ok(None);
    };
    let in_header = match provider {
        Provider::Demo | Provider::OpenAi(_) => ApiKey::bearer,
        Provider::Anthropic(_) => ApiKey::x_api_key,
        Provider::Azure { .. } => ApiKey::azure,
    };
    match environment(variable).filter(|key| !key.trim().is_empty()) {
        None => Ok(None),
        Some(key) => in_header(&key)
            .map(Some)
            .ok_or_else(|| BuildError::Key { provider: name.clone(), variable: variable.clone() }),
    }
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A key cannot be sent.
    #[error(
        "provider `{provider}`: the key in {variable} holds characters that no header can carry; check how it was set"
    )]
    Key {
        /// The provider.
        provider: ProviderName,
        /// The environment variable.
        variable: String,
    },
    /// There is no HTTP client.
    #[error("no HTTP client can be set up: {detail}")]
    Client {
        /// What the HTTP library says.
        detail: String,
    },
}
