//! `GET /v1/models`: everything that a request may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pointsman_policy::Table;
use pointsman_upstream::Dialect;
use pointsman_upstream::openai::ErrorBody;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::incoming::Incoming;
use super::sidecar::Sidecar;
use crate::time::utc;

/// A model as OpenAI's clients expect it.
#[derive(Debug, Serialize)]
struct ModelObject {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: String,
}

/// A list of models.
#[derive(Debug, Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<ModelObject>,
}

/// A model as Anthropic's clients expect it.
#[derive(Debug, Serialize)]
struct AnthropicModel {
    r#type: &'static str,
    id: String,
    display_name: String,
    created_at: String,
}

impl From<ModelObject> for AnthropicModel {
    fn from(object: ModelObject) -> Self {
        // `2026-11-21 09:30:00` with the letters of RFC 3339.
        let created_at = format!("{}Z", utc(object.created * 1_000_000).replace(' ', "T"));
        Self { r#type: "model", display_name: object.id.clone(), id: object.id, created_at }
    }
}

/// Tables first, then models by the user's names: those that the caller may ask.
pub(super) async fn list(State(sidecar): State<Arc<Sidecar>>, incoming: Incoming) -> Response {
    let objects = objects(&sidecar, &incoming);
    if !is_anthropic(&incoming) {
        return Json(ModelList { object: "list", data: objects }).into_response();
    }
    let data: Vec<AnthropicModel> = objects.into_iter().map(AnthropicModel::from).collect();
    let id = |model: Option<&AnthropicModel>| model.map(|model| model.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    Json(json!({"data": data, "has_more": false, "first_id": first_id, "last_id": last_id})).into_response()
}

/// One of them.
pub(super) async fn one(
    State(sidecar): State<Arc<Sidecar>>,
    Path(id): Path<String>,
    incoming: Incoming,
) -> Response {
    let is_anthropic = is_anthropic(&incoming);
    match objects(&sidecar, &incoming).into_iter().find(|object| object.id == id) {
        Some(object) if is_anthropic => Json(AnthropicModel::from(object)).into_response(),
        Some(object) => Json(object).into_response(),
        None => {
            let body =
                ErrorBody::invalid_request(format!("there is no model `{id}`; GET /v1/models lists them"))
                    .param("model")
                    .code("model_not_found");
            let dialect = if is_anthropic { Dialect::Anthropic } else { Dialect::OpenAiChat };
            ApiError::new(StatusCode::NOT_FOUND, body).in_dialect(dialect)
        }
    }
}

/// Both APIs have the same path; only Anthropic's clients say which version of it they mean.
fn is_anthropic(incoming: &Incoming) -> bool {
    incoming.headers.contains_key("anthropic-version")
}

fn objects(sidecar: &Sidecar, incoming: &Incoming) -> Vec<ModelObject> {
    let object = |id: String, owned_by: String| ModelObject {
        id,
        object: "model",
        created: sidecar.started_unix_s,
        owned_by,
    };
    let live = sidecar.live();
    let tables =
        live.policy.tables().map(Table::name).map(|name| object(name.to_owned(), "pointsman".to_owned()));
    let models = live.policy.models().iter();
    let models = models.map(|(name, model)| object(name.to_string(), model.target.provider().to_string()));
    tables.chain(models).filter(|object| incoming.caller.may_see(&object.id)).collect()
}
