//! Sending requests to providers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use pointsman_domain::{ModelId, ProviderName};
use reqwest::Url;
use serde::Deserialize;
use tokio::time::Instant;

use crate::bedrock::AccessError;
use crate::body::RequestBody;
use crate::connections::{ClientOptions, Connections};
use crate::demo;
use crate::dialect::{Dialect, Lossy, ProviderDialect, Recipient, openai_responses};
use crate::error::{ErrorKind, UpstreamError};
use crate::failure::{self, Breakers, FailurePolicies, RetryBudget};
use crate::headers;
use crate::provider::Provider;
use crate::ready::{BuildError, Ready};
use crate::reply::Reply;
use crate::secret::ApiKey;
use crate::translation::{LOSSY, Translation};

/// The version of Anthropic's API that is asked for when the client names none.
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// What a client wants to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A reply.
    Reply,
    /// Embeddings of texts, in OpenAI's form.
    Embeddings,
}

/// One request that a client made, for whichever provider gets it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What it asks for.
    pub wanted: Wanted,
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
    /// The table that chose whom to ask; nothing if the client did.
    pub table: Option<&'a str>,
    /// What the demo provider says about why it was asked; may be empty.
    pub about: &'a str,
    /// The clock, for signatures, which are good for minutes.
    pub now: fn() -> SystemTime,
    /// When nobody waits for the end of the reply any more.
    pub deadline: Instant,
}

/// Calls providers. Connections are kept and shared by all calls.
///
/// Redirects are not followed. Servers at `https` addresses are
/// reached through the proxy that the environment names, if any; those at `http` addresses directly.
#[derive(Debug)]
pub struct Client {
    providers: BTreeMap<ProviderName, Ready>,
    failures: FailurePolicies,
    breakers: Breakers,
    budget: RetryBudget,
}

/// A request in its provider's dialect.
#[derive(Debug)]
struct Outgoing {
    headers: HeaderMap,
    body: Bytes,
    /// Whether the reply is to be a stream.
    stream: bool,
}

impl Client {
    /// A client of `providers`, with keys and credentials from `environment`.
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
        let failures = options.failures.clone();
        let own = options.own().map(|(name, options)| Ok((name.clone(), connect(options)?)));
        let own: BTreeMap<_, _> = own.collect::<Result<_, BuildError>>()?;
        let shared = connect(options)?;
        let ready = |(name, provider)| {
            let connections = own.get(&name).unwrap_or(&shared);
            let ready = Ready::new(&name, provider, &environment, connections)?;
            Ok((name, ready))
        };
        let providers = providers.into_iter().map(ready).collect::<Result<_, BuildError>>()?;
        let (breakers, budget) =
            (Breakers::new(failures.clone()), RetryBudget::new(failures.usual.retry_percent));
        Ok(Self { providers, failures, breakers, budget })
    }

    /// What is done about failures.
    #[must_use]
    pub fn failures(&self) -> &FailurePolicies {
        &self.failures
    }

    /// Which models are left alone.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    /// How many retries are left.
    #[must_use]
    pub fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Whether there is a provider of that name.
    #[must_use]
    pub fn knows(&self, provider: &ProviderName) -> bool {
        self.providers.contains_key(provider)
    }

    /// The provider of that name.
    #[must_use]
    pub fn provider(&self, name: &ProviderName) -> Option<&Provider> {
        self.providers.get(name).map(|ready| &ready.provider)
    }

    /// The providers' names.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.providers.keys()
    }

    /// What the user has to set before `provider` can be called, such as a key; `None` if nothing is known to be missing.
    #[must_use]
    pub fn missing(&self, provider: &ProviderName) -> Option<String> {
        self.providers.get(provider)?.missing()
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
        if call.wanted == Wanted::Embeddings {
            return self.embed(target, ready, &call).await;
        }
        let path = path_of(call.dialect);
        if ready.provider.speaks(call.dialect, target.model()) {
            let (outgoing, lossy) = call.as_it_came(target).without_foreign_thoughts(call.dialect);
            let mut reply = self.send(target, ready, path, &call, outgoing).await?;
            reply.headers.extend(lossy.header().map(|paths| (LOSSY, paths)));
            return Ok(reply);
        }
        let recipient = Recipient {
            dialect: ready.provider.dialect(target.model()),
            model: target.model(),
            is_openai: ready.provider.is_openai(),
        };
        let path = match recipient.dialect {
            ProviderDialect::OpenAiResponses => "responses",
            _ => "chat/completions",
        };
        let name = target.provider();
        let (body, translation) = Translation::of_request(&call, recipient)
            .map_err(|error| UpstreamError::new(ErrorKind::Untranslatable, name, error.to_string()))?;
        let headers = headers::of_translated_request(call.headers);
        let outgoing = Outgoing { headers, body, stream: translation.is_stream() };
        let reply = self.send(target, ready, path, &call, outgoing).await?;
        translation.of_reply(reply, name).await
    }

    /// Has `target` compute embeddings, if its provider does that in OpenAI's form.
    async fn embed(&self, target: &ModelId, ready: &Ready, call: &Call<'_>) -> Result<Reply, UpstreamError> {
        match &ready.provider {
            Provider::OpenAi(_) | Provider::Azure { .. } => {
                self.send(target, ready, "embeddings", call, call.as_it_came(target)).await
            }
            Provider::Demo | Provider::Anthropic(_) | Provider::Bedrock(_) => {
                let detail = "it has no embeddings in OpenAI's form: name a model of OpenAI, Azure or a server that \
                              speaks OpenAI's API";
                Err(UpstreamError::new(ErrorKind::Untranslatable, target.provider(), detail))
            }
        }
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
            Ok(ready @ Ready { provider: Provider::Anthropic(endpoint), .. })
                if call.dialect == Dialect::Anthropic =>
            {
                let url = endpoint.base_url.join_versioned("messages/count_tokens");
                Some(self.post(target, ready, url, &call, call.as_it_came(target)).await)
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Asks `provider` whether it is there, which any answer but an error of its own shows; `None` if it cannot be asked
    /// without asking a model.
    ///
    /// # Errors
    /// When there is no answer within `limit`, or its status is 500 or above.
    pub async fn probe(&self, provider: &ProviderName, limit: Duration) -> Option<Result<(), UpstreamError>> {
        let ready = self.providers.get(provider)?;
        let url = match &ready.provider {
            Provider::Demo | Provider::Bedrock(_) => return None,
            Provider::OpenAi(endpoint) => endpoint.base_url.join("models"),
            Provider::Anthropic(endpoint) => endpoint.base_url.join_versioned("models"),
            Provider::Azure { endpoint, .. } => endpoint.base_url.azure("", "models", None),
        };
        let mut headers = HeaderMap::from_iter([ANTHROPIC_VERSION]);
        headers.extend(ready.key.as_ref().map(ApiKey::header));
        Some(see((provider, ready), url, headers, limit).await)
    }

    fn ready(&self, target: &ModelId) -> Result<&Ready, UpstreamError> {
        let name = target.provider();
        self.providers.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.providers.keys().map(ProviderName::as_str).collect();
            let detail = format!("known providers: {}", known.join(", "));
            UpstreamError::new(ErrorKind::UnknownProvider, name, detail)
        })
    }

    /// Sends a request that is in the provider's dialect; `path` is where, in APIs of OpenAI's form.
    async fn send(
        &self,
        target: &ModelId,
        ready: &Ready,
        path: &str,
        call: &Call<'_>,
        outgoing: Outgoing,
    ) -> Result<Reply, UpstreamError> {
        match &ready.provider {
            Provider::Demo => Ok(demo::chat_completion(target.model(), &outgoing.body, call)),
            Provider::OpenAi(endpoint) => {
                let url = endpoint.base_url.join(path);
                self.post(target, ready, url, call, outgoing).await
            }
            Provider::Azure { endpoint, api_version, .. } => {
                let url = endpoint.base_url.azure(target.model(), path, api_version.as_deref());
                self.post(target, ready, url, call, outgoing).await
            }
            Provider::Anthropic(endpoint) => {
                let url = endpoint.base_url.join_versioned("messages");
                self.post(target, ready, url, call, outgoing).await
            }
            Provider::Bedrock(_) => self.converse(target, ready, call, outgoing).await,
        }
    }

    /// Sends a request with the provider's key.
    async fn post(
        &self,
        target: &ModelId,
        ready: &Ready,
        url: Url,
        call: &Call<'_>,
        outgoing: Outgoing,
    ) -> Result<Reply, UpstreamError> {
        let name = target.provider();
        if let Some(missing) = ready.missing() {
            return Err(UpstreamError::new(ErrorKind::MissingKey, name, missing));
        }
        let Outgoing { mut headers, body, stream } = outgoing;
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        if matches!(ready.provider, Provider::Anthropic(_)) {
            let (version, default) = ANTHROPIC_VERSION;
            headers.entry(version).or_insert(default);
        }
        if let Some(entra) = &ready.entra {
            let token = entra.authorization((call.now)()).await;
            headers.insert(
                AUTHORIZATION,
                token.map_err(|why| UpstreamError::new(ErrorKind::MissingKey, name, why))?,
            );
        } else if let Some(key) = &ready.key {
            let (name, value) = key.header();
            headers.insert(name, value);
        }
        self.execute((target, ready), url, call, Outgoing { headers, body, stream }).await
    }

    /// Sends a request with Bedrock's key or a signature.
    async fn converse(
        &self,
        target: &ModelId,
        ready: &Ready,
        call: &Call<'_>,
        outgoing: Outgoing,
    ) -> Result<Reply, UpstreamError> {
        let name = target.provider();
        let failed = |error: AccessError| match error {
            AccessError::Missing(detail) => UpstreamError::new(ErrorKind::MissingKey, name, detail),
            AccessError::Unsigned(detail) => UpstreamError::new(ErrorKind::Setup, name, detail),
        };
        let Some(access) = &ready.bedrock else {
            return Err(UpstreamError::new(ErrorKind::Setup, name, "it is not set up"));
        };
        let Outgoing { mut headers, body, stream } = outgoing;
        let url = access.url(target.model(), stream).map_err(failed)?;
        access.authorize(&url, &mut headers, &body, (call.now)()).await.map_err(failed)?;
        self.execute((target, ready), url, call, Outgoing { headers, body, stream }).await
    }

    /// Sends a request that holds all it needs, and waits for the head of the reply.
    async fn execute(
        &self,
        (target, ready): (&ModelId, &Ready),
        url: Url,
        call: &Call<'_>,
        outgoing: Outgoing,
    ) -> Result<Reply, UpstreamError> {
        let (name, policy) = (target.provider(), self.failures.of(call.table, target));
        let http = ready.http(&url, name)?;
        let request = http.post(url).headers(outgoing.headers).body(outgoing.body);
        let limit = if outgoing.stream { policy.first_byte_timeout } else { policy.reply_timeout };
        let sent = async { request.send().await.map_err(|error| UpstreamError::sending(error, name)) };
        let response = failure::head(sent, limit, call.deadline, name).await?;
        let (status, headers) = (response.status(), headers::of_reply(response.headers()));
        let whose = name.clone();
        let body = response.bytes_stream().map_err(move |error| UpstreamError::receiving(error, &whose));
        let body = failure::timed(body.boxed(), policy.idle_timeout, call.deadline, name);
        Ok(Reply { status, headers, body, tells_of_its_end: false })
    }
}

/// Connections that are made as `options` say.
fn connect(options: ClientOptions) -> Result<Arc<Connections>, BuildError> {
    Connections::new(options).map(Arc::new).map_err(|detail| BuildError::Client { detail })
}

/// Asks for `url` of a provider.
async fn see(
    (name, ready): (&ProviderName, &Ready),
    url: Url,
    headers: HeaderMap,
    limit: Duration,
) -> Result<(), UpstreamError> {
    let http = ready.http(&url, name)?;
    let request = http.get(url).headers(headers);
    let sent = async { request.send().await.map_err(|error| UpstreamError::sending(error, name)) };
    let status = failure::head(sent, limit, Instant::now() + limit, name).await?.status();
    if status.is_server_error() {
        let detail = format!("status {}", status.as_u16());
        return Err(UpstreamError::new(ErrorKind::NoReply, name, detail));
    }
    Ok(())
}

/// Where requests of `dialect` go, in APIs of OpenAI's form.
fn path_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiResponses => "responses",
        Dialect::OpenAiCompletions => "completions",
        Dialect::OpenAiChat | Dialect::Anthropic => "chat/completions",
    }
}

impl Outgoing {
    /// The same without what models of other providers thought, which OpenAI would refuse, and what that was.
    fn without_foreign_thoughts(self, dialect: Dialect) -> (Self, Lossy) {
        let rest = match dialect {
            Dialect::OpenAiResponses => openai_responses::without_foreign(&self.body),
            _ => None,
        };
        match rest {
            Some((body, lossy)) => (Self { body, ..self }, lossy),
            None => (self, Lossy::new()),
        }
    }
}

/// What a body says of how it wants to be answered, in every dialect of clients.
#[derive(Deserialize)]
struct Wish {
    stream: Option<bool>,
}

impl Call<'_> {
    /// The request as it came, but for the model's name.
    fn as_it_came(&self, target: &ModelId) -> Outgoing {
        let body = self.body.with_model(target.model());
        let stream = serde_json::from_slice(&body).is_ok_and(|wish: Wish| wish.stream == Some(true));
        Outgoing { headers: headers::of_request(self.headers), body, stream }
    }
}
