//! Streams that pass through untouched and break off.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::dialect::{Dialect, ErrorReply};
use crate::error::UpstreamError;
use crate::reply::{Reply, ReplyBody};

/// How long an event may get to be held until it is whole. What is longer is passed on as it comes.
const LIMIT_BYTES: usize = 1 << 20;

/// The same stream of events in `dialect`. If its provider breaks it off, the event that was not whole is left out and an
/// error event ends it. Until then all bytes pass, an event as soon as it is whole.
pub(super) fn telling_of_its_end(mut reply: Reply, dialect: Dialect) -> Reply {
    if reply.tells_of_its_end {
        return reply;
    }
    let state = Left::Pass(Passing { body: reply.body, held: Vec::new(), last: Bytes::new(), dialect });
    reply.body = stream::unfold(state, Left::next).boxed();
    reply.tells_of_its_end = true;
    reply
}

/// What is left to do.
enum Left {
    Pass(Passing),
    Fail(UpstreamError),
    Nothing,
}

struct Passing {
    body: ReplyBody,
    /// The beginning of an event.
    held: Vec<u8>,
    /// What was passed on last.
    last: Bytes,
    dialect: Dialect,
}

impl Left {
    async fn next(self) -> Option<(Result<Bytes, UpstreamError>, Self)> {
        match self {
            Self::Pass(passing) => passing.next().await,
            Self::Fail(error) => Some((Err(error), Self::Nothing)),
            Self::Nothing => None,
        }
    }
}

impl Passing {
    async fn next(mut self) -> Option<(Result<Bytes, UpstreamError>, Left)> {
        loop {
            match self.body.next().await {
                Some(Ok(bytes)) => {
                    let whole = self.whole_events(&bytes);
                    if !whole.is_empty() {
                        self.last = whole.clone();
                        return Some((Ok(whole), Left::Pass(self)));
                    }
                }
                Some(Err(error)) if self.is_over() => return Some((Err(error), Left::Nothing)),
                Some(Err(error)) => {
                    let event = self.error_event(&error.to_string());
                    return Some((Ok(event.into()), Left::Fail(error)));
                }
                None if self.held.is_empty() => return None,
                None => return Some((Ok(self.held.into()), Left::Nothing)),
            }
        }
    }

    /// What `bytes` make whole; the rest is held.
    fn whole_events(&mut self, bytes: &Bytes) -> Bytes {
        if self.held.is_empty() {
            let end = end_of_last_event(bytes, 0);
            self.held.extend_from_slice(&bytes[end..]);
            return bytes.slice(..end);
        }
        // A blank line may have begun in what is held.
        let seen = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(bytes);
        let mut end = end_of_last_event(&self.held, seen);
        if self.held.len() > LIMIT_BYTES {
            end = self.held.len();
        }
        let rest = self.held.split_off(end);
        std::mem::replace(&mut self.held, rest).into()
    }

    /// Whether the reply had come to its end, whatever became of the connection.
    fn is_over(&self) -> bool {
        let ends: &[&[u8]] = match self.dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => &[b"[DONE]"],
            Dialect::OpenAiResponses => &[b"response.completed", b"response.incomplete", b"response.failed"],
            Dialect::Anthropic => &[b"message_stop"],
        };
        ends.iter().any(|end| self.last.windows(end.len()).any(|window| window == *end))
    }

    fn error_event(&self, message: &str) -> String {
        let error = ErrorReply::of_status(StatusCode::BAD_GATEWAY, message).to_json(self.dialect);
        match self.dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => format!("data: {error}\n\n"),
            Dialect::Anthropic => format!("event: error\ndata: {error}\n\n"),
            Dialect::OpenAiResponses => {
                let mut event = Map::from_iter([("type".to_owned(), json!("error"))]);
                for key in ["code", "message", "param"] {
                    event.insert(key.to_owned(), error["error"][key].clone());
                }
                event.insert("code".to_owned(), json!("server_error"));
                event.insert("sequence_number".to_owned(), self.next_number().into());
                format!("event: error\ndata: {}\n\n", Value::Object(event))
            }
        }
    }

    /// The number after that of the last event of Responses.
    fn next_number(&self) -> u64 {
        let text = String::from_utf8_lossy(&self.last);
        let number = text.rsplit_once("\"sequence_number\":").map(|(_, rest)| rest.trim_start());
        let digits = number.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        digits.and_then(|digits| digits.parse::<u64>().ok()).map_or(0, |number| number.saturating_add(1))
    }
}

/// Where the last blank line of `bytes` ends, if it does after `from`; else 0. Lines end with LF, CR or CRLF.
fn end_of_last_event(bytes: &[u8], from: usize) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    for at in (from..bytes.len()).rev() {
        let (before, byte) = (&bytes[..at], bytes[at]);
        let before = if byte == b'\n' { before.strip_suffix(b"\r").unwrap_or(before) } else { before };
        if is_end(&byte) && before.last().is_some_and(is_end) {
            return at + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use pointsman_domain::ProviderName;

    use super::*;
    use crate::error::ErrorKind;

    fn gone() -> UpstreamError {
        UpstreamError::new(ErrorKind::CutReply, &ProviderName::new("p"), "gone")
    }

    /// What the client gets of `text` in pieces of `size` bytes, and whether the connection's error is told.
    async fn passed(dialect: Dialect, text: &str, size: usize, is_cut: bool) -> (String, bool) {
        let pieces = text.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let pieces: Vec<_> = pieces.chain(is_cut.then(|| Err(gone()))).collect();
        let reply = Reply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: stream::iter(pieces).boxed(),
            tells_of_its_end: false,
        };
        let reply = telling_of_its_end(reply, dialect);
        assert!(reply.tells_of_its_end);
        let came: Vec<Result<Bytes, UpstreamError>> = reply.body.collect().await;
        let has_error = came.last().is_some_and(Result::is_err);
        let bytes: Vec<u8> = came.into_iter().flatten().flatten().collect();
        (String::from_utf8(bytes).expect("UTF-8"), has_error)
    }

    #[tokio::test]
    async fn whole_streams_pass_byte_for_byte() {
        for text in [
            "data: {\"a\": 1}\n\ndata: [DONE]\n\n",
            "data: one\r\n\r\ndata: two\r\n\r\n",
            "data: one\r\rdata: two\r\r: comment\n\n",
            "data: no end",
            "\n\n\n\ndata: x\n",
            "",
        ] {
            for size in 1..=text.len().max(1) {
                let came = passed(Dialect::OpenAiChat, text, size, false).await;
                assert_eq!(came, (text.to_owned(), false), "{size}");
            }
        }
        let long = format!("data: {}\n\ndata: end\n\n", "x".repeat(3 << 20));
        assert_eq!(passed(Dialect::OpenAiChat, &long, 5000, false).await.0, long);
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_ends_with_an_error_and_no_part_of_an_event() {
        let message = "provider `p` closed the connection within its reply: gone";
        let error = format!(r#""message":"{message}""#);
        for (dialect, event) in [
            (
                Dialect::OpenAiChat,
                format!(
                    "data: {{\"error\":{{{error},\"type\":\"server_error\",\"param\":null,\"code\":null}}}}\n\n"
                ),
            ),
            (
                Dialect::Anthropic,
                format!(
                    "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"api_error\",{error}}}}}\n\n"
                ),
            ),
            (
                Dialect::OpenAiResponses,
                format!(
                    "event: error\ndata: {{\"type\":\"error\",\"code\":\"server_error\",{error},\"param\":null,\"sequence_number\":8}}\n\n"
                ),
            ),
        ] {
            let whole = "event: a\ndata: {\"sequence_number\": 7}\n\n";
            let begun = "event: b\ndata: {\"half";
            for size in 1..60 {
                let came = passed(dialect, &format!("{whole}{begun}"), size, true).await;
                assert_eq!(came, (format!("{whole}{event}"), true), "{size}");
            }
        }
    }

    #[tokio::test]
    async fn after_its_end_nothing_more_is_said() {
        for (dialect, end) in [
            (Dialect::OpenAiChat, "data: [DONE]\n\n"),
            (Dialect::Anthropic, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
            (Dialect::OpenAiResponses, "event: response.completed\ndata: {}\n\n"),
        ] {
            assert_eq!(passed(dialect, end, 1000, true).await, (end.to_owned(), true));
        }
    }
}
