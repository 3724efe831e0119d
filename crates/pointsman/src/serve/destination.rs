//! What the `model` of a request stands for.

use pointsman_domain::{ModelId, ModelName, ProviderName, nearest};
use pointsman_policy::{Policy, Table};
use pointsman_upstream::Client;
use pointsman_upstream::openai::ErrorBody;

use axum::http::StatusCode;

use super::error::ApiError;

/// Where a request wants to go.
#[derive(Debug)]
pub(super) enum Destination<'a> {
    /// To whichever model the table chooses.
    Table(&'a Table),
    /// To this model.
    Model(ModelId),
}

/// Finds what `name` stands for: a table, a model by the user's name, `provider/model`, or a provider's own name for a
/// model, if exactly one provider in the tables has a model of that name.
pub(super) fn find<'a>(name: &str, policy: &'a Policy, upstream: &Client) -> Result<Destination<'a>, ApiError> {
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
    let mut message = format!("there is no model `{name}`");
    let candidates = targets_called(name, policy);
    if candidates.len() > 1 {
        let ids: Vec<String> = candidates.into_iter().map(|id| format!("`{id}`")).collect();
        message += &format!(" of one provider alone: say which of {}", ids.join(", "));
    } else {
        let names: Vec<&str> = names(policy).collect();
        if let Some(meant) = nearest(name, names.iter().copied()) {
            message += &format!("; did you mean `{meant}`?");
        }
        let providers: Vec<&str> = upstream.providers().map(ProviderName::as_str).collect();
        message += &format!(
            " Models here: {}; or write provider/model with one of the providers {}",
            names.join(", "),
            providers.join(", ")
        );
    }
    let body = ErrorBody::invalid_request(message).param("model").code("model_not_found");
    ApiError::new(StatusCode::NOT_FOUND, body)
}

/// Everything that requests may name without a provider: tables first, then models.
fn names(policy: &Policy) -> impl Iterator<Item = &str> {
    policy.tables().map(Table::name).chain(policy.models().keys().map(ModelName::as_str))
}
