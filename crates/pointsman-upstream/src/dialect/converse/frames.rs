//! `application/vnd.amazon.eventstream`, cut wherever the network cuts it.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::{HeaderValue, Message};
use bytes::BytesMut;
use serde_json::json;

use super::super::sse::SseEvent;

/// How long a message may get.
const LIMIT_BYTES: usize = 32 << 20;

/// A stream that is no event stream, or whose checksums are wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum BadFrame {
    /// A message that does not end.
    #[error("a message of the stream is longer than {LIMIT_BYTES} bytes")]
    TooLong,
    /// A message that cannot be taken apart.
    #[error("a message of the stream is damaged: {0}")]
    Damaged(String),
    /// A message that does not say what it is.
    #[error("a message of the stream has no header `{0}`")]
    NoHeader(&'static str),
}

/// Reads messages from bytes, whatever the pieces in which they come. Each becomes an event with the name that its
/// headers give it and its payload as data.
#[derive(Debug, Default)]
pub(in super::super) struct FrameParser {
    buffer: BytesMut,
    decoder: MessageFrameDecoder,
}

impl FrameParser {
    /// The events that `bytes` complete.
    pub(in super::super) fn push(
        &mut self,
        bytes: &[u8],
        events: &mut Vec<SseEvent>,
    ) -> Result<(), BadFrame> {
        if self.buffer.len() + bytes.len() > LIMIT_BYTES {
            return Err(BadFrame::TooLong);
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            let decoded = self.decoder.decode_frame(&mut self.buffer);
            match decoded.map_err(|error| BadFrame::Damaged(error.to_string()))? {
                DecodedFrame::Incomplete => return Ok(()),
                DecodedFrame::Complete(message) => events.push(event(&message)?),
            }
        }
    }
}

/// The message as an event. Exceptions are events with names of their own; an error that the service has not modelled
/// carries its text in a header.
fn event(message: &Message) -> Result<SseEvent, BadFrame> {
    let header = |name: &'static str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name);
        match header.map(|header| header.value()) {
            Some(HeaderValue::String(text)) => Ok(text.as_str().to_owned()),
            _ => Err(BadFrame::NoHeader(name)),
        }
    };
    let payload = || String::from_utf8_lossy(message.payload()).into_owned();
    Ok(match header(":message-type")?.as_str() {
        "exception" => SseEvent { name: header(":exception-type")?, data: payload() },
        "error" => {
            let message = header(":error-message").unwrap_or_default();
            SseEvent { name: header(":error-code")?, data: json!({"message": message}).to_string() }
        }
        _ => SseEvent { name: header(":event-type")?, data: payload() },
    })
}
