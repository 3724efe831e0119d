//! Where tokens come from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Url};
use serde_json::Value;

use super::Token;
use crate::connections::Connections;

/// Where tokens are given out, unless `AZURE_AUTHORITY_HOST` says otherwise, as for clouds of governments.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Where a machine asks for its own, unless `AZURE_POD_IDENTITY_AUTHORITY_HOST` says otherwise.
const MACHINE: &str = "http://169.254.169.254";

/// What tokens are for: the services that Azure OpenAI is one of.
const RESOURCE: &str = "https://cognitiveservices.azure.com";

/// How long the machine's own service may take, which answers at once where it exists.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long others may take.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a token is taken to last if its source does not say.
const USUAL_LIFE: Duration = Duration::from_secs(600);

const REMEDY: &str = "no Entra token: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or \
                      AZURE_FEDERATED_TOKEN_FILE), or give the machine an identity, or run `az login`";

/// The sources that are set up.
pub(super) struct Sources {
    connections: Arc<Connections>,
    authority: String,
    tenant: Option<String>,
    client: Option<String>,
    secret: Option<String>,
    federated: Option<PathBuf>,
    /// Address and header of an App Service.
    service: Option<(String, String)>,
    machine: String,
}

impl Sources {
    pub(super) fn read(environment: &impl Fn(&str) -> Option<String>, connections: Arc<Connections>) -> Self {
        let read = |name: &str| {
            environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let host = |name, default: &str| {
            read(name).map_or_else(|| default.to_owned(), |host| host.trim_end_matches('/').to_owned())
        };
        Self {
            connections,
            authority: host("AZURE_AUTHORITY_HOST", AUTHORITY),
            tenant: read("AZURE_TENANT_ID"),
            client: read("AZURE_CLIENT_ID"),
            secret: read("AZURE_CLIENT_SECRET"),
            federated: read("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
            service: read("IDENTITY_ENDPOINT").zip(read("IDENTITY_HEADER")),
            machine: host("AZURE_POD_IDENTITY_AUTHORITY_HOST", MACHINE),
        }
    }

    /// A new token, from the first source that is set up.
    pub(super) async fn token(&self) -> Result<Token, String> {
        if let (Some(tenant), Some(client)) = (&self.tenant, &self.client) {
            if let Some(secret) = &self.secret {
                return self.of_client(tenant, client, &[("client_secret", secret)]).await;
            }
            if let Some(path) = &self.federated {
                // The file is replaced as its content ends.
                let assertion = tokio::fs::read_to_string(path).await;
                let assertion = assertion.map_err(|error| {
                    format!("{}, AZURE_FEDERATED_TOKEN_FILE, cannot be read: {error}", path.display())
                })?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let proof = [("client_assertion_type", kind), ("client_assertion", assertion.trim())];
                return self.of_client(tenant, client, &proof).await;
            }
        }
        if let Some((address, header)) = &self.service {
            return self.of_service(address, header).await;
        }
        match self.of_machine().await {
            Ok(token) => Ok(token),
            Err(machine) => match of_command().await {
                Ok(token) => Ok(token),
                Err(command) => Err(format!("{REMEDY} (machine: {machine}; az: {command})")),
            },
        }
    }

    /// Section 2.1 of the client credentials flow of Microsoft's identity platform (OAuth 2.0, RFC 6749, section 4.4).
    async fn of_client(&self, tenant: &str, client: &str, proof: &[(&str, &str)]) -> Result<Token, String> {
        let url = url(&format!("{}/{tenant}/oauth2/v2.0/token", self.authority), &[])?;
        let scope = format!("{RESOURCE}/.default");
        let mut fields =
            vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", scope.as_str())];
        fields.extend(proof);
        let http = self.connections.to(&url)?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        send(http.post(url).header(CONTENT_TYPE, form).body(encoded(&fields)?), REMOTE_TIMEOUT).await
    }

    async fn of_service(&self, address: &str, header: &str) -> Result<Token, String> {
        let url = url(address, &self.identity("2019-08-01"))?;
        let http = self.connections.to(&url)?;
        send(http.get(url).header("x-identity-header", header), REMOTE_TIMEOUT).await
    }

    async fn of_machine(&self) -> Result<Token, String> {
        let address = format!("{}/metadata/identity/oauth2/token", self.machine);
        let url = url(&address, &self.identity("2018-02-01"))?;
        let http = self.connections.to(&url)?;
        send(http.get(url).header("metadata", "true"), LOCAL_TIMEOUT).await
    }

    /// What is asked of services that know the machine; `AZURE_CLIENT_ID` chooses among several identities.
    fn identity<'a>(&'a self, version: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut fields = vec![("api-version", version), ("resource", RESOURCE)];
        fields.extend(self.client.as_deref().map(|client| ("client_id", client)));
        fields
    }
}

/// The token of who is signed in to Azure's command line.
async fn of_command() -> Result<Token, String> {
    let arguments = ["account", "get-access-token", "--resource", RESOURCE, "--output", "json"];
    let run = tokio::process::Command::new("az").args(arguments).kill_on_drop(true).output();
    let output = match tokio::time::timeout(REMOTE_TIMEOUT, run).await {
        Ok(output) => output.map_err(|error| format!("`az` cannot be run: {error}"))?,
        Err(_) => return Err("`az` did not answer in time".to_owned()),
    };
    if !output.status.success() {
        return Err("`az account get-access-token` failed: run `az login`".to_owned());
    }
    let value: Value =
        serde_json::from_slice(&output.stdout).map_err(|_| "`az` printed no JSON".to_owned())?;
    token(value["accessToken"].as_str(), &Value::Null)
}

fn url(address: &str, query: &[(&str, &str)]) -> Result<Url, String> {
    let parsed = if query.is_empty() { Url::parse(address) } else { Url::parse_with_params(address, query) };
    parsed.map_err(|error| format!("`{address}` is no address: {error}"))
}

/// Fields as a form has them, which is how a query has them.
fn encoded(fields: &[(&str, &str)]) -> Result<String, String> {
    Ok(url("http://form", fields)?.query().unwrap_or_default().to_owned())
}

async fn send(request: RequestBuilder, limit: Duration) -> Result<Token, String> {
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let reply = request.timeout(limit).send().await.map_err(failed)?;
    let status = reply.status();
    let body = reply.bytes().await.map_err(failed)?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        // The first line says what is wrong; the others are numbers for Microsoft's support.
        let why = value["error_description"].as_str().or(value["error"].as_str()).unwrap_or_default();
        return Err(format!("status {}: {}", status.as_u16(), why.lines().next().unwrap_or_default()));
    }
    token(value["access_token"].as_str(), &value["expires_in"])
}

/// A token whose life in seconds is a number or digits.
fn token(text: Option<&str>, expires_in: &Value) -> Result<Token, String> {
    let header = text.and_then(|text| HeaderValue::from_str(&format!("Bearer {text}")).ok());
    let mut header = header.ok_or_else(|| "the reply holds no token".to_owned())?;
    header.set_sensitive(true);
    let seconds = expires_in.as_u64().or_else(|| expires_in.as_str()?.parse().ok());
    Ok(Token { header, lasts: seconds.map_or(USUAL_LIFE, Duration::from_secs) })
}
