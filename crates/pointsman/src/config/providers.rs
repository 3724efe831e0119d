//! `[providers.NAME]`: who can be asked, where, and with which key.

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman_domain::ProviderName;
use pointsman_policy::config::{Diagnostics, Document, Entry};
use pointsman_upstream::{AzureAuth, BaseUrl, Bedrock, Endpoint, Provider, ProviderKind};

use super::reading;

/// What is written about a provider.
#[derive(Default)]
struct RawProvider<'a> {
    kind: Option<Entry<'a>>,
    base_url: Option<Entry<'a>>,
    api_key_env: Option<Entry<'a>>,
    connect_timeout_ms: Option<Entry<'a>>,
    api_version: Option<Entry<'a>>,
    responses: Option<Entry<'a>>,
    auth: Option<Entry<'a>>,
    region: Option<Entry<'a>>,
    profile: Option<Entry<'a>>,
}

const KEYS: [&str; 9] = [
    "kind",
    "base_url",
    "api_key_env",
    "connect_timeout_ms",
    "api_version",
    "responses",
    "auth",
    "region",
    "profile",
];

/// Where the key to Azure is if nothing else is said.
const AZURE_KEY: &str = "AZURE_OPENAI_API_KEY";

/// The providers that are built in, and those of the file; and how long connections to some of them may take to be made.
pub(super) fn read(
    document: &Document<'_>,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<ProviderName, Provider>, BTreeMap<ProviderName, Duration>) {
    let built_in = Provider::built_in().map(|(name, provider)| (ProviderName::new(name), provider));
    let (mut providers, mut connect_timeouts) = (BTreeMap::from(built_in), BTreeMap::new());
    for entry in reading::entries(document, "providers", diagnostics) {
        check_name(&entry, diagnostics);
        // One that has errors counts as known, so that models at it are not reported, too.
        let provider = read_one(&entry, &mut connect_timeouts, diagnostics).unwrap_or(Provider::Demo);
        providers.insert(ProviderName::new(entry.name()), provider);
    }
    (providers, connect_timeouts)
}

fn check_name(entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    let name = entry.name();
    if name.trim().is_empty() || name.contains('/') {
        diagnostics
            .error(entry.key_span(), entry.path(), format!("`{name}` cannot be the name of a provider"))
            .help("choose a name without `/`: models are written provider/model");
    }
}

fn read_one(
    entry: &Entry<'_>,
    connect_timeouts: &mut BTreeMap<ProviderName, Duration>,
    diagnostics: &mut Diagnostics,
) -> Option<Provider> {
    let section = entry.section(diagnostics)?;
    let mut raw = RawProvider::default();
    for key in section.entries() {
        match key.name() {
            "kind" => raw.kind = Some(key),
            "base_url" => raw.base_url = Some(key),
            "api_key_env" => raw.api_key_env = Some(key),
            "connect_timeout_ms" => raw.connect_timeout_ms = Some(key),
            "api_version" => raw.api_version = Some(key),
            "responses" => raw.responses = Some(key),
            "auth" => raw.auth = Some(key),
            "region" => raw.region = Some(key),
            "profile" => raw.profile = Some(key),
            name if is_secret(name) => refuse_secret(&key, diagnostics),
            _ => key.unknown(&KEYS, diagnostics),
        }
    }
    let connect_timeout = raw.connect_timeout_ms.as_ref();
    let connect_timeout = connect_timeout.and_then(|key| reading::milliseconds(key, diagnostics));
    connect_timeouts.extend(connect_timeout.map(|limit| (ProviderName::new(entry.name()), limit)));
    let kind = kind(entry, &raw, diagnostics)?;
    if kind != ProviderKind::Azure {
        refuse(kind, [&raw.api_version, &raw.auth], diagnostics);
    }
    if kind != ProviderKind::OpenAiCompatible {
        refuse(kind, [&raw.responses], diagnostics);
    }
    if kind != ProviderKind::Bedrock {
        refuse(kind, [&raw.region, &raw.profile], diagnostics);
    }
    match kind {
        ProviderKind::Demo => {
            refuse(kind, [&raw.base_url, &raw.api_key_env, &raw.connect_timeout_ms], diagnostics);
            Some(Provider::Demo)
        }
        ProviderKind::Azure => {
            let api_version = string(raw.api_version.as_ref(), diagnostics)?;
            let mut endpoint = endpoint(entry, &raw, None, diagnostics)?;
            let auth =
                raw.auth.as_ref().map_or(Some(AzureAuth::Key), |auth| azure_auth(auth, diagnostics))?;
            if auth == AzureAuth::Key {
                endpoint.api_key_env.get_or_insert_with(|| AZURE_KEY.to_owned());
            }
            Some(Provider::Azure { endpoint, api_version, auth })
        }
        ProviderKind::OpenAi => {
            endpoint(entry, &raw, Some(Endpoint::openai()), diagnostics).map(Provider::OpenAi)
        }
        ProviderKind::OpenAiCompatible => {
            let responses = raw.responses.as_ref().map_or(Some(false), |key| key.boolean(diagnostics))?;
            let endpoint = endpoint(entry, &raw, None, diagnostics)?;
            Some(Provider::OpenAi(Endpoint { responses, ..endpoint }))
        }
        ProviderKind::Bedrock => bedrock(&raw, diagnostics).map(Provider::Bedrock),
        ProviderKind::Anthropic => {
            endpoint(entry, &raw, Some(Endpoint::anthropic()), diagnostics).map(Provider::Anthropic)
        }
    }
}

fn azure_auth(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<AzureAuth> {
    match entry.string(diagnostics)?.get_ref().as_str() {
        "key" => Some(AzureAuth::Key),
        "entra" => Some(AzureAuth::Entra),
        _ => {
            entry.mismatch("\"key\" or \"entra\"", diagnostics);
            None
        }
    }
}

fn bedrock(raw: &RawProvider<'_>, diagnostics: &mut Diagnostics) -> Option<Bedrock> {
    let region = string(raw.region.as_ref(), diagnostics)?;
    let profile = string(raw.profile.as_ref(), diagnostics)?;
    let api_key_env = match &raw.api_key_env {
        Some(key) => Some(reading::variable(key, diagnostics)?),
        None => None,
    };
    let base_url = match &raw.base_url {
        Some(url) => Some(address(url, diagnostics)?),
        None => None,
    };
    if let (Some(entry), Some(url)) = (&raw.base_url, &base_url) {
        let key = api_key_env.as_deref().unwrap_or("AWS_BEARER_TOKEN_BEDROCK");
        warn_of_open_key(entry, url, key, diagnostics);
    }
    Some(Bedrock { region, profile, base_url, api_key_env })
}

/// A text that may be left out; `None` if it is something else.
fn string(entry: Option<&Entry<'_>>, diagnostics: &mut Diagnostics) -> Option<Option<String>> {
    match entry {
        Some(entry) => Some(Some(entry.string(diagnostics)?.into_inner())),
        None => Some(None),
    }
}

/// Reports keys that a provider of this kind has no use for.
fn refuse<const N: usize>(kind: ProviderKind, keys: [&Option<Entry<'_>>; N], diagnostics: &mut Diagnostics) {
    for key in keys.into_iter().flatten() {
        let message = format!("a provider of kind `{kind}` has no `{}`", key.name());
        diagnostics.error(key.key_span(), key.path(), message).help("remove it");
    }
}

/// The kind that is written; a built-in name needs none.
fn kind(entry: &Entry<'_>, raw: &RawProvider<'_>, diagnostics: &mut Diagnostics) -> Option<ProviderKind> {
    let Some(written) = &raw.kind else {
        let built_in = entry.name().parse().ok().filter(|kind| *kind != ProviderKind::OpenAiCompatible);
        if built_in.is_none() {
            diagnostics
                .error(entry.key_span(), entry.path(), format!("provider `{}` has no `kind`", entry.name()))
                .help("add kind = \"openai_compatible\" for a server that speaks OpenAI's API");
        }
        return built_in;
    };
    let name = written.string(diagnostics)?;
    name.get_ref()
        .parse::<ProviderKind>()
        .map_err(|error| {
            diagnostics.error(written.value_span(), written.path(), error.to_string()).help(error.help());
        })
        .ok()
}

fn endpoint(
    entry: &Entry<'_>,
    raw: &RawProvider<'_>,
    default: Option<Endpoint>,
    diagnostics: &mut Diagnostics,
) -> Option<Endpoint> {
    let key = raw.api_key_env.as_ref().map(|key| reading::variable(key, diagnostics));
    let base_url = match (&raw.base_url, &default) {
        (Some(url), _) => address(url, diagnostics),
        (None, Some(default)) => Some(default.base_url.clone()),
        (None, None) => {
            diagnostics
                .error(
                    entry.key_span(),
                    entry.path(),
                    format!("provider `{}` has no `base_url`", entry.name()),
                )
                .help("say where it is: base_url = \"http://127.0.0.1:8000/v1\"");
            None
        }
    };
    let api_key_env = match key {
        Some(variable) => Some(variable?),
        None => default.as_ref().and_then(|default| default.api_key_env.clone()),
    };
    let base_url = base_url?;
    if let (Some(url), Some(variable)) = (&raw.base_url, &api_key_env) {
        warn_of_open_key(url, &base_url, variable, diagnostics);
    }
    Some(Endpoint { base_url, api_key_env, responses: default.is_some_and(|default| default.responses) })
}

/// Whether a key looks as if its value were a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password", "authorization"].iter().any(|word| name.contains(word))
}

fn refuse_secret(entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
    diagnostics
        .error(entry.key_span(), entry.path(), format!("unknown key `{}`", entry.name()))
        .unquoted()
        .help(
            "put the key in the environment and its variable's name here: api_key_env = \"OPENAI_API_KEY\"",
        );
}

/// An address. What is wrong with it is said without repeating it: it may hold a password.
fn address(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<BaseUrl> {
    let text = entry.string(diagnostics)?;
    text.get_ref()
        .parse()
        .map_err(|error| {
            let message = format!("`base_url`: {error}");
            let _ = diagnostics.error(entry.value_span(), entry.path(), message).unquoted();
        })
        .ok()
}

fn warn_of_open_key(entry: &Entry<'_>, url: &BaseUrl, variable: &str, diagnostics: &mut Diagnostics) {
    if !url.is_https() && !url.is_loopback() {
        diagnostics
            .warning(entry.value_span(), entry.path(), format!("the key in {variable} is sent unencrypted"))
            .help("use https, or leave api_key_env away if the server needs no key");
    }
}
