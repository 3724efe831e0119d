//! Replies that fail before they say anything.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use pointsman_domain::ProviderName;

use super::broken::telling_of_its_end;
use super::said::{Said, said};
use super::whole::until_whole;
use crate::dialect::Dialect;
use crate::dialect::sse::SseParser;
use crate::error::{ErrorKind, UpstreamError};
use crate::reply::{Reply, ReplyBody};

/// How much may come before the first word.
const LIMIT_BYTES: usize = 256 << 10;

/// The same reply once its stream has said something, or all of it has come if it is JSON, so that one that fails before can
/// make way for another. A stream that breaks off later ends with an error event in `dialect`. What is neither, is
/// compressed and a stream, or is no success, is returned at once.
///
/// # Errors
/// When the stream breaks off, ends or tells of an error before it says anything; when the JSON breaks off or is none.
pub async fn until_content(
    mut reply: Reply,
    dialect: Dialect,
    name: &ProviderName,
) -> Result<Reply, UpstreamError> {
    let content_type = reply.headers.get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let says = |kind: &[u8]| content_type.as_ref().is_some_and(|said| said.starts_with(kind));
    let is_stream = says(b"text/event-stream");
    if reply.status.is_success() && says(b"application/json") {
        return until_whole(reply, name).await;
    }
    let is_encoded = reply.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if !reply.status.is_success() || !is_stream || is_encoded {
        return Ok(reply);
    }
    let (mut parser, mut came, mut bytes) = (SseParser::default(), Vec::new(), 0);
    while bytes < LIMIT_BYTES {
        let Some(chunk) = reply.body.next().await.transpose()? else {
            let detail = "its stream ended before it said anything";
            return Err(UpstreamError::new(ErrorKind::FailedStream, name, detail));
        };
        let mut events = Vec::new();
        let parsed = parser.push(&chunk, &mut events);
        bytes += chunk.len();
        came.push(chunk);
        match events.iter().map(|event| said(dialect, event)).find(|said| *said != Said::Nothing) {
            Some(Said::Error(message)) => {
                return Err(UpstreamError::new(ErrorKind::FailedStream, name, message));
            }
            Some(_) => break,
            None if parsed.is_err() => break,
            None => {}
        }
    }
    reply.body = after(came, reply.body);
    Ok(telling_of_its_end(reply, dialect, name))
}

/// The body again, with the chunks that have come.
fn after(came: Vec<Bytes>, body: ReplyBody) -> ReplyBody {
    stream::iter(came.into_iter().map(Ok)).chain(body).boxed()
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    async fn outcome(
        dialect: Dialect,
        content_type: &'static str,
        text: &'static str,
    ) -> Result<String, String> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let chunks = text.as_bytes().chunks(7).map(|chunk| Ok(Bytes::from_static(chunk)));
        let body = stream::iter(chunks).boxed();
        let reply = Reply { status: StatusCode::OK, headers, body, tells_of_its_end: false };
        let reply =
            until_content(reply, dialect, &ProviderName::new("p")).await.map_err(|e| e.to_string())?;
        let chunks: Vec<Bytes> = reply.body.try_collect().await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8(chunks.concat()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn a_stream_that_says_something_is_passed_on_whole() {
        const STREAM: &str = "text/event-stream; charset=utf-8";
        for (dialect, text) in [
            (
                Dialect::OpenAiChat,
                "data: {\"choices\":[]}\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenAiChat,
                ": ping\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::Anthropic,
                "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ),
        ] {
            assert_eq!(outcome(dialect, STREAM, text).await.as_deref(), Ok(text));
        }
        assert_eq!(outcome(Dialect::OpenAiChat, "application/json", "{}").await.as_deref(), Ok("{}"));
    }

    #[tokio::test]
    async fn a_stream_that_fails_before_is_an_error() {
        const STREAM: &str = "text/event-stream";
        for (dialect, text, why) in [
            (
                Dialect::OpenAiChat,
                "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n",
                "its stream ended before it said anything",
            ),
            (Dialect::OpenAiChat, "data: {\"error\":{\"message\":\"busy\"}}\n\n", "busy"),
            (Dialect::OpenAiChat, "data: {\"error\":\"busy\"}\n\n", "busy"),
            (
                Dialect::Anthropic,
                "data: {\"type\":\"message_start\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
                "busy",
            ),
            (
                Dialect::Anthropic,
                "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
                "busy",
            ),
            (Dialect::Anthropic, "", "its stream ended before it said anything"),
            (
                Dialect::OpenAiResponses,
                "event: response.created\ndata: {\"type\":\"response.created\"}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"busy\"}}}\n\n",
                "busy",
            ),
            (Dialect::OpenAiResponses, "data: {\"type\":\"error\",\"message\":\"busy\"}\n\n", "busy"),
            (
                Dialect::OpenAiCompletions,
                "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":null}]}\n\n",
                "its stream ended before it said anything",
            ),
        ] {
            let expected = format!("the stream of provider `p` failed: {why}");
            assert_eq!(outcome(dialect, STREAM, text).await, Err(expected), "{text}");
        }
    }
}
