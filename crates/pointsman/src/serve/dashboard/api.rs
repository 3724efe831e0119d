//! The data of the dashboard, as JSON: docs/dashboard.md describes each path.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use pointsman_classifier::LabelsRow;
use pointsman_domain::{Prompt, RequestFacts};
use pointsman_policy::{Explanation, Matrix, Models, Table, UnixMicros};
use pointsman_record::{Record, Store, StoreError, StoredPrompt};
use pointsman_upstream::openai::{ErrorBody, estimated_tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::overview::{Baseline, Breaker, Now, Overview, Records};
use super::sum::Sum;
use crate::serve::error::ApiError;
use crate::serve::sidecar::Sidecar;
use crate::serve::traffic::{HOUR_US, NamedAnswer, RECENT};
use crate::serve::{body, clock, routing};

const MINUTE_US: u64 = 60_000_000;

/// Stretches of time that can be looked at, with the number of steps in each.
const WINDOWS: [(&str, u64, u64); 5] = [
    ("15m", 15 * MINUTE_US, 60),
    ("1h", HOUR_US, 60),
    ("24h", 24 * HOUR_US, 48),
    ("7d", 7 * 24 * HOUR_US, 56),
    ("30d", 30 * 24 * HOUR_US, 60),
];

/// The longest body of `explain`: the classifier reads the ends of a longer prompt anyway.
const EXPLAIN_BYTES: usize = 256 << 10;

/// Decisions that are listed if the request does not say.
const LISTED: usize = 50;

/// What may be asked of `traffic`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    window: Option<String>,
    baseline: Option<String>,
}

/// `GET /dashboard/api/traffic`: counts, times and money of a window.
pub(super) async fn traffic(
    State(sidecar): State<Arc<Sidecar>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Overview>, ApiError> {
    let asked = query(asked, "ask for window and baseline")?;
    let name = asked.window.as_deref().unwrap_or(WINDOWS[0].0);
    let Some(window) = WINDOWS.into_iter().find(|(known, ..)| *known == name) else {
        let known = WINDOWS.map(|(name, ..)| name).join(", ");
        return Err(ApiError::bad_request(format!("`window` is one of {known}"), Some("window")));
    };
    let (live, now_us) = (sidecar.live(), clock::now().0);
    let baseline = Baseline::of(&live.policy, asked.baseline.as_deref())
        .map_err(|error| ApiError::bad_request(error, Some("baseline")))?;
    let (name, span_us, points) = window;
    if span_us <= HOUR_US {
        let (totals, steps) = sidecar.traffic.window(span_us, points, now_us);
        return Ok(Json(Overview {
            window: name,
            source: "memory",
            since_us: now_us.saturating_sub(span_us),
            until_us: now_us,
            counts: baseline.counts(&totals),
            series: steps.iter().map(|step| baseline.step(step)).collect(),
            money: baseline.view(&totals),
            savings: None,
            now: now(&sidecar),
        }));
    }
    let sum = recorded(&sidecar, window, asked.baseline, now_us).await?;
    Ok(Json(Overview {
        window: name,
        source: "records",
        since_us: sum.until_us.saturating_sub(span_us),
        until_us: sum.until_us,
        counts: baseline.counts(&sum.totals),
        series: sum.steps.iter().map(|step| baseline.step(step)).collect(),
        money: baseline.view(&sum.totals),
        savings: sum.savings.clone(),
        now: now(&sidecar),
    }))
}

/// The counts of a window from records; whoever asks while they are read gets 503, or what was read of late.
async fn recorded(
    sidecar: &Arc<Sidecar>,
    (name, span_us, points): (&'static str, u64, u64),
    baseline: Option<String>,
    now_us: u64,
) -> Result<Arc<Sum>, ApiError> {
    let Some(path) = sidecar.recording.path().map(FilePath::to_owned) else {
        let message =
            "decisions are not recorded, so only the last hour is known: add [record] to the configuration";
        let body = ErrorBody::invalid_request(message).code("records_off");
        return Err(ApiError::new(StatusCode::NOT_FOUND, body));
    };
    if let Some(known) = sidecar.sums.get(name, baseline.as_deref(), now_us) {
        return Ok(known);
    }
    let Ok(turn) = Arc::clone(&sidecar.recording.summing).try_lock_owned() else {
        return Err(ApiError::overloaded("records are being summed up; try again shortly"));
    };
    let (live, shared) = (sidecar.live(), Arc::clone(sidecar));
    let read = move || {
        // Held until all is read, also when whoever asked has gone.
        let _turn = turn;
        let sum = Sum::read(&path, &live, baseline.as_deref(), (span_us, points, now_us))?;
        let sum = Arc::new(sum);
        shared.sums.put(name, baseline, Arc::clone(&sum));
        Ok::<_, StoreError>(sum)
    };
    let sum = tokio::task::spawn_blocking(read).await;
    sum.map_err(|error| ApiError::internal(error.to_string()))?
        .map_err(|error| ApiError::overloaded(format!("the records cannot be read: {error}")))
}

fn now(sidecar: &Sidecar) -> Now {
    let live = sidecar.live();
    let breakers = live.upstream.breakers().failing(tokio::time::Instant::now()).into_iter();
    let counts = sidecar.recording.counts().unwrap_or_default();
    let classifier = sidecar.recording.classifier();
    Now {
        // This very request is none that anybody wants to know of.
        in_flight: sidecar.metrics.in_flight().saturating_sub(1).max(0),
        classify_waiting: sidecar.labelling.waiting(),
        started_us: sidecar.started_unix_s * 1_000_000,
        classifier: format!("{}, {}", classifier.name, classifier.engine),
        version: env!("CARGO_PKG_VERSION"),
        breakers: breakers
            .map(|failing| Breaker {
                open: failing.left_alone.is_some(),
                failures: failing.failures,
                for_ms: failing
                    .left_alone
                    .map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
                target: failing.target,
            })
            .collect(),
        drift: sidecar.traffic.drift(clock::now().0),
        records: Records {
            on: sidecar.recording.is_on(),
            written: counts.written,
            dropped: counts.dropped_decisions + counts.dropped_answers,
            failed_commits: counts.failed_commits,
        },
    }
}

/// What may be asked of `table`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedTable {
    name: Option<String>,
}

/// The table in use, cell by cell.
#[derive(Debug, Serialize)]
pub(super) struct TableView {
    /// All tables that requests may name.
    tables: Vec<String>,
    hash: String,
    matrix: Matrix,
    models: Models,
}

/// `GET /dashboard/api/table`: which model each task and band goes to.
pub(super) async fn table(
    State(sidecar): State<Arc<Sidecar>>,
    asked: Result<Query<AskedTable>, QueryRejection>,
) -> Result<Json<TableView>, ApiError> {
    let asked = query(asked, "ask for name")?;
    let live = sidecar.live();
    let table = named(&live.policy, asked.name.as_deref())?;
    Ok(Json(TableView {
        tables: live.policy.tables().map(|table| table.name().to_owned()).collect(),
        hash: table.hash().to_string(),
        matrix: table.matrix(sidecar.recording.classifier().ability_sd),
        models: live.policy.models().clone(),
    }))
}

fn named<'a>(policy: &'a pointsman_policy::Policy, name: Option<&str>) -> Result<&'a Table, ApiError> {
    let name = name.unwrap_or(Table::AUTO);
    policy.table(name).ok_or_else(|| {
        let known: Vec<&str> = policy.tables().map(Table::name).collect();
        ApiError::bad_request(
            format!("there is no table `{name}`: tables are {}", known.join(", ")),
            Some("name"),
        )
    })
}

/// What may be asked of `decisions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedDecisions {
    limit: Option<usize>,
}

/// `GET /dashboard/api/decisions`: the newest decisions, in the form of records, the newest first.
pub(super) async fn decisions(
    State(sidecar): State<Arc<Sidecar>>,
    asked: Result<Query<AskedDecisions>, QueryRejection>,
) -> Result<Json<Vec<Record>>, ApiError> {
    Ok(Json(sidecar.traffic.recent(limit(asked)?)))
}

/// `GET /dashboard/api/named`: the newest requests that named a model, the newest first.
pub(super) async fn named_requests(
    State(sidecar): State<Arc<Sidecar>>,
    asked: Result<Query<AskedDecisions>, QueryRejection>,
) -> Result<Json<Vec<NamedAnswer>>, ApiError> {
    Ok(Json(sidecar.traffic.recent_named(limit(asked)?)))
}

/// How many are asked for.
fn limit(asked: Result<Query<AskedDecisions>, QueryRejection>) -> Result<usize, ApiError> {
    let limit = query(asked, "ask for limit")?.limit.unwrap_or(LISTED);
    if (1..=RECENT).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::bad_request(format!("`limit` is a number from 1 to {RECENT}"), Some("limit")))
}

/// A decision with its reasons.
#[derive(Debug, Serialize)]
pub(super) struct DecisionView {
    record: Record,
    /// By the table as it is now.
    explanation: Option<Explanation>,
    /// Whether that is the table that decided.
    same_table: bool,
}

/// `GET /dashboard/api/decisions/{id}`: one decision, explained; its prompt as far as it was recorded.
pub(super) async fn decision(
    State(sidecar): State<Arc<Sidecar>>,
    Path(id): Path<String>,
) -> Result<Json<DecisionView>, ApiError> {
    let (kept, stored) = (sidecar.traffic.get(&id), stored(&sidecar, id.clone()).await);
    let prompt = stored.as_ref().and_then(|record| record.prompt.clone());
    let Some(record) = kept.or(stored) else {
        let message = format!("decision `{id}` is neither among the newest nor in the records");
        let body = ErrorBody::invalid_request(message).param("id").code("decision_not_found");
        return Err(ApiError::new(StatusCode::NOT_FOUND, body));
    };
    let live = sidecar.live();
    let table = live.policy.table(&record.table);
    let record = Record { prompt: prompt.map(shortened), ..record };
    Ok(Json(DecisionView {
        explanation: table.map(|table| routing::explain(table, &record)),
        same_table: table.is_some_and(|table| table.hash().as_str() == record.table_hash),
        record,
    }))
}

/// The record of a decision, if it can be read.
async fn stored(sidecar: &Sidecar, id: String) -> Option<Record> {
    let path = sidecar.recording.path()?.to_owned();
    let read = move || Store::open(&path).and_then(|store| store.get(&id)).ok().flatten();
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// The prompt with what a page can show of it: the last turn of a whole one, and no more than a few thousand characters.
fn shortened(prompt: StoredPrompt) -> StoredPrompt {
    let short = |text: &str| text.chars().take(4_000).collect::<String>();
    match prompt {
        StoredPrompt::Full(prompt) => StoredPrompt::Full(Prompt::from_text(short(prompt.subject()))),
        StoredPrompt::Redacted(text) => StoredPrompt::Redacted(short(&text)),
        hash @ StoredPrompt::Hash(_) => hash,
    }
}

/// What `explain` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    text: String,
    table: Option<String>,
}

/// What a prompt would get.
#[derive(Debug, Serialize)]
pub(super) struct TriedView {
    labels: Value,
    explanation: Explanation,
    /// How long it waited for the classifier and was labelled.
    classify_us: u64,
}

/// `POST /dashboard/api/explain`: labels and decision for a prompt that is neither counted nor recorded.
pub(super) async fn explain(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TriedView>, ApiError> {
    // A form of another site's page cannot say this, so it cannot have prompts labelled.
    let is_json =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return Err(ApiError::bad_request("the body is to be application/json", None));
    }
    let bytes = body::read_at_most(&headers, body, &sidecar.limits, EXPLAIN_BYTES).await?;
    let tried: Tried = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::bad_request(format!("send {{\"text\": \"…\", \"table\": \"auto\"}}: {error}"), None)
    })?;
    let live = sidecar.live();
    let table = named(&live.policy, tried.table.as_deref())?;
    let prompt = Prompt::from_text(tried.text);
    let facts = RequestFacts { input_tokens: estimated_tokens(&prompt), ..RequestFacts::default() };
    let start = clock::monotonic();
    let labels = sidecar.labelling.of(prompt).await;
    let labels =
        labels.map_err(|error| ApiError::overloaded(format!("the prompt got no labels: {error}")))?;
    let took = clock::monotonic().saturating_duration_since(start);
    let row: LabelsRow<'_, Value> = LabelsRow::new(None, &labels);
    Ok(Json(TriedView {
        labels: serde_json::to_value(row).map_err(|error| ApiError::internal(error.to_string()))?,
        explanation: table.explain(
            &facts,
            &labels,
            &pointsman_policy::State::default(),
            UnixMicros::default(),
        ),
        classify_us: crate::serve::record::micros(took),
    }))
}

fn query<T>(asked: Result<Query<T>, QueryRejection>, hint: &str) -> Result<T, ApiError> {
    let Query(asked) =
        asked.map_err(|error| ApiError::bad_request(format!("{}; {hint}", error.body_text()), None))?;
    Ok(asked)
}
