//! Requests at a steady rate, and how long they take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

type Connection = SendRequest<Full<Bytes>>;

/// What is asked, and over which connections.
pub struct Target {
    uri: Uri,
    body: Bytes,
    headers: Vec<(String, String)>,
    idle: Mutex<Vec<Connection>>,
}

/// How one request went.
struct Taken {
    first: Duration,
    whole: Duration,
}

impl Target {
    pub fn new(url: &str, body: &str, headers: &[&str]) -> Arc<Self> {
        let split = |header: &&str| header.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
        Arc::new(Self {
            uri: url.parse().expect("a URL"),
            body: std::fs::read(body).expect("the body can be read").into(),
            headers: headers.iter().filter_map(split).collect(),
            idle: Mutex::default(),
        })
    }

    async fn connect(&self) -> Option<Connection> {
        let stream = TcpStream::connect(self.uri.authority()?.as_str()).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }

    /// Sends a request that was due at `due`; nothing if it failed. Of a stream the first text counts as its first byte.
    async fn ask(&self, due: Instant, is_stream: bool) -> Option<Taken> {
        let idle = self.idle.lock().await.pop().filter(|connection| !connection.is_closed());
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.ok()?;
        let path = self.uri.path_and_query()?.as_str();
        let mut request = Request::post(path)
            .header("host", self.uri.authority()?.as_str())
            .header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response =
            connection.send_request(request.body(Full::new(self.body.clone())).ok()?).await.ok()?;
        let is_success = response.status().is_success();
        let (mut body, mut first) = (response.into_body(), None);
        while let Some(frame) = body.frame().await {
            let data = frame.ok()?.into_data().unwrap_or_default();
            let says = !is_stream || data.windows(5).any(|window| window == b"word ");
            if says {
                first.get_or_insert(due.elapsed());
            }
        }
        let taken = Taken { first: first?, whole: due.elapsed() };
        self.idle.lock().await.push(connection);
        is_success.then_some(taken)
    }
}

/// Sends `rate` requests a second for `seconds`, and says how long they took, in milliseconds.
pub async fn run(target: Arc<Target>, rate: u32, seconds: u32, is_stream: bool) -> Value {
    let begun = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..rate * seconds {
        let due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        sleep_until(due.into()).await;
        let target = Arc::clone(&target);
        requests.spawn(async move { target.ask(due, is_stream).await });
    }
    let outcomes = requests.join_all().await;
    let took = begun.elapsed();
    let failed = outcomes.iter().filter(|outcome| outcome.is_none()).count();
    let taken: Vec<Taken> = outcomes.into_iter().flatten().collect();
    let of = |part: fn(&Taken) -> Duration| percentiles(taken.iter().map(part).collect());
    json!({
        "sent": rate * seconds, "failed": failed, "rate": f64::from(rate * seconds) / took.as_secs_f64(),
        "first_ms": of(|taken| taken.first), "whole_ms": of(|taken| taken.whole),
    })
}

fn percentiles(mut durations: Vec<Duration>) -> Value {
    durations.sort_unstable();
    let at = |share: f64| {
        let index = ((durations.len() as f64 * share).ceil() as usize).clamp(1, durations.len().max(1)) - 1;
        durations.get(index).map(|duration| duration.as_secs_f64() * 1e3)
    };
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1.0)})
}

/// Opens `streams` streams whose first word is waited for, keeps them for `seconds`, and says how many there were.
pub async fn hold(target: Arc<Target>, streams: u32, seconds: u32) -> Value {
    let mut open = JoinSet::new();
    for number in 0..streams {
        let target = Arc::clone(&target);
        open.spawn(async move {
            // Not all at the same moment.
            sleep(Duration::from_millis(u64::from(number) / 2)).await;
            let mut connection = target.connect().await?;
            let mut request = Request::post(target.uri.path_and_query()?.as_str())
                .header("host", target.uri.authority()?.as_str())
                .header("content-type", "application/json");
            for (name, value) in &target.headers {
                request = request.header(name, value);
            }
            let request = request.body(Full::new(target.body.clone())).ok()?;
            let mut body = connection.send_request(request).await.ok()?.into_body();
            while let Some(frame) = body.frame().await {
                let data = frame.ok()?.into_data().unwrap_or_default();
                if data.windows(5).any(|window| window == b"word ") {
                    return Some((connection, body));
                }
            }
            None
        });
    }
    let held: Vec<_> = open.join_all().await.into_iter().flatten().collect();
    eprintln!("{}", held.len());
    sleep(Duration::from_secs(u64::from(seconds))).await;
    json!({"asked": streams, "held": held.len()})
}
