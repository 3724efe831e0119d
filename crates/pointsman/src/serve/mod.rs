//! The sidecar: a server that speaks OpenAI's and Anthropic's APIs and routes `model: "auto"`.
//!
//! [`run`] wires it; [`app`] is the whole of its HTTP surface, one file an endpoint.

mod baseline;
mod body;
mod chat;
mod classify;
mod clock;
mod completions;
mod dashboard;
mod destination;
mod embeddings;
mod error;
mod feedback;
mod forward;
mod health;
mod health_checks;
mod held;
mod incoming;
mod input;
mod keys;
mod labelling;
mod limits;
mod listen;
mod live;
mod messages;
mod metrics;
mod models;
mod observe;
mod record;
mod record_reply;
mod reload;
mod request_id;
mod responses;
mod route;
mod routing;
mod sidecar;
mod spans;
mod stats;
mod stop;
mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::{StatusCode, Uri};
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use pointsman_classifier::{Labeller, Pace, Queue, QueueLimits};
use pointsman_domain::Vocabulary;
use pointsman_policy::Policy;
use pointsman_policy::config::Severity;
use pointsman_upstream::openai::ErrorBody;
use tokio::net::TcpListener;

use self::dashboard::Access;
use self::error::ApiError;
use self::keys::Keys;
use self::listen::Door;
use self::live::Live;
pub(crate) use self::record::ClassifierId;
use self::record::Recording;
use self::reload::Reloader;
use self::sidecar::Sidecar;
use self::spans::Spans;
use crate::config::Config;
use crate::{environment, upstream};

/// What labels prompts.
pub(crate) struct Labels {
    pub(crate) labeller: Arc<dyn Labeller>,
    /// The tasks that it labels with.
    pub(crate) vocabulary: Vocabulary,
    pub(crate) id: ClassifierId,
}

/// Runs the sidecar on `listen`, or where the configuration says, until the process is told to end. Once it listens, it
/// says so on standard error, with the port.
pub(crate) fn run(config: &Config, labels: Labels, listen: Option<SocketAddr>) -> Result<()> {
    let (policy, findings) = config.policy(&labels.vocabulary)?;
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Note) {
        anstream::eprintln!("{finding:#}");
    }
    let listen = listen.unwrap_or(config.server.listen);
    let sidecar = Arc::new(sidecar(&config.listening_on(listen), policy, labels.labeller, labels.id)?);
    listen::allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let reloader = Reloader::new(Arc::clone(&sidecar), config, labels.vocabulary);
    let outcome = runtime.block_on(serve(Arc::clone(&sidecar), config, reloader, listen));
    runtime.shutdown_background();
    keys::finish(&sidecar, &config.server.spent_path);
    sidecar.recording.finish();
    sidecar.spans.finish();
    // The classifier's threads are waited for here, where nothing else waits for this thread.
    drop(sidecar);
    outcome
}

fn sidecar(
    config: &Config,
    policy: Policy,
    labeller: Arc<dyn Labeller>,
    classifier: ClassifierId,
) -> Result<Sidecar> {
    let limits = QueueLimits { prompts: config.classifier.queue, ..QueueLimits::default() };
    // Whoever comes as a batch begins waits for that one and for their own, and has time left.
    let pace = Pace::new(config.classifier.timeout / 3, clock::since_start);
    let queue = Queue::start(labeller, limits, Some(pace));
    let queue = queue.context("the classifier's threads cannot be started")?;
    let abilities = Arc::clone(&config.abilities);
    let upstream = Arc::new(upstream::client(config, &config.server)?);
    let keys = Keys::new(&config.keys, &Keys::default());
    let live = Live { policy, abilities, upstream, keys };
    let recording = Recording::start(config.record.clone(), classifier)?;
    let spans = Spans::start(&config.telemetry, environment::variable)?;
    Ok(Sidecar::new(config, live, queue, recording, spans))
}

async fn serve(
    sidecar: Arc<Sidecar>,
    config: &Config,
    reloader: Option<Reloader>,
    listen: SocketAddr,
) -> Result<()> {
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let door = Door::new(&config.server)?;
    announce(&sidecar, config, address);
    let stops = stop::signals().context("signals cannot be listened for")?;
    if let Some(reloader) = reloader {
        tokio::spawn(reloader.run(reload::hangups().context("signals cannot be listened for")?));
    }
    remember(Arc::clone(&sidecar));
    keys::restore(&sidecar, &config.server.spent_path);
    tokio::spawn(keys::run(Arc::clone(&sidecar), config.server.spent_path.clone()));
    tokio::spawn(health_checks::run(Arc::clone(&sidecar)));
    let app = app(Arc::clone(&sidecar));
    stop::serve_until(listener, door, app, sidecar, config.server.drain_timeout, stops).await;
    Ok(())
}

/// Decisions of the days before that are read when the sidecar starts.
const REMEMBERED: usize = 20_000;

/// Reads the labels of recorded decisions, in the background, for drift to be measured against.
fn remember(sidecar: Arc<Sidecar>) {
    let Some(path) = sidecar.recording.path().map(std::path::Path::to_owned) else { return };
    tokio::task::spawn_blocking(move || {
        let now_us = clock::now().0;
        let each = |record: Result<pointsman_record::Record, pointsman_record::StoreError>| {
            if let Ok(record) = record {
                sidecar.traffic.remember(&record, now_us);
            }
            Ok::<(), pointsman_record::StoreError>(())
        };
        let filter = pointsman_record::Filter { since_us: 0, newest: Some(REMEMBERED) };
        // A file that is not there yet has nothing to say; one that cannot be read is reported by the recorder.
        let read = pointsman_record::Store::open(&path).and_then(|store| store.each(filter, each));
        if let Err(error) = read {
            tracing::debug!(%error, "no records from before are known");
        }
    });
}

/// Says where the sidecar listens, and what a person should know before relying on it.
fn announce(sidecar: &Sidecar, config: &Config, address: SocketAddr) {
    let scheme = sidecar.scheme;
    anstream::eprintln!("pointsman listens on {scheme}://{address} ({})", config.origin());
    let classifier = sidecar.recording.classifier();
    anstream::eprintln!("prompts are labelled by {} with the engine {}", classifier.name, classifier.engine);
    let said_by_the_configuration = address.ip() == config.server.listen.ip();
    if !address.ip().is_loopback() && !said_by_the_configuration && config.keys.is_empty() {
        anstream::eprintln!("warning: others than this machine can reach it, and spend your API keys");
    }
    match &sidecar.dashboard {
        Access::Off => {}
        Access::NoKey(missing) => anstream::eprintln!("warning: there is no dashboard: {missing}"),
        Access::Loopback | Access::Key(_) => anstream::eprintln!("the dashboard is at {scheme}://{address}/"),
    }
    if sidecar.spans.is_on() {
        anstream::eprintln!("traces are sent over OTLP");
    }
    if let Some(record) = &config.record {
        anstream::eprintln!("decisions are recorded in {}", record.path.display());
    }
    announce_missing_keys(&sidecar.live());
}

fn announce_missing_keys(live: &Live) {
    for (provider, missing) in upstream::missing(&live.policy, &live.upstream) {
        anstream::eprintln!("warning: models at `{provider}` cannot answer: {missing}");
    }
}

/// Every path that the sidecar answers.
fn app(sidecar: Arc<Sidecar>) -> Router {
    let router = Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/responses", post(responses::create))
        .route("/v1/responses/{*rest}", any(responses::stored))
        .route("/v1/completions", post(completions::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/messages", post(messages::create))
        .route("/v1/messages/count_tokens", post(messages::count_tokens))
        .route("/v1/classify", post(classify::classify))
        .route("/v1/route", post(route::route))
        .route("/v1/feedback", post(feedback::feedback))
        .route("/v1/stats", get(stats::stats))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(dashboard::routes(&sidecar))
        .fallback(async |uri: Uri| unknown_path().at(uri.path()))
        .method_not_allowed_fallback(async |uri: Uri| wrong_method().at(uri.path()));
    with_layers(router, sidecar)
}

/// What happens around every request, the outermost last.
fn with_layers(router: Router<Arc<Sidecar>>, sidecar: Arc<Sidecar>) -> Router {
    router
        .layer(middleware::from_fn_with_state(Arc::clone(&sidecar), keys::layer))
        .layer(middleware::from_fn_with_state(Arc::clone(&sidecar), limits::layer))
        .layer(middleware::from_fn_with_state(Arc::clone(&sidecar), observe::layer))
        .layer(middleware::from_fn(request_id::layer))
        .with_state(sidecar)
}

fn unknown_path() -> ApiError {
    let message = "there is nothing at this path: try /v1/chat/completions, /v1/responses, /v1/messages, /v1/classify, \
                   /v1/route or /v1/models";
    ApiError::new(StatusCode::NOT_FOUND, ErrorBody::invalid_request(message).code("unknown_path"))
}

fn wrong_method() -> ApiError {
    let message = "this path takes another method: the header `allow` names it";
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorBody::invalid_request(message).code("method_not_allowed"),
    )
}

#[cfg(test)]
mod tests;
