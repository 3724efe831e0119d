//! Streams that pass through untouched and break off.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use pointsman_domain::ProviderName;
use serde_json::{Map, Value, json};

use super::said::{Said, said};
use crate::dialect::sse::SseParser;
use crate::dialect::{Dialect, ErrorReply};
use crate::error::{ErrorKind, UpstreamError};
use crate::reply::{Reply, ReplyBody};

/// How long an event may get to be held until it is whole. What is longer is passed on as it comes.
const LIMIT_BYTES: usize = 1 << 20;

/// The same stream of events in `dialect`. If its provider `name` breaks it off, or ends it before the reply has come to an end, the
/// event that was not whole is left out and an error event ends it. Until then all bytes pass, an event as soon as it is whole.
/// An error that an event tells of passes like any other event, and is the stream's error once it has ended.
pub(super) fn telling_of_its_end(mut reply: Reply, dialect: Dialect, name: &ProviderName) -> Reply {
    if reply.tells_of_its_end {
        return reply;
    }
    let state = Left::Pass(Passing {
        body: reply.body,
        held: Vec::new(),
        last: Bytes::new(),
        dialect,
        name: name.clone(),
        has_ended: false,
        told: None,
    });
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
    name: ProviderName,
    /// Whether what was passed on says that the reply is complete.
    has_ended: bool,
    /// The error that an event told of.
    told: Option<UpstreamError>,
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
                        self.note(&whole);
                        self.last = whole.clone();
                        return Some((Ok(whole), Left::Pass(self)));
                    }
                }
                Some(Err(error)) if self.is_over() || self.told.is_some() => {
                    return Some((Err(error), Left::Nothing));
                }
                Some(Err(error)) => return Some(self.failing(error)),
                None => return self.ended(),
            }
        }
    }

    /// Ends with an error event.
    fn failing(&self, error: UpstreamError) -> (Result<Bytes, UpstreamError>, Left) {
        (Ok(self.error_event(&error.to_string()).into()), Left::Fail(error))
    }

    /// What is left when the provider says no more.
    fn ended(mut self) -> Option<(Result<Bytes, UpstreamError>, Left)> {
        let held = Bytes::from(std::mem::take(&mut self.held));
        self.note(&held);
        if !self.has_ended && self.told.is_none() {
            let detail = "its stream ended before the reply was complete";
            let error = UpstreamError::new(ErrorKind::CutReply, &self.name, detail);
            return Some(self.failing(error));
        }
        match (held.is_empty(), self.told) {
            (true, None) => None,
            (true, Some(error)) => Some((Err(error), Left::Nothing)),
            (false, None) => Some((Ok(held), Left::Nothing)),
            (false, Some(error)) => Some((Ok(held), Left::Fail(error))),
        }
    }

    /// Notes whether whole events say that the reply is complete, or that it has failed.
    fn note(&mut self, events: &[u8]) {
        self.has_ended = self.has_ended || says_that_it_is_complete(self.dialect, events);
        // Few events speak of errors; the others need not be taken apart.
        if self.told.is_none() && (contains(events, b"error") || contains(events, b"failed")) {
            let message = error_in(self.dialect, events);
            self.told = message.map(|told| UpstreamError::new(ErrorKind::FailedStream, &self.name, told));
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
        ends(self.dialect).iter().any(|end| contains(&self.last, end))
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

/// What the last event of a stream has in it.
fn ends(dialect: Dialect) -> &'static [&'static [u8]] {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => &[b"[DONE]"],
        Dialect::OpenAiResponses => &[b"response.completed", b"response.incomplete", b"response.failed"],
        Dialect::Anthropic => &[b"message_stop"],
    }
}

/// Whether one of these events says that the reply is complete. In OpenAI's chats a reason for the end does, for not every server
/// sends `[DONE]` after it. Quotation marks within a text have backslashes before them, so that no text says it.
fn says_that_it_is_complete(dialect: Dialect, events: &[u8]) -> bool {
    /// What stands before the reason.
    const REASON: &[u8] = b"\"finish_reason\":";
    let has_reason = || {
        let mut rest = events;
        while let Some(at) = rest.windows(REASON.len()).position(|window| window == REASON) {
            rest = rest[at + REASON.len()..].trim_ascii_start();
            if rest.first() == Some(&b'"') {
                return true;
            }
        }
        false
    };
    let is_chat = matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions);
    ends(dialect).iter().any(|end| contains(events, end)) || is_chat && has_reason()
}

/// The error that one of these whole events tells of.
fn error_in(dialect: Dialect, events: &[u8]) -> Option<String> {
    let (mut parser, mut parsed) = (SseParser::default(), Vec::new());
    // What cannot be read tells of nothing.
    let _: Result<(), _> = parser.push(events, &mut parsed);
    parsed.iter().find_map(|event| match said(dialect, event) {
        Said::Error(message) => Some(message),
        Said::Nothing | Said::Content => None,
    })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
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
        let reply = telling_of_its_end(reply, dialect, &ProviderName::new("p"));
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
            "data: one\r\n\r\ndata: [DONE]\r\n\r\n",
            "data: one\r\rdata: [DONE]\r\r: comment\n\n",
            "data: one\n\ndata: [DONE]",
            "\n\n\n\ndata: {\"choices\": [{\"finish_reason\": \"stop\"}]}\n",
        ] {
            for size in 1..=text.len().max(1) {
                let came = passed(Dialect::OpenAiChat, text, size, false).await;
                assert_eq!(came, (text.to_owned(), false), "{size}");
            }
        }
        let long = format!("data: {}\n\ndata: [DONE]\n\n", "x".repeat(3 << 20));
        assert_eq!(passed(Dialect::OpenAiChat, &long, 5000, false).await.0, long);
    }

    #[tokio::test]
    async fn a_stream_that_ends_before_its_reply_is_complete_has_failed() {
        for (dialect, text, kept) in [
            (Dialect::OpenAiChat, "data: {\"choices\":[{\"finish_reason\":null}]}\n\n", true),
            (Dialect::OpenAiChat, "data: {\"text\":\"\\\"finish_reason\\\":\\\"stop\\\"\"}\n\n", true),
            (Dialect::OpenAiChat, "data: {\"half", false),
            (Dialect::Anthropic, "event: message_start\ndata: {}\n\n", true),
            (Dialect::OpenAiResponses, "event: response.created\ndata: {}\n\n", true),
        ] {
            for size in 1..=text.len() {
                let (came, has_error) = passed(dialect, text, size, false).await;
                let (text, rest) =
                    (if kept { text } else { "" }, "its stream ended before the reply was complete");
                assert!(has_error && came.starts_with(text) && came[text.len()..].contains(rest), "{came}");
            }
        }
    }

    #[tokio::test]
    async fn an_error_that_an_event_tells_of_passes_and_is_the_streams() {
        for (dialect, text) in [
            (Dialect::OpenAiChat, "data: {\"error\":{\"message\":\"busy\"}}\n\n"),
            (
                Dialect::Anthropic,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"busy\"}}\n\n",
            ),
            (Dialect::OpenAiResponses, "data: {\"type\":\"response.failed\",\"response\":{}}\n\n"),
        ] {
            for is_cut in [false, true] {
                assert_eq!(passed(dialect, text, 1000, is_cut).await, (text.to_owned(), true));
            }
        }
        let text = "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"error\":null}\n\n";
        assert_eq!(passed(Dialect::OpenAiChat, text, 1000, false).await, (text.to_owned(), false));
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
