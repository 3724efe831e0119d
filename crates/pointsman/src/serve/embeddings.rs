//! `POST /v1/embeddings`: passed to the model that is named. Vectors of different models do not compare, so that no table
//! chooses one and no other model takes over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use pointsman_upstream::{Call, Dialect, RequestBody, Wanted};

use super::body;
use super::chat::{call, direct};
use super::destination::{self, Destination};
use super::error::ApiError;
use super::incoming::Incoming;
use super::routing::Arrival;
use super::sidecar::Sidecar;

/// Passes texts to the model that is to compute their vectors.
pub(super) async fn create(
    State(sidecar): State<Arc<Sidecar>>,
    incoming: Incoming,
) -> Result<Response, ApiError> {
    let Incoming { request_id, caller, headers, body } = incoming;
    let body = RequestBody::parse(body::read(&headers, body, &sidecar.limits).await?)?;
    let arrival = Arrival::now("/v1/embeddings", &caller);
    caller.may_ask(body.model())?;
    let live = sidecar.live();
    let call = Call {
        wanted: Wanted::Embeddings,
        ..call(Dialect::OpenAiChat, &request_id, &headers, &body, (&live, None))?
    };
    match destination::find(body.model(), &live.policy, &live.upstream)? {
        Destination::Model(target) => direct(&sidecar, &live, target, call, &arrival, &caller).await,
        Destination::Table(table) => {
            let message = format!(
                "`{}` is a table, and embeddings are not routed, for those of different models do not compare: name a \
                 model of [models], or provider/model",
                table.name()
            );
            Err(ApiError::bad_request(message, Some("model")))
        }
    }
}
