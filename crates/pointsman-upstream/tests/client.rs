//! The client against servers that behave, and that do not.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use pointsman_domain::{ModelId, ProviderName};
use pointsman_upstream::{
    BuildError, Call, Client, ClientOptions, Dialect, Endpoint, ErrorKind, Provider, Reply, RequestBody,
    Side, UpstreamError, Wanted,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

const KEY: &str = "sk-planted-secret";
const BODY: &str = r#"{ "model" : "auto", "messages":[{"role":"user","content":"h\u00e9"}] }"#;

/// A server that answers with `response` and remembers what it was asked.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(HeaderMap, String, Bytes)>>>);

async fn server(response: fn() -> Response) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let app = Router::new().fallback(move |State(seen): State<Seen>, request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        seen.0.lock().unwrap().push((parts.headers, parts.uri.to_string(), body));
        response()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.with_state(seen.clone())).into_future());
    (address, seen)
}

/// A server that reads the request and then writes `reply` and hangs up.
async fn raw_server(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await.unwrap();
            socket.write_all(reply).await.unwrap();
        }
    });
    address
}

/// Asks provider `test` at `address`; its key is in TEST_KEY.
async fn ask(address: SocketAddr, headers: &HeaderMap) -> Result<Reply, UpstreamError> {
    let client = client(&format!("http://{address}/v1"), &[("TEST_KEY", KEY)]).unwrap();
    call(&client, "test/org/model-1", headers).await
}

fn client(base_url: &str, environment: &[(&str, &str)]) -> Result<Client, BuildError> {
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    let base_url = base_url.parse().unwrap();
    let endpoint = Endpoint { base_url, api_key_env: Some("TEST_KEY".to_owned()), responses: false };
    let providers = [
        (ProviderName::new("test"), Provider::OpenAi(endpoint)),
        (ProviderName::new("demo"), Provider::Demo),
    ];
    let options = ClientOptions { connect_timeout: Duration::from_millis(200), ..ClientOptions::default() };
    Client::new(providers, |name| environment.get(name).map(|value| (*value).to_owned()), options)
}

async fn call(client: &Client, target: &str, headers: &HeaderMap) -> Result<Reply, UpstreamError> {
    send(client, target, headers, BODY).await
}

async fn send(
    client: &Client,
    target: &str,
    headers: &HeaderMap,
    body: &'static str,
) -> Result<Reply, UpstreamError> {
    let body = RequestBody::parse(Bytes::from_static(body.as_bytes())).unwrap();
    let call = Call {
        wanted: Wanted::Reply,
        dialect: Dialect::OpenAiChat,
        headers,
        body: &body,
        request_id: "r1",
        received_unix_s: 7,
        table: None,
        about: "It was labelled chat.",
        now: || SystemTime::UNIX_EPOCH,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    client.chat(&ModelId::parse(target).unwrap(), call).await
}

async fn text(reply: Reply) -> Result<String, UpstreamError> {
    let chunks: Vec<Bytes> = reply.body.try_collect().await?;
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

#[tokio::test]
async fn a_request_goes_out_with_our_key_and_the_models_name() {
    let (address, seen) = server(|| Response::new(Body::from("ok"))).await;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer of-the-client"));
    headers.insert("openai-project", HeaderValue::from_static("p"));
    headers.insert("content-length", HeaderValue::from_static("3"));
    assert_eq!(text(ask(address, &headers).await.unwrap()).await.unwrap(), "ok");
    let (headers, path, body) = seen.0.lock().unwrap().remove(0);
    assert_eq!(path, "/v1/chat/completions");
    assert_eq!(body, BODY.replace("\"auto\"", "\"org/model-1\"").as_bytes());
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(
        (&headers["openai-project"], &headers["content-type"]),
        (&HeaderValue::from_static("p"), &HeaderValue::from_static("application/json"))
    );
    assert_eq!(headers["content-length"], body.len().to_string());
}

#[tokio::test]
async fn a_reply_comes_as_it_was_sent() {
    let (address, _) = server(|| {
        Response::builder()
            .status(429)
            .header("retry-after", "7")
            .header("content-encoding", "gzip")
            .header("set-cookie", "a=b")
            .body(Body::from(&b"\x1f\x8bnot really gzip"[..]))
            .unwrap()
    })
    .await;
    let reply = ask(address, &HeaderMap::new()).await.unwrap();
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (&reply.headers["retry-after"], &reply.headers["content-encoding"]),
        (&HeaderValue::from_static("7"), &HeaderValue::from_static("gzip"))
    );
    assert!(!reply.headers.contains_key("set-cookie"));
    let body: Vec<Bytes> = reply.body.try_collect().await.unwrap();
    assert_eq!(body.concat(), b"\x1f\x8bnot really gzip");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (address, seen) = server(|| {
        Response::builder().status(307).header("location", "/elsewhere").body(Body::empty()).unwrap()
    })
    .await;
    assert_eq!(ask(address, &HeaderMap::new()).await.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(seen.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_may_be_tried_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(address, &HeaderMap::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.kind().retryable() && error.kind().side() == Side::Upstream);
    assert!(error.to_string().starts_with("provider `test` cannot be reached: "), "{error}");
    assert!(!error.to_string().contains(&address.port().to_string()), "no URL: {error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_gave_no_reply() {
    let address = raw_server(b"").await;
    assert_eq!(ask(address, &HeaderMap::new()).await.unwrap_err().kind(), ErrorKind::NoReply);
}

#[tokio::test]
async fn a_cut_reply_is_an_error_after_what_came() {
    let address = raw_server(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let mut reply = ask(address, &HeaderMap::new()).await.unwrap();
    assert_eq!(reply.body.try_next().await.unwrap().unwrap(), "hello");
    let error = reply.body.try_next().await.unwrap_err();
    assert_eq!((error.kind(), error.kind().side()), (ErrorKind::CutReply, Side::Upstream));
}

#[tokio::test]
async fn unknown_providers_and_missing_keys_are_told() {
    let client = client("http://127.0.0.1:9/v1", &[("TEST_KEY", " ")]).unwrap();
    let error = call(&client, "tset/x", &HeaderMap::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no provider `tset`: known providers: demo, test");
    assert_eq!((error.kind().side(), error.kind().status()), (Side::Downstream, StatusCode::NOT_FOUND));
    let error = call(&client, "test/x", &HeaderMap::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "provider `test` needs a key: set TEST_KEY in the environment that pointsman is started in"
    );
    let missing = client.missing(&ProviderName::new("test"));
    assert_eq!(missing.as_deref(), Some("set TEST_KEY in the environment that pointsman is started in"));
    assert_eq!(client.missing(&ProviderName::new("demo")), None);
}

#[tokio::test]
async fn keys_are_not_to_be_seen() {
    let client = client("http://127.0.0.1:9/v1", &[("TEST_KEY", KEY)]).unwrap();
    let error = call(&client, "test/x", &HeaderMap::new()).await.unwrap_err();
    let bad = self::client("http://127.0.0.1:9/v1", &[("TEST_KEY", "sk-planted\nsecret")]).unwrap_err();
    let seen = format!("{client:?} {error} {error:?} {bad} {bad:?}");
    assert!(!seen.contains("planted"), "{seen}");
    assert!(bad.to_string().contains("TEST_KEY"));
}

#[tokio::test]
async fn the_demo_provider_answers_alike_every_time() {
    let client = client("http://127.0.0.1:9/v1", &[]).unwrap();
    let said = async || text(call(&client, "demo/large", &HeaderMap::new()).await.unwrap()).await.unwrap();
    let first = said().await;
    assert_eq!(first, said().await);
    insta::assert_snapshot!(first);
}

#[tokio::test]
async fn the_demo_provider_streams_what_it_would_say_at_once() {
    const STREAMED: &str = r#"{"model":"auto","stream":true,"stream_options":{"include_usage":true},
        "messages":[{"role":"user","content":"hi"}]}"#;
    let client = client("http://127.0.0.1:9/v1", &[]).unwrap();
    let ask =
        async |body| text(send(&client, "demo/m", &HeaderMap::new(), body).await.unwrap()).await.unwrap();
    let whole: Value =
        serde_json::from_str(&ask(r#"{"model":"","messages":[{"role":"user","content":"hi"}]}"#).await)
            .unwrap();
    let events = ask(STREAMED).await;
    let mut events: Vec<&str> =
        events.split_terminator("\n\n").map(|e| e.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    let events: Vec<Value> = events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let said: String = events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(whole["choices"][0]["message"]["content"], said);
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert!(events.iter().all(|e| e["object"] == "chat.completion.chunk" && e["id"] == whole["id"]));
}

#[tokio::test]
async fn the_demo_provider_keeps_to_the_length_allowed_and_refuses_what_is_no_chat() {
    let client = client("http://127.0.0.1:9/v1", &[]).unwrap();
    let ask = async |body| send(&client, "demo/m", &HeaderMap::new(), body).await.unwrap();
    let short = ask(r#"{"model":"","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#).await;
    assert_eq!(short.headers[CONTENT_TYPE], "application/json");
    let short: Value = serde_json::from_str(&text(short).await.unwrap()).unwrap();
    assert_eq!(short["choices"][0]["finish_reason"], "length");
    assert!(
        short["usage"]["completion_tokens"].as_u64().is_some_and(|tokens| (1..=4).contains(&tokens)),
        "{short}"
    );
    let refused = ask(r#"{"model":""}"#).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(text(refused).await.unwrap().contains("`messages` is missing"));
}
