//! Where another router's models are, in our words.

use pointsman_policy::Catalogue;

use crate::commands::init::hosted::HOSTED;

/// A model as another router's file names it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// `provider/model`, or the model alone.
    pub(super) id: &'a str,
    /// The address of the API, if the file says one.
    pub(super) base_url: Option<&'a str>,
    /// The key as it is written: usually the name of an environment variable in some dress.
    pub(super) key: Option<&'a str>,
    /// The version of Azure's API.
    pub(super) api_version: Option<&'a str>,
}

/// A provider that the file needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Provider {
    /// Nothing for the built-in ones.
    pub(super) kind: Option<&'static str>,
    pub(super) base_url: Option<String>,
    pub(super) api_key_env: Option<String>,
    pub(super) api_version: Option<String>,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What the provider is called, if nobody else is called so.
    pub(super) provider_name: String,
    pub(super) provider: Provider,
    /// The model's name there.
    pub(super) model: String,
    /// Whether the file holds a key, which must not be repeated.
    pub(super) has_secret: bool,
}

/// Names of servers of one's own in other routers' files.
const OWN_SERVERS: [&str; 7] =
    ["openai", "hosted_vllm", "vllm", "openai_like", "custom_openai", "lm_studio", "text-completion-openai"];

impl Place<'_> {
    /// The provider and the model, or why there are none.
    pub(super) fn find(&self, catalogue: &Catalogue) -> Result<Found, String> {
        let (key, has_secret) = variable(self.key);
        let (prefix, model) = self.parts(catalogue)?;
        let base_url = self.base_url.map(with_version);
        let provider = Provider { base_url, api_key_env: key, ..Provider::default() };
        let found = |provider_name: &str, provider: Provider| Found {
            provider_name: provider_name.to_owned(),
            provider,
            model: model.to_owned(),
            has_secret,
        };
        let own_host = self.base_url.map(host_name);
        match (prefix, own_host) {
            ("azure", Some(_)) => {
                let base_url = self.base_url.map(|url| url.trim_end_matches('/').to_owned());
                let api_version = self.api_version.map(str::to_owned);
                Ok(found("azure", Provider { kind: Some("azure"), base_url, api_version, ..provider }))
            }
            ("anthropic", None) | ("openai", None) => Ok(found(prefix, built_in(prefix, provider))),
            ("openai", Some(host)) if host == "api_openai_com" => {
                Ok(found(prefix, built_in(prefix, Provider { base_url: None, ..provider })))
            }
            ("anthropic", Some(host)) => {
                let base_url = self.base_url.map(|url| url.trim_end_matches('/').to_owned());
                Ok(found(&host, Provider { kind: Some("anthropic"), base_url, ..provider }))
            }
            ("ollama" | "ollama_chat", _) => {
                let base_url =
                    provider.base_url.clone().unwrap_or_else(|| "http://127.0.0.1:11434/v1".to_owned());
                Ok(found("ollama", Provider { base_url: Some(base_url), ..compatible(provider) }))
            }
            (prefix, None) => match HOSTED.iter().find(|hosted| hosted.name == prefix) {
                Some(hosted) => {
                    let key = provider.api_key_env.clone().unwrap_or_else(|| hosted.keys[0].to_owned());
                    let base_url = hosted.base_url.map(str::to_owned);
                    Ok(found(prefix, Provider { base_url, api_key_env: Some(key), ..compatible(provider) }))
                }
                None => Err(format!("`{}`: provider `{prefix}` is not supported", self.id)),
            },
            (prefix, Some(host)) if OWN_SERVERS.contains(&prefix) => Ok(found(&host, compatible(provider))),
            (_, Some(host)) => Ok(found(&host, compatible(provider))),
        }
    }

    /// Provider and model. A model alone is whose the catalogue says, or a server's of one's own.
    fn parts(&self, catalogue: &Catalogue) -> Result<(&str, &str), String> {
        if self.base_url.is_some() && !self.id.contains('/') {
            return Ok(("openai", self.id));
        }
        if let Some((prefix, model)) = self.id.split_once('/') {
            let knows = HOSTED.iter().any(|hosted| hosted.name == prefix)
                || OWN_SERVERS.contains(&prefix)
                || ["azure", "ollama", "ollama_chat"].contains(&prefix);
            return match (knows, self.base_url) {
                // A name with a slash of its own, such as `meta/llama-3.1-8b`, at an address that is given.
                (false, Some(_)) => Ok(("openai", self.id)),
                _ => Ok((prefix, model)),
            };
        }
        let sells =
            |hosted: &&crate::commands::init::hosted::Hosted| catalogue.get(hosted.name, self.id).is_some();
        match HOSTED.iter().find(sells) {
            Some(hosted) => Ok((hosted.name, self.id)),
            None => Err(format!("`{}`: nothing says which provider has it", self.id)),
        }
    }
}

fn compatible(provider: Provider) -> Provider {
    Provider { kind: Some("openai_compatible"), ..provider }
}

/// A built-in provider; one whose key is where it usually is need not be written down.
fn built_in(name: &str, provider: Provider) -> Provider {
    let usual = if name == "openai" { "OPENAI_API_KEY" } else { "ANTHROPIC_API_KEY" };
    Provider { api_key_env: provider.api_key_env.filter(|key| key != usual), ..provider }
}

/// The environment variable that a key is in, and whether it is a key itself instead.
fn variable(key: Option<&str>) -> (Option<String>, bool) {
    let Some(key) = key.map(str::trim).filter(|key| !key.is_empty()) else { return (None, false) };
    let bare = ["os.environ/", "$"].iter().find_map(|dress| key.strip_prefix(dress));
    let name = bare.map(|bare| bare.trim_start_matches('{').trim_end_matches('}'));
    match name.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
        Some(name) => (Some(name.to_owned()), false),
        None => (None, true),
    }
}

/// An address with the version that its API has if it names none.
fn with_version(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let has_path = url.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { url.to_owned() } else { format!("{url}/v1") }
}

/// A provider's name made of the host in an address.
fn host_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    let name: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() { "server".to_owned() } else { name }
}
