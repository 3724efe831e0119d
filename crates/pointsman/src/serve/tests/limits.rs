//! What is too large, too slow or too much.

use std::time::Duration;

use futures_util::{FutureExt as _, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lifetime::serve;
use super::upstream::Upstream;
use super::*;

const PATH: &str = "/v1/chat/completions";

/// Longer than anything here takes; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn too_many_messages_or_images_are_refused() {
    let app = app(&format!("{DEMO}[server]\nmessages_limit = 3\nimages_limit = 1\n"));
    let user = json!({"role": "user", "content": "hi"});
    let image = json!({"type": "image_url", "image_url": {"url": "https://x"}});
    let shown = json!({"role": "user", "content": [image, image]});
    for model in ["auto", "cheap"] {
        for (path, key, items, status) in [
            (PATH, "messages", vec![&user; 3], 200),
            (PATH, "messages", vec![&user; 4], 413),
            (PATH, "messages", vec![&shown], 413),
            ("/v1/responses", "input", vec![&user; 3], 200),
            ("/v1/responses", "input", vec![&user; 4], 413),
            ("/v1/messages", "messages", vec![&user; 4], 413),
        ] {
            let body = json!({"model": model, "max_tokens": 5, key: items}).to_string();
            let answer = ask(&app, post(path, body)).await;
            assert_eq!(answer.status.as_u16(), status, "{model} {path} {}", answer.text());
            if status == 413 {
                assert!(answer.text().contains("_limit in [server]"), "{}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn no_more_than_so_many_are_answered_at_once() {
    let upstream = Upstream::start().await;
    let config = upstream.config(&["gated"]) + "[server]\nin_flight_limit = 1\n";
    let app = app(&config);
    let begun = app.clone().oneshot(post(PATH, chat("auto", "hi"))).await.expect("infallible");
    assert_eq!(begun.status(), StatusCode::OK, "its head has come, its body has not");
    for (path, dialect) in [(PATH, "server_error"), ("/v1/messages", "overloaded_error")] {
        let answer = ask(&app, post(path, chat("auto", "hi"))).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
        assert_eq!(answer.json()["error"]["type"], dialect);
    }
    for path in ["/healthz", "/metrics"] {
        assert_eq!(ask(&app, get(path)).await.status, StatusCode::OK, "{path}");
    }
    drop(begun);
    let next = app.clone().oneshot(post(PATH, chat("auto", "hi"))).await.expect("infallible");
    assert_eq!(next.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = app(&format!("{DEMO}[server]\nbody_timeout_ms = 20\n"));
    let never = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = timeout(PATIENCE, ask(&app, post(PATH, never))).await.expect("in time");
    assert_eq!(answer.error(), (408, "invalid_request_error".into(), Value::Null, json!("request_timeout")));
}

/// What the sidecar does with a connection that sends `bytes` and nothing more.
async fn outcome(config: &str, bytes: &[u8]) -> String {
    let served = serve(config).await;
    let mut connection = TcpStream::connect(served.address).await.expect("a connection");
    connection.write_all(bytes).await.expect("sent");
    let mut read = Vec::new();
    // A connection that is reset has ended, too.
    let _: Result<usize, _> = timeout(PATIENCE, connection.read_to_end(&mut read)).await.expect("in time");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn heads_that_do_not_come_or_are_too_long_end_the_connection() {
    let slow = format!("{DEMO}[server]\nheader_timeout_ms = 30\n");
    for begun in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let said = outcome(&slow, begun.as_bytes()).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{begun}: {said}");
    }
    let small = format!("{DEMO}[server]\nheader_limit_bytes = 8192\n");
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(20_000));
    let said = outcome(&small, long.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert!(outcome(DEMO, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let upstream = Upstream::start().await;
    let config = upstream.config(&["gated"]) + "[server]\nwrite_timeout_ms = 50\n";
    let served = serve(&config).await;
    let connection = served.send(&chat("auto", "hi")).await;
    let gate = upstream.gate.as_ref().expect("open");
    let much: &'static str = Box::leak("x".repeat(1 << 20).into_boxed_str());
    // More than all buffers on the way hold.
    for _ in 0..64 {
        gate.send(much).expect("the provider listens");
    }
    let given_up = async {
        while served.metric("pointsman_in_flight").await != "1" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, given_up).await.expect("in time");
    drop(connection);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let served = serve(&format!("{DEMO}[server]\nconnections_limit = 1\n")).await;
    let first = TcpStream::connect(served.address).await.expect("a connection");
    let mut second = TcpStream::connect(served.address).await.expect("the system takes it");
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut read = Vec::new();
    let mut answered = Box::pin(second.read_to_end(&mut read));
    // The first must have been taken before this says anything.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(answered.as_mut().now_or_never().is_none(), "there is no room");
    drop(first);
    timeout(PATIENCE, answered).await.expect("in time").expect("answered");
    assert!(String::from_utf8_lossy(&read).starts_with("HTTP/1.1 200"));
}
