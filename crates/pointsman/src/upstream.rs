//! The providers of a configuration, with the keys of this process's environment.

use std::collections::BTreeMap;

use anyhow::Result;
use pointsman_policy::Policy;
use pointsman_upstream::{Client, ClientOptions};

use crate::config::{Config, ServerConfig};
use crate::environment;

/// A client of the providers that `config` names.
pub(crate) fn client(config: &Config, server: &ServerConfig) -> Result<Client> {
    let options = ClientOptions {
        connect_timeout: server.connect_timeout,
        connect_timeouts: config.connect_timeouts.clone(),
        failures: config.failures.clone(),
        ..ClientOptions::default()
    };
    Ok(Client::new(config.providers.clone(), environment::variable, options)?)
}

/// Providers of the table's models that cannot answer, and what to do about it.
pub(crate) fn missing(policy: &Policy, client: &Client) -> BTreeMap<String, String> {
    let providers = policy.models().values().map(|model| model.target.provider());
    let missing = providers.filter_map(|name| Some((name.to_string(), client.missing(name)?)));
    missing.collect()
}
