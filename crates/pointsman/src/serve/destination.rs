//! What the `model` of a request stands for.

use axum::http::StatusCode;
use pointsman_domain::{ModelId, ModelName, ProviderName, nearest};
use pointsman_policy::{Policy, Table};
use pointsman_upstream::Client;
use pointsman_upstream::openai::ErrorBody;

use super::error::ApiError;

/// Where a request wants to go.
#[derive(Debug)]
pub(super) enum Destination<'a> {
    /// To whichever model the table chooses.
    Table(&'a Table),
    /// To this model.
    Model(ModelId),
}

impl<'a> Destination<'a> {
    /// The table's name, if it is one.
    pub(super) fn table(&self) -> Option<&'a str> {
        match self {
            Self::Table(table) => Some(table.name()),
            Self::Model(_) => None,
        }
    }
}

/// Finds what `name` stands for: a table, a model by the user's name, `provider/model`, or a provider's own name for a
/// model, if exactly one provider in the tables has a model of that name.
pub(super) fn find<'a>(
    name: &str,
    policy: &'a Policy,
    upstream: &Client,
) -> Result<Destination<'a>, ApiError> {
    if let Some(table) = policy.table(name) {
        return Ok(Destination::Table(table));
    }
    if let Some(model) = policy.models().get(&ModelName::new(name)) {
        return Ok(Destination::Model(model.target.clone()));
    }
    if let Ok(id) = ModelId::parse(name)
        && upstream.knows(id.provider())
    {
        return Ok(Destination::Model(id));
    }
    match targets_called(name, policy).as_slice() {
        [target] => Ok(Destination::Model((*target).clone())),
        _ => Err(unknown(name, policy, upstream)),
    }
}

/// The models that their providers call `name`, each once.
fn targets_called<'a>(name: &str, policy: &'a Policy) -> Vec<&'a ModelId> {
    let mut targets: Vec<&ModelId> =
        policy.models().values().map(|model| &model.target).filter(|target| target.model() == name).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn unknown(name: &str, policy: &Policy, upstream: &Client) -> ApiError {
    let candidates = targets_called(name, policy);
    let message = if candidates.is_empty() {
        nothing_called(name, policy, upstream)
    } else {
        let ids: Vec<String> = candidates.into_iter().map(|id| format!("`{id}`")).collect();
        format!("several providers have a model `{name}`: say which of {}", ids.join(", "))
    };
    let body = ErrorBody::invalid_request(message).param("model").code("model_not_found");
    ApiError::new(StatusCode::NOT_FOUND, body)
}

fn nothing_called(name: &str, policy: &Policy, upstream: &Client) -> String {
    let names: Vec<&str> = names(policy).collect();
    let providers: Vec<&str> = upstream.providers().map(ProviderName::as_str).collect();
    let meant = match name.split_once('/') {
        Some((provider, model)) => {
            nearest(provider, providers.iter().copied()).map(|meant| format!("{meant}/{model}"))
        }
        None => nearest(name, names.iter().copied()).map(str::to_owned),
    };
    let hint = meant.map_or(".".to_owned(), |meant| format!("; did you mean `{meant}`?"));
    let (names, providers) = (names.join(", "), providers.join(", "));
    format!("there is no model `{name}`{hint} Models: {names}. Providers, for provider/model: {providers}.")
}

/// Everything that requests may name without a provider: tables first, then models.
fn names(policy: &Policy) -> impl Iterator<Item = &str> {
    policy.tables().map(Table::name).chain(policy.models().keys().map(ModelName::as_str))
}
