//! A reply of ConverseStream, read.

use serde_json::json;

use super::super::completion::Stop;
use super::super::error::TranslationError;
use super::super::event::{Delta, Event, Opening};
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::super::sse::SseEvent;
use super::{read_stop_reason, read_stop_sequence, read_usage};

/// Reads events. Blocks of text and thoughts have no beginning here: their first piece begins them.
#[derive(Debug, Default)]
pub(in super::super) struct EventReader {
    /// The block that is open, and what it is.
    open: Option<(u64, Kind)>,
    stopped: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
    /// It has no counterpart and is passed over.
    Unknown,
}

impl EventReader {
    pub(in super::super) fn read(
        &mut self,
        event: &SseEvent,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let value = serde_json::from_str(&event.data)
            .map_err(|error| TranslationError::new("event", format!("is not JSON: {error}")))?;
        let mut fields = Fields::of(value, event.name.clone())?;
        match event.name.as_str() {
            // Neither id nor model is told.
            "messageStart" => events.push(Event::Start { id: String::new(), model: String::new() }),
            "contentBlockStart" => self.begin(&mut fields, events, lossy)?,
            "contentBlockDelta" => self.more(&mut fields, events, lossy)?,
            "contentBlockStop" => self.close(events),
            "messageStop" => self.stop(&mut fields, events, lossy)?,
            "metadata" => {
                if let Some(usage) = fields.object("usage")? {
                    events.push(Event::Usage(read_usage(usage, lossy)?));
                }
                fields.ignore(&["metrics", "performanceConfig"]);
                fields.ignore_if("serviceTier", json!({"type": "default"}));
                self.end(events);
            }
            name if name.ends_with("Exception") || fields.peek("message").is_some() => {
                let message = fields.string("message")?;
                let message = message.unwrap_or_else(|| format!("the provider ended its stream: {name}"));
                self.ended = true;
                events.push(Event::Error { kind: error_kind(name).to_owned(), message });
            }
            name => {
                lossy.add(name);
                return Ok(());
            }
        }
        // `p` is padding.
        fields.ignore(&["contentBlockIndex", "p", "role"]);
        fields.finish(lossy);
        Ok(())
    }

    /// The stream is over: it is whole if the reason for its end has come, be there counts or not.
    pub(in super::super) fn end(&mut self, events: &mut Vec<Event>) {
        if self.stopped && !self.ended {
            self.ended = true;
            events.push(Event::End);
        }
    }

    fn begin(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        self.close(events);
        let index = fields.count("contentBlockIndex")?.unwrap_or(0);
        let mut start = of_block(fields, "start", index)?;
        if let Some(mut call) = start.object("toolUse")? {
            if call.peek("type").is_some() {
                // The provider runs the tool itself.
                self.open = Some((index, Kind::Unknown));
                lossy.add(start.path());
                return Ok(());
            }
            let (id, name) = (call.required_string("toolUseId")?, call.required_string("name")?);
            self.open = Some((index, Kind::Call));
            events.push(Event::Open(Opening::ToolCall { id, name }));
            call.finish(lossy);
        } else if start.peek("toolResult").or(start.peek("image")).is_some() {
            self.open = Some((index, Kind::Unknown));
            lossy.add(start.path());
            return Ok(());
        }
        start.finish(lossy);
        Ok(())
    }

    fn more(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let index = fields.count("contentBlockIndex")?.unwrap_or(0);
        let mut delta = of_block(fields, "delta", index)?;
        if self.open == Some((index, Kind::Unknown)) {
            return Ok(());
        }
        if let Some(text) = delta.string("text")? {
            self.piece(index, Kind::Text, Delta::Text(text), events);
        } else if let Some(mut call) = delta.object("toolUse")? {
            let piece = call.string("input")?.unwrap_or_default();
            match self.open {
                Some((open, Kind::Call)) if open == index => {
                    if !piece.is_empty() {
                        events.push(Event::Delta(Delta::Arguments(piece)));
                    }
                }
                _ => return Err(fields.error("contentBlockIndex", "is of a call that is not open")),
            }
            call.finish(lossy);
        } else if let Some(mut thought) = delta.object("reasoningContent")? {
            self.think(index, &mut thought, events)?;
            thought.finish(lossy);
        }
        delta.finish(lossy);
        Ok(())
    }

    fn think(
        &mut self,
        index: u64,
        thought: &mut Fields,
        events: &mut Vec<Event>,
    ) -> Result<(), TranslationError> {
        if let Some(text) = thought.string("text")? {
            self.piece(index, Kind::Thinking, Delta::Text(text), events);
        }
        if let Some(signature) = thought.string("signature")? {
            self.piece(index, Kind::Thinking, Delta::Signature(signature), events);
        }
        if let Some(data) = thought.string("redactedContent")? {
            self.close(events);
            events.push(Event::Open(Opening::RedactedThinking { data }));
            events.push(Event::Close);
        }
        Ok(())
    }

    /// A piece of a block of `kind`, which begins if it is not open.
    fn piece(&mut self, index: u64, kind: Kind, delta: Delta, events: &mut Vec<Event>) {
        let (Delta::Text(piece) | Delta::Signature(piece) | Delta::Arguments(piece)) = &delta;
        if piece.is_empty() {
            return;
        }
        if self.open != Some((index, kind)) {
            self.close(events);
            self.open = Some((index, kind));
            let opening = if kind == Kind::Thinking { Opening::Thinking } else { Opening::Text };
            events.push(Event::Open(opening));
        }
        events.push(Event::Delta(delta));
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if self.open.take().is_some_and(|(_, kind)| kind != Kind::Unknown) {
            events.push(Event::Close);
        }
    }

    fn stop(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        self.close(events);
        let reason = read_stop_reason(&fields.string("stopReason")?.unwrap_or_default())?;
        let sequence = read_stop_sequence(fields, lossy)?;
        if !self.stopped {
            self.stopped = true;
            events.push(Event::Stop(Stop { reason, sequence }));
        }
        Ok(())
    }
}

/// The object `key` of an event of the block at `index`, which goes by that path when some of it is declared.
fn of_block(fields: &mut Fields, key: &str, index: u64) -> Result<Fields, TranslationError> {
    let value = fields.take(key).ok_or_else(|| fields.error(key, "is missing"))?;
    Fields::of(value, format!("content[{index}]"))
}

/// The kind, in Anthropic's words, of an exception within a stream.
fn error_kind(exception: &str) -> &'static str {
    match exception {
        "throttlingException" => "rate_limit_error",
        "serviceUnavailableException" => "overloaded_error",
        "validationException" => "invalid_request_error",
        "modelTimeoutException" => "timeout_error",
        _ => "api_error",
    }
}
