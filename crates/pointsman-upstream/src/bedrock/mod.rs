//! Amazon Bedrock: where it is, who asks, and how requests are signed.

mod credentials;
mod environment;
mod sign;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::connections::Connections;
use crate::provider::BaseUrl;
use crate::secret::ApiKey;
use credentials::Credentials;
use environment::AwsEnvironment;

/// The variable with Bedrock's own API key.
const API_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// What is not unreserved (RFC 3986, section 2.3), so that a model's id is one segment of a path whatever it holds.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bedrock as it is set up. What is left open is found as AWS's own tools find it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bedrock {
    /// Where models run, such as `eu-central-1`; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's.
    pub region: Option<String>,
    /// The profile of `~/.aws` whose credentials are used, before any others; else `AWS_PROFILE`, `default`.
    pub profile: Option<String>,
    /// Another address than the region's own, as for an endpoint in one's own network.
    pub base_url: Option<BaseUrl>,
    /// The environment variable with an API key, which is used instead of credentials if it is set; else
    /// `AWS_BEARER_TOKEN_BEDROCK`.
    pub api_key_env: Option<String>,
}

impl Bedrock {
    /// The environment variable with an API key.
    pub(crate) fn api_key_env(&self) -> &str {
        self.api_key_env.as_deref().unwrap_or(API_KEY)
    }
}

/// Bedrock with what it takes to call it.
#[derive(Debug)]
pub(crate) struct Access {
    /// Where requests go, and the region that they are signed for; or what is missing.
    place: Result<(BaseUrl, String), String>,
    key: Option<ApiKey>,
    credentials: Credentials,
}

/// Why a call cannot be made.
#[derive(Debug)]
pub(crate) enum AccessError {
    /// Something that the user has to set.
    Missing(String),
    /// The request cannot be signed.
    Unsigned(String),
}

impl Access {
    /// Access to `bedrock` by what `environment` holds now. Credentials are looked for at the first call.
    pub(crate) fn new(
        bedrock: &Bedrock,
        key: Option<ApiKey>,
        environment: &impl Fn(&str) -> Option<String>,
        connections: &Arc<Connections>,
    ) -> Self {
        let environment = AwsEnvironment::read(bedrock.profile.as_deref(), environment);
        let region = bedrock.region.clone().or_else(|| environment.region());
        let place = match (&bedrock.base_url, region) {
            (Some(url), region) => Ok((url.clone(), region.unwrap_or_else(|| "us-east-1".to_owned()))),
            (None, Some(region)) => endpoint(&region).map(|url| (url, region)),
            (None, None) => {
                Err("no region is set: add `region = \"us-east-1\"`, or another, to its section, or set \
                                 AWS_REGION"
                    .to_owned())
            }
        };
        Self { place, key, credentials: Credentials::new(environment, connections) }
    }

    /// What the user still has to set, as far as that can be told without asking anyone.
    pub(crate) fn missing(&self) -> Option<String> {
        let region = self.place.as_ref().err().cloned();
        region.or_else(|| self.key.is_none().then(|| self.credentials.missing())?)
    }

    /// The address that answers with a stream or not.
    pub(crate) fn url(&self, model: &str, stream: bool) -> Result<Url, AccessError> {
        let (base_url, _) = self.place.as_ref().map_err(|missing| AccessError::Missing(missing.clone()))?;
        let model = utf8_percent_encode(model, &RESERVED);
        let operation = if stream { "converse-stream" } else { "converse" };
        Ok(base_url.join(&format!("model/{model}/{operation}")))
    }

    /// Adds to `headers` what a request with `body` to `url` needs: the key, or a signature as of `now`.
    pub(crate) async fn authorize(
        &self,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), AccessError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            let (name, value) = key.header();
            headers.insert(name, value);
            return Ok(());
        }
        let (_, region) = self.place.as_ref().map_err(|missing| AccessError::Missing(missing.clone()))?;
        let credential = self.credentials.current(now).await.map_err(AccessError::Missing)?;
        sign::sign(url, headers, body, &credential, region, now).map_err(AccessError::Unsigned)
    }
}

/// The region's own address.
fn endpoint(region: &str) -> Result<BaseUrl, String> {
    let is_region = !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = format!("https://bedrock-runtime.{region}.{domain}");
    let url = url.parse().ok().filter(|_| is_region);
    url.ok_or_else(|| format!("`{region}` is no region: write one such as us-east-1"))
}

#[cfg(test)]
mod tests;
