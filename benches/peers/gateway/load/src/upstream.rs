//! OpenAI's chat API with fixed replies: one of 1 KB, or a stream of 20 words at once. A prompt that says `hold` gets a
//! stream that says one word and then nothing for a minute.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, Infallible>;

pub async fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("{}", listener.local_addr().expect("an address").port());
    loop {
        let Ok((connection, _)) = listener.accept().await else { continue };
        let _ = connection.set_nodelay(true);
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let has = |word: &[u8]| body.windows(word.len()).any(|window| window == word);
    if has(b"\"stream\":true") || has(b"\"stream\": true") {
        let response = Response::builder().header("content-type", "text/event-stream");
        return Ok(response.body(stream(has(b"hold"))).expect("valid"));
    }
    let text = "word ".repeat(140);
    let reply = format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":140,"total_tokens":150}}}}"#
    );
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Full::from(reply).boxed()).expect("valid"))
}

fn chunk(delta: &str, reason: &str) -> Bytes {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
    )
    .into()
}

fn stream(hold: bool) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(32);
    tokio::spawn(async move {
        let _ = sender.send(chunk(r#"{"role":"assistant","content":""}"#, "null")).await;
        for _ in 0..if hold { 1 } else { 20 } {
            let _ = sender.send(chunk(r#"{"content":"word "}"#, "null")).await;
        }
        if hold {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let _ = sender.send(chunk("{}", "\"stop\"")).await;
        let _ = sender.send(Bytes::from_static(b"data: [DONE]\n\n")).await;
    });
    let frames = Receiver(receiver);
    StreamBody::new(frames).boxed()
}

/// A channel as a stream of frames.
struct Receiver(tokio::sync::mpsc::Receiver<Bytes>);

impl futures_core::Stream for Receiver {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
