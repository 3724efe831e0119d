//! `GET /v1/models`: everything that a request may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pointsman_policy::Table;
use pointsman_upstream::openai::ErrorBody;
use serde::Serialize;

use super::error::ApiError;
use super::sidecar::Sidecar;

/// A model as OpenAI's clients expect it.
#[derive(Debug, Serialize)]
pub(super) struct ModelObject {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: String,
}

/// A list of models.
#[derive(Debug, Serialize)]
pub(super) struct ModelList {
    object: &'static str,
    data: Vec<ModelObject>,
}

/// Tables first, then models by the user's names.
pub(super) async fn list(State(sidecar): State<Arc<Sidecar>>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: objects(&sidecar) })
}

/// One of them.
pub(super) async fn one(
    State(sidecar): State<Arc<Sidecar>>,
    Path(id): Path<String>,
) -> Result<Json<ModelObject>, ApiError> {
    objects(&sidecar).into_iter().find(|object| object.id == id).map(Json).ok_or_else(|| {
        let body = ErrorBody::invalid_request(format!("there is no model `{id}`; GET /v1/models lists them"))
            .param("model")
            .code("model_not_found");
        ApiError::new(StatusCode::NOT_FOUND, body)
    })
}

fn objects(sidecar: &Sidecar) -> Vec<ModelObject> {
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
    tables.chain(models).collect()
}
