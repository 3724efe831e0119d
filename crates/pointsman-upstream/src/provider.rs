//! Who can be asked for a reply, and where.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use pointsman_domain::nearest;
use reqwest::Url;

use crate::azure::AzureAuth;
use crate::bedrock::Bedrock;
use crate::dialect::{Dialect, ProviderDialect};

/// A provider that is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// Answers on its own, without a network, for trying things out.
    Demo,
    /// Speaks OpenAI's API.
    OpenAi(Endpoint),
    /// Speaks Anthropic's API.
    Anthropic(Endpoint),
    /// OpenAI's models at Azure.
    Azure {
        /// The resource, such as `https://NAME.openai.azure.com`.
        endpoint: Endpoint,
        /// The version of the API that has an address for each deployment; without one, the v1 API is spoken.
        api_version: Option<String>,
        /// How it is told who asks.
        auth: AzureAuth,
    },
    /// Amazon Bedrock.
    Bedrock(Bedrock),
}

/// Where an API is, and which key opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address that paths such as `/chat/completions` are added to; at Anthropic's API with or without `/v1`.
    pub base_url: BaseUrl,
    /// The environment variable with the key; without one, requests carry no key.
    pub api_key_env: Option<String>,
    /// Whether OpenAI's Responses are spoken there, too; OpenAI itself speaks them in any case.
    pub responses: bool,
}

impl Provider {
    /// The providers that need no section in the configuration, by name.
    #[must_use]
    pub fn built_in() -> [(&'static str, Self); 4] {
        [
            ("demo", Self::Demo),
            ("openai", Self::OpenAi(Endpoint::openai())),
            ("anthropic", Self::Anthropic(Endpoint::anthropic())),
            ("bedrock", Self::Bedrock(Bedrock::default())),
        ]
    }

    /// Whether a request of `dialect` for `model` needs no translation.
    pub(crate) fn speaks(&self, dialect: Dialect, model: &str) -> bool {
        match (self, dialect) {
            (Self::Demo, _) => dialect == Dialect::OpenAiChat,
            (Self::OpenAi(_) | Self::Azure { .. }, Dialect::OpenAiChat) => !self.needs_responses(model),
            (Self::OpenAi(endpoint), Dialect::OpenAiResponses) => {
                endpoint.responses || endpoint.base_url.is_openai()
            }
            (Self::Azure { endpoint, api_version, .. }, Dialect::OpenAiResponses) => {
                endpoint.base_url.is_azure_v1(api_version.as_deref())
            }
            // Few models of OpenAI's still complete texts; other servers do so with any.
            (Self::OpenAi(endpoint), Dialect::OpenAiCompletions) => {
                !endpoint.base_url.is_openai() || completes_texts(model)
            }
            (Self::Anthropic(_), _) => dialect == Dialect::Anthropic,
            _ => false,
        }
    }

    /// Whether it speaks of `model` in Responses alone.
    fn needs_responses(&self, model: &str) -> bool {
        self.is_openai() && self.speaks(Dialect::OpenAiResponses, model) && only_responds(model)
    }

    /// How it is spoken to about `model` when a request is translated for it.
    #[must_use]
    pub(crate) fn dialect(&self, model: &str) -> ProviderDialect {
        match self {
            Self::OpenAi(_) | Self::Azure { .. } if self.needs_responses(model) => {
                ProviderDialect::OpenAiResponses
            }
            Self::Demo | Self::OpenAi(_) | Self::Azure { .. } => ProviderDialect::OpenAiChat,
            Self::Anthropic(_) => ProviderDialect::Anthropic,
            Self::Bedrock(_) => ProviderDialect::Converse,
        }
    }

    /// The environment variable with its key, if it may have one.
    #[must_use]
    pub fn api_key_env(&self) -> Option<&str> {
        match self {
            Self::Bedrock(bedrock) => Some(bedrock.api_key_env()),
            _ => self.endpoint()?.api_key_env.as_deref(),
        }
    }

    /// Whether it is this process or another one on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Demo => true,
            Self::Bedrock(_) => false,
            _ => self.endpoint().is_some_and(|endpoint| endpoint.base_url.is_loopback()),
        }
    }

    /// Where it is and which key opens it, if it is elsewhere and its address does not depend on a region.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Demo | Self::Bedrock(_) => None,
            Self::OpenAi(endpoint) | Self::Anthropic(endpoint) | Self::Azure { endpoint, .. } => {
                Some(endpoint)
            }
        }
    }

    /// The name under which public price lists have it, if it is a seller that they have. What counts is whose API is
    /// called, not what the configuration calls it.
    #[must_use]
    pub fn listed_as(&self) -> Option<&'static str> {
        match self {
            Self::Demo => None,
            Self::OpenAi(endpoint) | Self::Anthropic(endpoint) => endpoint.base_url.seller(),
            Self::Azure { .. } => Some("azure"),
            Self::Bedrock(_) => Some("bedrock"),
        }
    }

    /// Whether the models are OpenAI's, served by OpenAI or Azure.
    pub(crate) fn is_openai(&self) -> bool {
        match self {
            Self::OpenAi(endpoint) => endpoint.base_url.is_openai(),
            Self::Azure { .. } => true,
            Self::Demo | Self::Anthropic(_) | Self::Bedrock(_) => false,
        }
    }
}

/// Whether OpenAI serves `model` through its Responses alone, by its list of models: those that think longest, those for
/// research and those made for its coding agent.
fn only_responds(model: &str) -> bool {
    let is_version = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = model.split('-').filter(|word| !is_version(word));
    let first = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let thinks = first.starts_with('o') || (first == "gpt");
    (thinks && rest.contains(&"pro"))
        || rest.contains(&"codex")
        || first == "codex"
        || (rest.contains(&"deep") && rest.contains(&"research"))
        || model.starts_with("computer-use")
}

/// Whether OpenAI's `model` takes a text to be completed.
fn completes_texts(model: &str) -> bool {
    model.contains("instruct") || model.starts_with("davinci-") || model.starts_with("babbage-")
}

impl Endpoint {
    /// OpenAI's own.
    #[must_use]
    pub fn openai() -> Self {
        let url = Url::parse("https://api.openai.com/v1").expect("a constant that the tests parse");
        Self { base_url: BaseUrl(url), api_key_env: Some("OPENAI_API_KEY".to_owned()), responses: true }
    }

    /// Anthropic's own.
    #[must_use]
    pub fn anthropic() -> Self {
        let url = Url::parse("https://api.anthropic.com").expect("a constant that the tests parse");
        Self { base_url: BaseUrl(url), api_key_env: Some("ANTHROPIC_API_KEY".to_owned()), responses: false }
    }
}

/// What a provider speaks, as the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI itself.
    OpenAi,
    /// A server that speaks OpenAI's API: vLLM, Ollama, llama.cpp, LM Studio and others.
    OpenAiCompatible,
    /// Anthropic, or a server that speaks its API.
    Anthropic,
    /// OpenAI's models at Azure.
    Azure,
    /// Amazon Bedrock.
    Bedrock,
    /// The provider that answers on its own.
    Demo,
}

impl ProviderKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::OpenAi, Self::OpenAiCompatible, Self::Anthropic, Self::Azure, Self::Bedrock, Self::Demo];

    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiCompatible => "openai_compatible",
            Self::Anthropic => "anthropic",
            Self::Azure => "azure",
            Self::Bedrock => "bedrock",
            Self::Demo => "demo",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = ProviderKindError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.map(Self::as_str);
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.as_str() == name) {
            return Ok(kind);
        }
        Err(ProviderKindError { name: name.to_owned(), nearest: nearest(name, known) })
    }
}

/// A word that is no kind of provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind `{name}`")]
pub struct ProviderKindError {
    name: String,
    /// What was probably meant.
    nearest: Option<&'static str>,
}

impl ProviderKindError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self.nearest {
            Some(kind) => format!("did you mean `{kind}`?"),
            None => format!("kinds that work: {}", ProviderKind::ALL.map(ProviderKind::as_str).join(", ")),
        }
    }
}

/// The address of an API: `http` or `https`, without user, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Hosts of APIs, and the names under which price lists have who runs them.
const SELLERS: [(&str, &str); 13] = [
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.deepseek.com", "deepseek"),
    ("generativelanguage.googleapis.com", "gemini"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "xai"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cohere.com", "cohere"),
    ("api.moonshot.ai", "moonshot"),
    ("api.voyageai.com", "voyage"),
    ("api.z.ai", "zai"),
];

impl BaseUrl {
    /// The name under which price lists have who runs the API.
    /// The name or number of the server.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.0.host_str()
    }

    /// The port of the server, that of the scheme if none is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.0.port_or_known_default()
    }

    fn seller(&self) -> Option<&'static str> {
        let host = self.0.host_str()?;
        SELLERS.iter().find(|(own, _)| *own == host).map(|(_, name)| *name)
    }

    /// The address of `path`, which starts without a slash.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    /// The address of `path` in the first version of an API, whose number the base may name or not.
    pub(crate) fn join_versioned(&self, path: &str) -> Url {
        let names_version = self.0.path().trim_end_matches('/').ends_with("/v1");
        if names_version { self.join(path) } else { self.join(&format!("v1/{path}")) }
    }

    /// Whether Azure's v1 API is meant, which has one address for all deployments.
    fn is_azure_v1(&self, api_version: Option<&str>) -> bool {
        api_version.is_none() || self.0.path().trim_end_matches('/').ends_with("/openai/v1")
    }

    /// The address of `path` for `deployment` at Azure: of its own in versions of the API that have a date, of the v1 API
    /// otherwise.
    pub(crate) fn azure(&self, deployment: &str, path: &str, api_version: Option<&str>) -> Url {
        let names_v1 = self.0.path().trim_end_matches('/').ends_with("/openai/v1");
        let mut url = match api_version {
            _ if names_v1 => self.join(path),
            None => self.join(&format!("openai/v1/{path}")),
            Some(_) => {
                let mut url = self.join("openai/deployments");
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.push(deployment).extend(path.split('/'));
                }
                url
            }
        };
        if let Some(version) = api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        url
    }

    /// Whether it is OpenAI's own API.
    pub(crate) fn is_openai(&self) -> bool {
        self.0.host_str() == Some("api.openai.com")
    }

    /// Whether what is sent there is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| BaseUrlError::Malformed(error.to_string()))?;
        match () {
            () if !["http", "https"].contains(&url.scheme()) => Err(BaseUrlError::Scheme),
            () if !url.username().is_empty() || url.password().is_some() => Err(BaseUrlError::Credentials),
            () if url.query().is_some() || url.fragment().is_some() => Err(BaseUrlError::Query),
            () => Ok(Self(url)),
        }
    }
}

/// A text that cannot be the address of an API. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no URL.
    #[error("not a URL ({0}): write one such as http://127.0.0.1:8000/v1")]
    Malformed(String),
    /// It is neither `http` nor `https`.
    #[error("must start with http:// or https://")]
    Scheme,
    /// It holds a user or a password.
    #[error("must not hold credentials: put the key in the environment and name it with api_key_env")]
    Credentials,
    /// It has a query or a fragment.
    #[error("must end with the path, without `?` or `#`")]
    Query,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_added_to_the_base() {
        for base in ["http://localhost:8000/v1", "http://localhost:8000/v1/"] {
            let base: BaseUrl = base.parse().expect("valid");
            assert_eq!(base.join("chat/completions").as_str(), "http://localhost:8000/v1/chat/completions");
            assert_eq!(base.to_string(), "http://localhost:8000/v1");
        }
        let bare: BaseUrl = "http://localhost:8000".parse().expect("valid");
        assert_eq!(bare.join("models").as_str(), "http://localhost:8000/models");
        for base in ["http://localhost/", "http://localhost/v1", "http://localhost/v1/"] {
            let base: BaseUrl = base.parse().expect("valid");
            assert_eq!(base.join_versioned("messages").as_str(), "http://localhost/v1/messages");
        }
    }

    #[test]
    fn azure_has_addresses_of_two_kinds() {
        let (resource, v1) = ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1/");
        for (base, version, address) in [
            (resource, None, "/openai/v1/chat/completions"),
            (v1, None, "/openai/v1/chat/completions"),
            (v1, Some("preview"), "/openai/v1/chat/completions?api-version=preview"),
            (
                resource,
                Some("2024-10-21"),
                "/openai/deployments/a%2Fb/chat/completions?api-version=2024-10-21",
            ),
        ] {
            let url = base.parse::<BaseUrl>().expect("valid").azure("a/b", "chat/completions", version);
            assert_eq!(url.as_str(), format!("{resource}{address}"));
        }
    }

    #[test]
    fn what_needs_no_translation_is_told() {
        use Dialect::{Anthropic, OpenAiChat, OpenAiCompletions, OpenAiResponses};
        let at = |url: &str, responses| {
            let base_url = url.parse().expect("valid");
            Provider::OpenAi(Endpoint { base_url, api_key_env: None, responses })
        };
        let azure = |version: Option<&str>| {
            let Provider::OpenAi(endpoint) = at("https://x.openai.azure.com", false) else { unreachable!() };
            Provider::Azure { endpoint, api_version: version.map(str::to_owned), auth: AzureAuth::Key }
        };
        let openai = Provider::OpenAi(Endpoint::openai());
        for (provider, model, dialects) in [
            (&openai, "gpt-5", &[OpenAiChat, OpenAiResponses][..]),
            (&openai, "gpt-5-pro-2025-10-06", &[OpenAiResponses]),
            (&openai, "o3-pro", &[OpenAiResponses]),
            (&openai, "gpt-5.1-codex-mini", &[OpenAiResponses]),
            (&openai, "o4-mini-deep-research", &[OpenAiResponses]),
            (&openai, "gpt-3.5-turbo-instruct", &[OpenAiChat, OpenAiResponses, OpenAiCompletions]),
            (&at("http://localhost/v1", false), "o3-pro", &[OpenAiChat, OpenAiCompletions]),
            (&at("http://localhost/v1", true), "x", &[OpenAiChat, OpenAiResponses, OpenAiCompletions]),
            (&azure(None), "mine", &[OpenAiChat, OpenAiResponses]),
            (&azure(Some("2024-10-21")), "gpt-5-pro", &[OpenAiChat]),
            (&Provider::Anthropic(Endpoint::anthropic()), "x", &[Anthropic]),
            (&Provider::Bedrock(Bedrock::default()), "x", &[]),
            (&Provider::Demo, "x", &[OpenAiChat]),
        ] {
            for dialect in [OpenAiChat, OpenAiResponses, OpenAiCompletions, Anthropic] {
                let speaks = provider.speaks(dialect, model);
                assert_eq!(speaks, dialects.contains(&dialect), "{provider:?} {model} {dialect:?}");
            }
        }
        assert_eq!(openai.dialect("o3-pro"), ProviderDialect::OpenAiResponses);
        assert_eq!(openai.dialect("o3"), ProviderDialect::OpenAiChat);
    }

    #[test]
    fn loopback_and_encryption_are_told() {
        for (url, loopback, https) in [
            ("http://127.0.0.1:1/v1", true, false),
            ("http://[::1]/v1", true, false),
            ("https://localhost/v1", true, true),
            ("http://10.0.0.1/v1", false, false),
            ("https://api.openai.com/v1", false, true),
        ] {
            let base: BaseUrl = url.parse().expect(url);
            assert_eq!((base.is_loopback(), base.is_https()), (loopback, https), "{url}");
        }
        assert!(Endpoint::openai().base_url.is_https() && Endpoint::openai().base_url.is_openai());
        assert!(Endpoint::anthropic().base_url.is_https() && !Endpoint::anthropic().base_url.is_openai());
    }

    #[test]
    fn addresses_that_cannot_be_are_refused_without_repeating_them() {
        for url in [
            "localhost",
            "ftp://x/v1",
            "https://me:planted@x/v1",
            "https://x/v1?key=planted",
            "https://x/#a",
            "",
        ] {
            let error = url.parse::<BaseUrl>().expect_err(url);
            assert!(!error.to_string().contains("planted"), "{error}");
        }
    }

    #[test]
    fn kinds_are_known_or_unknown() {
        for kind in ProviderKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let said = |name: &str| {
            let error = name.parse::<ProviderKind>().expect_err(name);
            format!("{error}; {}", error.help())
        };
        assert_eq!(
            said("vertex"),
            "unknown kind `vertex`; kinds that work: openai, openai_compatible, anthropic, azure, bedrock, demo"
        );
        assert_eq!(said("opanai"), "unknown kind `opanai`; did you mean `openai`?");
    }
}
