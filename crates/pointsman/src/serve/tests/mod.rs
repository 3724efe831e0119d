//! The sidecar with a labeller that goes by words, and with providers that behave, or do not.

mod anthropic;
mod api;
mod chat;
mod dashboard;
mod deploy;
mod failures;
mod keys;
mod lifetime;
mod limits;
mod record;
mod reload;
mod responses;
mod spans;
mod tls;
mod upstream;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use pointsman_classifier::{ClassifyError, Labeller};
use pointsman_domain::{AbstainReason, Difficulty, Labels, Prompt, Task, TokenCount, Vocabulary};
use pointsman_policy::config::Source;
use serde_json::Value;
use tower::ServiceExt as _;

use super::sidecar::Sidecar;
use crate::config::Config;

/// Labels by words: "prime" is hard math, "panic" panics, "long" is truncated, blank is an abstention, the rest is easy chat.
struct ByWord;

impl Labeller for ByWord {
    fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        Ok(prompts.iter().map(label).collect())
    }

    fn work(&self, _: &Prompt) -> usize {
        1
    }
}

fn label(prompt: &Prompt) -> Labels {
    let says = |word: &str| prompt.subject().contains(word);
    assert!(!says("panic"), "the labeller was asked to panic");
    let (task, share) = if says("prime") { ("math", 0.6) } else { ("chat", 0.1) };
    let task = Task::new(task).expect("well formed");
    let difficulty = Difficulty::new(share);
    Labels {
        task_scores: vec![(task.clone(), 0.9)],
        task,
        task_confidence: 0.9,
        difficulty,
        ability: difficulty.ability(),
        ability_sd: 0.5,
        band: difficulty.band(),
        band_confidence: 0.8,
        abstained: prompt.is_blank().then_some(AbstainReason::Empty),
        tokens: TokenCount(if says("long") { 6310 } else { 5 }),
        tokens_seen: TokenCount(if says("long") { 512 } else { 5 }),
    }
}

/// Labels nothing until its gate is dropped.
struct Stuck(Mutex<mpsc::Receiver<()>>);

impl Stuck {
    fn new() -> (mpsc::Sender<()>, Arc<Self>) {
        let (gate, wait) = mpsc::channel();
        (gate, Arc::new(Self(Mutex::new(wait))))
    }
}

impl Labeller for Stuck {
    fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        // An error is what is waited for: the gate has been dropped.
        let _: Result<(), _> = self.0.lock().expect("one worker").recv();
        ByWord.label(prompts)
    }

    fn work(&self, _: &Prompt) -> usize {
        1
    }
}

fn config(text: &str) -> Config {
    let (config, diagnostics) = Config::read(Source::new("pointsman.toml", text));
    assert!(!diagnostics.has_errors(), "{:#?}", diagnostics.into_sorted());
    config
}

fn sidecar(config: &Config, labeller: Arc<dyn Labeller>) -> Arc<Sidecar> {
    let (policy, _) = config.policy(&Vocabulary::standard()).expect("a table");
    let id = super::ClassifierId {
        name: "by-word 1".to_owned(),
        weights_hash: "ab".repeat(32),
        engine: "none".to_owned(),
        ability_sd: 0.5,
    };
    Arc::new(super::sidecar(config, policy, labeller, id).expect("a sidecar"))
}

/// The whole HTTP surface, without a socket.
fn app(config_text: &str) -> Router {
    super::app(sidecar(&config(config_text), Arc::new(ByWord)))
}

/// Three demo models and a named table.
const DEMO: &str = r#"
[models]
cheap  = "demo/small"
strong = "demo/large"
[route]
default = "cheap"
unsure  = "strong"
"math.hard" = "strong"
[tables.frugal]
default = "cheap"
"#;

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).expect("valid")
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("valid")
}

/// A chat of one user turn.
fn chat(model: &str, text: &str) -> String {
    serde_json::json!({"model": model, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// A response that has been read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        Self { status: head.status, headers: head.headers, body }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Status, type, field and code of an error in OpenAI's shape.
    fn error(&self) -> (u16, String, Value, Value) {
        let error = &self.json()["error"];
        assert!(error["message"].is_string(), "{error}");
        let kind = error["type"].as_str().expect("a type").to_owned();
        (self.status.as_u16(), kind, error["param"].clone(), error["code"].clone())
    }
}

async fn ask(app: &Router, request: Request<Body>) -> Answer {
    Answer::of(app.clone().oneshot(request).await.expect("infallible")).await
}
