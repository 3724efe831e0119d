//! Providers with the keys that open them.

use std::sync::Arc;

use pointsman_domain::ProviderName;
use reqwest::Url;

use crate::azure::{AzureAuth, Entra};
use crate::bedrock;
use crate::connections::Connections;
use crate::error::{ErrorKind, UpstreamError};
use crate::provider::Provider;
use crate::secret::ApiKey;

/// A provider with what opens it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) provider: Provider,
    pub(crate) key: Option<ApiKey>,
    /// What a call of Bedrock takes beside the key, or instead of it.
    pub(crate) bedrock: Option<bedrock::Access>,
    /// Where the tokens come from that open Azure instead of the key.
    pub(crate) entra: Option<Entra>,
    connections: Arc<Connections>,
}

impl Ready {
    /// The provider with what `environment` holds for it.
    ///
    /// # Errors
    /// When its key holds characters that no header can carry.
    pub(crate) fn new(
        name: &ProviderName,
        provider: Provider,
        environment: &impl Fn(&str) -> Option<String>,
        connections: &Arc<Connections>,
    ) -> Result<Self, BuildError> {
        let key = read_key(name, &provider, environment)?;
        let bedrock = match &provider {
            Provider::Bedrock(bedrock) => {
                Some(bedrock::Access::new(bedrock, key.clone(), environment, connections))
            }
            _ => None,
        };
        let entra = match &provider {
            Provider::Azure { auth: AzureAuth::Entra, .. } => Some(Entra::new(environment, connections)),
            _ => None,
        };
        Ok(Self { provider, key, bedrock, entra, connections: Arc::clone(connections) })
    }

    /// What reaches `url`, where the provider called `name` is.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn http(&self, url: &Url, name: &ProviderName) -> Result<&reqwest::Client, UpstreamError> {
        self.connections.to(url).map_err(|detail| UpstreamError::new(ErrorKind::Setup, name, detail))
    }

    /// What the user has to set before the provider can be called, as far as that can be told without calling anyone.
    pub(crate) fn missing(&self) -> Option<String> {
        if let Some(access) = &self.bedrock {
            return access.missing();
        }
        if self.entra.is_some() {
            return None;
        }
        let variable = self.provider.endpoint()?.api_key_env.as_deref()?;
        self.key.is_none().then(|| format!("set {variable} in the environment that pointsman is started in"))
    }
}

fn read_key(
    name: &ProviderName,
    provider: &Provider,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<Option<ApiKey>, BuildError> {
    let Some(variable) = provider.api_key_env() else {
        return Ok(None);
    };
    let in_header = match provider {
        Provider::Demo | Provider::OpenAi(_) | Provider::Bedrock(_) => ApiKey::bearer,
        Provider::Anthropic(_) => ApiKey::x_api_key,
        Provider::Azure { .. } => ApiKey::azure,
    };
    match environment(variable).filter(|key| !key.trim().is_empty()) {
        None => Ok(None),
        Some(key) => in_header(&key)
            .map(Some)
            .ok_or_else(|| BuildError::Key { provider: name.clone(), variable: variable.to_owned() }),
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
