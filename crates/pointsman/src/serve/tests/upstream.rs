//! A provider that does as the path says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// What the provider got, and what became of it.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A request: headers and body.
    Asked(HeaderMap, Bytes),
    /// A reply, or the wait for one, was given up by the other side before its end.
    GivenUp,
}

/// A provider on a port of its own.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    /// What happens, in order.
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    /// Lets `/gated` send one chunk more for each message; closing it ends the reply.
    pub(super) gate: Option<mpsc::UnboundedSender<&'static str>>,
}

#[derive(Clone)]
struct Shared {
    /// How many requests have come.
    asked: Arc<AtomicUsize>,
    events: mpsc::UnboundedSender<Event>,
    gate: Arc<Mutex<mpsc::UnboundedReceiver<&'static str>>>,
}

/// Reports [`Event::GivenUp`] unless it is defused.
struct Bomb(Option<mpsc::UnboundedSender<Event>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(events) = &self.0 {
            let _: Result<(), _> = events.send(Event::GivenUp);
        }
    }
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let (events, seen) = mpsc::unbounded_channel();
        let (gate, gated) = mpsc::unbounded_channel();
        let asked = Arc::default();
        let shared = Shared { asked, events, gate: Arc::new(Mutex::new(gated)) };
        let app = Router::new()
            .route("/{behaviour}/chat/completions", axum::routing::post(reply))
            .route("/{behaviour}/responses", axum::routing::post(reply))
            .route("/{behaviour}/completions", axum::routing::post(reply))
            .route("/{behaviour}/embeddings", axum::routing::post(reply))
            .route("/{behaviour}/models", axum::routing::get(models))
            .route("/{behaviour}/v1/messages", axum::routing::post(reply))
            .route("/{behaviour}/v1/messages/count_tokens", axum::routing::post(count))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { address, events: seen, gate: Some(gate) }
    }

    /// A configuration whose default row is of models that behave like this.
    pub(super) fn config(&self, behaviours: &[&str]) -> String {
        let mut text = format!("[route]\ndefault = {:?}\n[models]\n", behaviours);
        for behaviour in behaviours {
            text += &format!("{behaviour} = \"{behaviour}/{behaviour}-model\"\n");
        }
        for behaviour in behaviours {
            let url = match *behaviour {
                "refused" => "http://127.0.0.1:1".to_owned(),
                behaviour => format!("http://{}/{behaviour}", self.address),
            };
            // The key is any variable that every environment has.
            let kind = if behaviour.starts_with("claude") {
                "kind = \"anthropic\"\napi_key_env = \"PATH\""
            } else if behaviour.starts_with("resp") {
                "kind = \"openai_compatible\"\nresponses = true"
            } else {
                "kind = \"openai_compatible\""
            };
            text += &format!("[providers.{behaviour}]\n{kind}\nbase_url = \"{url}\"\n");
        }
        text
    }
}

async fn reply(State(shared): State<Shared>, Path(behaviour): Path<String>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
    let _: Result<(), _> = shared.events.send(Event::Asked(head.headers, body.clone()));
    match behaviour.as_str() {
        "echo" | "resp-echo" => Response::builder()
            .header("x-asked-path", head.uri.path())
            .header("x-request-id", "req_upstream")
            .header("x-pointsman-model", "spoofed")
            .header("set-cookie", "a=b")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .body(Body::from(body))
            .expect("valid"),
        "full" => Response::builder()
            .status(400)
            .header("content-type", "application/json")
            .body(Body::from(
                r#"{"error":{"message":"This model's maximum context length is 10 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            ))
            .expect("valid"),
        "fail" => Response::builder().status(500).body(Body::from("it broke")).expect("valid"),
        "busy" => Response::builder()
            .status(429)
            .header("retry-after", "9")
            .body(Body::from("busy"))
            .expect("valid"),
        "flaky" if shared.asked.fetch_add(1, Ordering::Relaxed) == 0 => {
            Response::builder().status(503).header("retry-after", "0").body(Body::empty()).expect("valid")
        }
        "flaky" => told("gpt", &body),
        "mute" => event_stream(Body::from(
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
             data: {\"error\":{\"message\":\"it broke\"}}\n\n",
        )),
        "cut" => {
            let chunks = [Ok("data: one\n\n"), Err("the provider is gone")];
            // The pause lets the first chunk be sent before the connection is.
            let chunks = stream::iter(chunks).then(async |chunk| {
                tokio::task::yield_now().await;
                chunk
            });
            Response::new(Body::from_stream(chunks))
        }
        "hang" => {
            let _bomb = Bomb(Some(shared.events));
            std::future::pending().await
        }
        "gated" => Response::new(gated(shared)),
        "claude" | "gpt" => told(&behaviour, &body),
        "json-junk" => json_reply(Body::from("{ no JSON")),
        "json-cut" => {
            let chunks = [Ok("{\"id\":"), Err("the provider is gone")];
            let chunks = stream::iter(chunks).then(async |chunk| {
                tokio::task::yield_now().await;
                chunk
            });
            json_reply(Body::from_stream(chunks))
        }
        "claude-cut" | "gpt-cut" => {
            let whole = match behaviour.as_str() {
                "claude-cut" => include_str!("replies/claude.sse"),
                _ => include_str!("replies/gpt.sse"),
            };
            let begun = whole.split_inclusive("\n\n").take(4).collect::<String>();
            let chunks = [Ok(begun), Err("the provider is gone")];
            let chunks = stream::iter(chunks).then(async |chunk| {
                tokio::task::yield_now().await;
                chunk
            });
            event_stream(Body::from_stream(chunks))
        }
        "claude-busy" => Response::builder()
            .status(429)
            .header("retry-after", "9")
            .body(Body::from(r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#))
            .expect("valid"),
        "noise" => Response::new(Body::from_stream(stream::iter(noise(&body)).map(Ok::<_, Infallible>))),
        other => panic!("no such behaviour: {other}"),
    }
}

/// Whether the provider is there: one that fails is not.
async fn models(Path(behaviour): Path<String>) -> axum::http::StatusCode {
    if behaviour == "fail" {
        axum::http::StatusCode::SERVICE_UNAVAILABLE
    } else {
        axum::http::StatusCode::UNAUTHORIZED
    }
}

async fn count() -> &'static str {
    r#"{"input_tokens":77}"#
}

/// A reply as the provider documents it, streamed if that was asked for.
fn told(provider: &str, request: &Bytes) -> Response {
    let request: serde_json::Value = serde_json::from_slice(request).expect("JSON");
    let (stream, whole) = match provider {
        "claude" => (include_str!("replies/claude.sse"), include_str!("replies/claude.json")),
        _ => (include_str!("replies/gpt.sse"), include_str!("replies/gpt.json")),
    };
    if request["stream"] == true {
        return event_stream(Body::from(stream));
    }
    Response::builder()
        .header("content-type", "application/json")
        .header(if provider == "claude" { "request-id" } else { "x-request-id" }, "req_1")
        .body(Body::from(whole))
        .expect("valid")
}

fn json_reply(body: Body) -> Response {
    Response::builder().header("content-type", "application/json").body(body).expect("valid")
}

fn event_stream(body: Body) -> Response {
    Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(body).expect("valid")
}

/// Chunks that come when the test says so.
fn gated(shared: Shared) -> Body {
    let bomb = Bomb(Some(shared.events));
    Body::from_stream(stream::unfold((shared.gate, bomb), |(gate, mut bomb)| async move {
        let chunk = gate.lock().await.recv().await;
        if chunk.is_none() {
            bomb.0 = None;
        }
        chunk.map(|chunk| (Ok::<_, Infallible>(chunk), (gate, bomb)))
    }))
}

/// Bytes of all kinds in chunks of all sizes, the same for the same `seed` (xorshift, Marsaglia 2003).
pub(super) fn noise(seed: &[u8]) -> Vec<Bytes> {
    let mut state = seed.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..40)
        .map(|_| {
            let length = usize::try_from(next() % 2_000 + 1).expect("small");
            (0..length).map(|_| next().to_le_bytes()[3]).collect()
        })
        .collect()
}
