//! `GET /v1/stats`: records summed up, with what was spent and saved.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use pointsman_record::{Filter, Store, StoreError};
use pointsman_upstream::openai::ErrorBody;
use serde::Deserialize;

use super::clock;
use super::error::ApiError;
use super::live::Live;
use super::sidecar::Sidecar;
use crate::stats::{Stats, Summing};
use crate::time::Since;

/// From when on, if the request does not say.
const DEFAULT_SINCE: &str = "24h";

/// What may be asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// How long ago, or a date in UTC.
    since: Option<String>,
    /// The model to compare costs with.
    baseline: Option<String>,
}

/// Reads the records of the time asked for: seconds for a million of them. While it does, others who ask get 503.
pub(super) async fn stats(
    State(sidecar): State<Arc<Sidecar>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Stats>, ApiError> {
    let Query(asked) = asked.map_err(|error| {
        ApiError::bad_request(format!("{}; ask for since and baseline", error.body_text()), None)
    })?;
    let since: Since = asked
        .since
        .as_deref()
        .unwrap_or(DEFAULT_SINCE)
        .parse()
        .map_err(|error| ApiError::bad_request(format!("`since`: {error}"), Some("since")))?;
    let Some(path) = sidecar.recording.path().map(Path::to_owned) else { return Err(off()) };
    let Ok(turn) = Arc::clone(&sidecar.recording.summing).try_lock_owned() else {
        return Err(ApiError::overloaded("records are being summed up for somebody else; try again shortly"));
    };
    let (live, since_us) = (sidecar.live(), since.unix_us(clock::now().0));
    let read = move || {
        // Held until all is read, also when whoever asked has gone.
        let _turn = turn;
        sum(&live, &path, since_us, asked.baseline.as_deref())
    };
    tokio::task::spawn_blocking(read).await.map_err(|error| ApiError::internal(error.to_string()))?
}

fn sum(live: &Live, path: &Path, since_us: u64, baseline: Option<&str>) -> Result<Json<Stats>, ApiError> {
    let mut summing = Summing::new(&live.policy, &live.abilities, baseline);
    if let Some(error) = summing.baseline_error().filter(|_| baseline.is_some()) {
        return Err(ApiError::bad_request(error.to_string(), Some("baseline")));
    }
    let cannot = |error: StoreError| ApiError::overloaded(format!("the records cannot be read: {error}"));
    let store = Store::open(path).map_err(cannot)?;
    let each = |record: Result<_, StoreError>| {
        // One that cannot be read is left out; `pointsman records stats` names it.
        if let Ok(record) = record {
            summing.add(&record);
        }
        Ok::<(), StoreError>(())
    };
    let filter = Filter { since_us, newest: None };
    store.each(filter, each).map_err(cannot)?;
    let each_named = |record: Result<_, StoreError>| {
        if let Ok(record) = record {
            summing.add_named(&record);
        }
        Ok::<(), StoreError>(())
    };
    store.each_named(filter, each_named).map_err(cannot)?;
    Ok(Json(summing.finish()))
}

fn off() -> ApiError {
    let message =
        "decisions are not recorded, so there is nothing to sum up: add [record] to the configuration";
    ApiError::new(StatusCode::NOT_FOUND, ErrorBody::invalid_request(message).code("records_off"))
}
