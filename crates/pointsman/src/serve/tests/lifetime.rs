//! Streams over sockets: whole, cut, given up, drained.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc as tokio_mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::listen::Door;
use super::super::stop::serve_until;
use super::upstream::{Event, Upstream, noise};
use super::*;

/// Longer than anything here takes; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sidecar on a port of its own.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    sidecar: Arc<Sidecar>,
    stop: tokio_mpsc::Sender<()>,
    server: JoinHandle<()>,
}

pub(super) async fn serve(config_text: &str) -> Served {
    let config = config(config_text);
    let sidecar = sidecar(&config, Arc::new(ByWord));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stops) = tokio_mpsc::channel(2);
    let door = Door::new(&config.server).expect("a door");
    let app = super::super::app(Arc::clone(&sidecar));
    let server = tokio::spawn(serve_until(
        listener,
        door,
        app,
        Arc::clone(&sidecar),
        config.server.drain_timeout,
        stops,
    ));
    Served { address, sidecar, stop, server }
}

impl Served {
    pub(super) async fn metric(&self, name: &str) -> String {
        let text = ask(&super::super::app(Arc::clone(&self.sidecar)), get("/metrics")).await;
        let line = text.text().lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    /// Sends a request and returns the connection.
    pub(super) async fn send(&self, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.expect("a connection");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
        connection
    }
}

/// Reads until `text` has come.
async fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut buffer = [0; 1024];
        let length =
            timeout(PATIENCE, connection.read(&mut buffer)).await.expect("in time").expect("readable");
        assert_ne!(length, 0, "ended before `{text}`: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

async fn read_all(mut connection: TcpStream) -> (String, std::io::Result<usize>) {
    let mut read = Vec::new();
    let end = timeout(PATIENCE, connection.read_to_end(&mut read)).await.expect("in time");
    (String::from_utf8_lossy(&read).into_owned(), end)
}

#[tokio::test]
async fn two_hundred_streams_at_once_come_byte_for_byte() {
    let upstream = Upstream::start().await;
    let served = serve(&upstream.config(&["noise"])).await;
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client");
    let url = format!("http://{}/v1/chat/completions", served.address);
    let stream = async |number: usize| {
        let body = chat("auto", &format!("stream {number}"));
        let expected = noise(body.replace("\"auto\"", "\"noise-model\"").as_bytes()).concat();
        let response = client.post(&url).body(body).send().await.expect("a reply");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-pointsman-model"], "noise");
        assert!(response.bytes().await.expect("a whole reply") == expected, "stream {number} differs");
    };
    timeout(PATIENCE, join_all((0..200).map(stream))).await.expect("in time");
}

#[tokio::test]
async fn a_reply_that_is_cut_does_not_look_whole() {
    let upstream = Upstream::start().await;
    let served = serve(&upstream.config(&["cut"])).await;
    let (reply, _) = read_all(served.send(&chat("auto", "hi")).await).await;
    assert!(reply.contains("data: one"), "{reply}");
    assert!(!reply.ends_with("0\r\n\r\n"), "the end of a whole reply: {reply}");
    assert_eq!(
        served.metric("pointsman_upstream_errors_total{provider=\"cut\",kind=\"upstream_cut_reply\"").await,
        "1"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call() {
    for (behaviour, first) in [("hang", None), ("gated", Some("data: one"))] {
        let mut upstream = Upstream::start().await;
        let served = serve(&upstream.config(&[behaviour])).await;
        let mut connection = served.send(&chat("auto", "hi")).await;
        let asked = timeout(PATIENCE, upstream.events.recv()).await.expect("in time");
        assert!(matches!(asked, Some(Event::Asked(..))));
        if let Some(first) = first {
            upstream.gate.as_ref().expect("open").send(first).expect("the provider listens");
            read_until(&mut connection, first).await;
        }
        assert_eq!(served.metric("pointsman_in_flight").await, "2", "that one and the one that asks");
        drop(connection);
        let end = timeout(PATIENCE, upstream.events.recv()).await.expect("the provider sees it");
        assert_eq!(end, Some(Event::GivenUp), "{behaviour}");
        while served.metric("pointsman_in_flight").await != "1" {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn told_to_end_it_finishes_streams_and_takes_no_more() {
    let mut upstream = Upstream::start().await;
    let served = serve(&upstream.config(&["gated"])).await;
    let mut connection = served.send(&chat("auto", "hi")).await;
    let gate = upstream.gate.take().expect("open");
    gate.send("data: one").expect("the provider listens");
    read_until(&mut connection, "data: one").await;
    served.stop.send(()).await.expect("it runs");
    while !served.sidecar.is_draining() {
        tokio::task::yield_now().await;
    }
    gate.send("data: two").expect("the provider listens");
    read_until(&mut connection, "data: two").await;
    drop(gate);
    let (rest, end) = read_all(connection).await;
    assert!(end.is_ok() && rest.ends_with("0\r\n\r\n"), "a whole reply: {rest}");
    timeout(PATIENCE, served.server).await.expect("in time").expect("no panic");
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn streams_that_do_not_end_are_not_waited_for_forever() {
    for (server, stops) in [("[server]\ndrain_timeout_ms = 1\n", 1), ("", 2)] {
        let upstream = Upstream::start().await;
        let served = serve(&(upstream.config(&["gated"]) + server)).await;
        let mut connection = served.send(&chat("auto", "hi")).await;
        upstream.gate.as_ref().expect("open").send("data: one").expect("the provider listens");
        read_until(&mut connection, "data: one").await;
        for _ in 0..stops {
            served.stop.send(()).await.expect("it runs");
        }
        timeout(PATIENCE, served.server).await.expect("in time").expect("no panic");
    }
}
