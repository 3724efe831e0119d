//! Requests that are longer than a model takes, as providers put it.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use serde_json::Value;

use crate::reply::Reply;

/// How long an error may be to be read.
const LIMIT_BYTES: usize = 64 << 10;

/// Words in which providers and servers say that a request is too long: OpenAI and those who follow it (vLLM, Azure),
/// Anthropic, Bedrock's families, llama.cpp, Ollama, Gemini.
const PHRASES: [&str; 12] = [
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context window",
    "prompt is too long",
    "exceed context limit",
    "input is too long",
    "too many input tokens",
    "input tokens exceeded",
    "exceed_context_size",
    "available context size",
    "input token count",
    "input length exceeds the context",
];

/// The same reply, and whether it says that the request is longer than the model takes.
pub async fn overflows(mut reply: Reply) -> (Reply, bool) {
    let is_encoded = reply.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let may_be = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];
    if is_encoded || !may_be.contains(&reply.status) {
        return (reply, false);
    }
    let (mut came, mut bytes) = (Vec::new(), 0);
    while bytes < LIMIT_BYTES {
        match reply.body.next().await {
            Some(chunk) => {
                bytes += chunk.as_ref().map_or(LIMIT_BYTES, Bytes::len);
                came.push(chunk);
            }
            None => break,
        }
    }
    let text: Vec<u8> = came.iter().flatten().flatten().copied().collect();
    let says_so = says_too_long(&text);
    reply.body = stream::iter(came).chain(reply.body).boxed();
    (reply, says_so)
}

fn says_too_long(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    // Only what is said about the error counts, not a prompt that is repeated elsewhere in the body.
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(&value);
    let said = ["message", "code", "type"].map(|key| error[key].as_str().unwrap_or_default());
    let said = [error.as_str().unwrap_or_default(), said[0], said[1], said[2]];
    said.iter().any(|said| PHRASES.iter().any(|phrase| said.contains(phrase)))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use http::HeaderMap;

    use super::*;

    async fn outcome(status: u16, text: &'static str) -> (String, bool) {
        let chunks = text.as_bytes().chunks(9).map(|chunk| Ok(Bytes::from_static(chunk)));
        let body = stream::iter(chunks).boxed();
        let status = StatusCode::from_u16(status).expect("a status");
        let reply = Reply { status, headers: HeaderMap::new(), body, tells_of_its_end: false };
        let (reply, overflows) = overflows(reply).await;
        let chunks: Vec<Bytes> = reply.body.try_collect().await.expect("whole");
        (String::from_utf8(chunks.concat()).expect("UTF-8"), overflows)
    }

    #[tokio::test]
    async fn providers_say_it_in_many_words() {
        for (status, text, overflows) in [
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                true,
            ),
            (
                400,
                r#"{"error":{"message":"Your input exceeds the context window of this model.","code":"x"}}"#,
                true,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                true,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 3"}}"#,
                true,
            ),
            (400, r#"{"message":"Input is too long for requested model."}"#, true),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
                true,
            ),
            (400, r#"{"error":"the input length exceeds the context length"}"#, true),
            (413, r#"{"error":{"message":"Prompt is too long"}}"#, true),
            (400, r#"{"error":{"message":"Unknown field"},"request":"prompt is too long"}"#, false),
            (400, "prompt is too long", false),
            (400, "", false),
            (500, r#"{"error":{"message":"prompt is too long"}}"#, false),
        ] {
            assert_eq!(outcome(status, text).await, (text.to_owned(), overflows), "{text}");
        }
    }
}
