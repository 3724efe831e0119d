//! A streamed message, read and written.

use serde_json::{Value, json};

use super::super::Dialect;
use super::super::completion::{Stop, Usage};
use super::super::error::{ErrorReply, TranslationError};
use super::super::event::{Delta, Event, Opening};
use super::super::fields::{Fields, object};
use super::super::lossy::Lossy;
use super::super::sse::SseEvent;
use super::{call_id, read_stop_reason, read_usage, stop_reason, write_usage};

/// Reads events.
#[derive(Debug, Default)]
pub(in super::super) struct EventReader {
    /// The block that is open.
    open: Option<OpenBlock>,
    usage: Usage,
    stopped: bool,
    ended: bool,
}

#[derive(Debug)]
struct OpenBlock {
    index: u64,
    /// Whether it has a counterpart; if not, it is passed over.
    known: bool,
    /// The arguments that a call began with, for as long as no others have come.
    input: Option<String>,
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
        let mut fields = Fields::of(value, "event")?;
        let kind = fields.string("type")?.unwrap_or_else(|| event.name.clone());
        match kind.as_str() {
            "message_start" => self.start(fields.required_object("message")?, events, lossy)?,
            "content_block_start" => self.begin(&mut fields, events, lossy)?,
            "content_block_delta" => self.more(&mut fields, events, lossy)?,
            "content_block_stop" => self.close(events),
            "message_delta" => self.end_message(&mut fields, events, lossy)?,
            "message_stop" => self.end(events),
            "ping" => events.push(Event::Ping),
            "error" => {
                let mut error = fields.required_object("error")?;
                let kind = error.string("type")?.unwrap_or_default();
                let message = error.string("message")?.unwrap_or_default();
                self.ended = true;
                events.push(Event::Error { kind, message });
            }
            _ => {
                lossy.add(kind);
                return Ok(());
            }
        }
        fields.ignore(&["index"]);
        fields.finish(lossy);
        Ok(())
    }

    /// The stream is over: it is whole if the reason for its end has come.
    pub(in super::super) fn end(&mut self, events: &mut Vec<Event>) {
        if self.stopped && !self.ended {
            self.ended = true;
            events.push(Event::End);
        }
    }

    fn start(
        &mut self,
        mut message: Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let id = message.string("id")?.unwrap_or_default();
        let model = message.string("model")?.unwrap_or_default();
        events.push(Event::Start { id, model });
        if let Some(usage) = message.object("usage")? {
            self.usage = read_usage(usage, self.usage, lossy)?;
            events.push(Event::Usage(self.usage));
        }
        message.ignore(&["type", "role", "content"]);
        message.finish(lossy);
        Ok(())
    }

    fn begin(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        self.close(events);
        let index = fields.count("index")?.unwrap_or(0);
        let mut block = of_block(fields, "content_block", index)?;
        let (mut known, mut text, mut input) = (true, None, None);
        match block.required_string("type")?.as_str() {
            "text" => {
                text = block.string("text")?;
                block.ignore_if("citations", Vec::<Value>::new());
                events.push(Event::Open(Opening::Text));
            }
            "thinking" => {
                text = block.string("thinking")?;
                block.ignore_if("signature", "");
                events.push(Event::Open(Opening::Thinking));
            }
            "redacted_thinking" => {
                let data = block.required_string("data")?;
                events.push(Event::Open(Opening::RedactedThinking { data }));
            }
            "tool_use" => {
                let (id, name) = (block.required_string("id")?, block.required_string("name")?);
                input = Some(block.take("input").map_or_else(|| "{}".to_owned(), |input| input.to_string()));
                block.ignore_if("caller", json!({"type": "direct"}));
                events.push(Event::Open(Opening::ToolCall { id, name }));
            }
            _ => {
                known = false;
                lossy.add(block.path());
            }
        }
        if known {
            block.finish(lossy);
        }
        events.extend(text.filter(|text| !text.is_empty()).map(Event::text));
        self.open = Some(OpenBlock { index, known, input });
        Ok(())
    }

    fn more(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let index = fields.count("index")?.unwrap_or(0);
        let mut delta = of_block(fields, "delta", index)?;
        let Some(open) = self.open.as_mut().filter(|open| open.index == index) else {
            return Err(fields.error("index", "is of a block that is not open"));
        };
        if !open.known {
            return Ok(());
        }
        let more = match delta.required_string("type")?.as_str() {
            "text_delta" => Delta::Text(delta.string("text")?.unwrap_or_default()),
            "thinking_delta" => Delta::Text(delta.string("thinking")?.unwrap_or_default()),
            "signature_delta" => Delta::Signature(delta.string("signature")?.unwrap_or_default()),
            "input_json_delta" => {
                let piece = delta.string("partial_json")?.unwrap_or_default();
                if !piece.is_empty() {
                    open.input = None;
                }
                Delta::Arguments(piece)
            }
            // Its fields are what is left behind.
            _ => Delta::Text(String::new()),
        };
        delta.finish(lossy);
        let (Delta::Text(piece) | Delta::Signature(piece) | Delta::Arguments(piece)) = &more;
        if !piece.is_empty() {
            events.push(Event::Delta(more));
        }
        Ok(())
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(open) = self.open.take().filter(|open| open.known) {
            events.extend(open.input.map(|input| Event::Delta(Delta::Arguments(input))));
            events.push(Event::Close);
        }
    }

    fn end_message(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        if let Some(usage) = fields.object("usage")? {
            self.usage = read_usage(usage, self.usage, lossy)?;
            events.push(Event::Usage(self.usage));
        }
        let Some(mut delta) = fields.object("delta")? else {
            return Ok(());
        };
        let reason = delta.string("stop_reason")?.filter(|_| !self.stopped);
        let sequence = delta.string("stop_sequence")?;
        if let Some(reason) = reason {
            self.close(events);
            self.stopped = true;
            events.push(Event::Stop(Stop { reason: read_stop_reason(&reason), sequence }));
        }
        delta.finish(lossy);
        Ok(())
    }
}

/// The object `key` of an event of the block at `index`, whose fields go by the paths that they have in a whole reply.
fn of_block(fields: &mut Fields, key: &str, index: u64) -> Result<Fields, TranslationError> {
    let value = fields.take(key).ok_or_else(|| fields.error(key, "is missing"))?;
    Fields::of(value, format!("content[{index}]"))
}

/// Writes events.
#[derive(Debug, Default)]
pub(in super::super) struct EventWriter {
    /// How many blocks have begun.
    blocks: u64,
    open: Option<Opening>,
    usage: Usage,
    stop: Option<Stop>,
}

impl EventWriter {
    pub(in super::super) fn write(&mut self, event: Event, text: &mut String) {
        match event {
            Event::Start { id, model } => {
                let usage = json!({"input_tokens": 0, "output_tokens": 0});
                let message = json!({
                    "id": id, "type": "message", "role": "assistant", "model": model, "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": usage,
                });
                emit("message_start", json!({"message": message}), text);
            }
            Event::Open(opening) => self.begin(opening, text),
            Event::Delta(delta) => self.more(delta, text),
            Event::Close => self.close(text),
            Event::Usage(usage) => self.usage = usage,
            // The counts belong to the same event and may still come.
            Event::Stop(stop) => self.stop = Some(stop),
            Event::End => self.end(text),
            Event::Ping => emit("ping", json!({}), text),
            Event::Error { kind, message } => {
                let error = ErrorReply::of_kind(&kind, message).to_json(Dialect::Anthropic);
                *text += &format!("event: error\ndata: {error}\n\n");
            }
        }
    }

    fn begin(&mut self, opening: Opening, text: &mut String) {
        let block = match &opening {
            Opening::Text | Opening::Refusal => json!({"type": "text", "text": ""}),
            Opening::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Opening::RedactedThinking { data } => json!({"type": "redacted_thinking", "data": data}),
            Opening::ToolCall { id, name } => {
                json!({"type": "tool_use", "id": call_id(id), "name": name, "input": {}})
            }
        };
        emit("content_block_start", json!({"index": self.blocks, "content_block": block}), text);
        self.open = Some(opening);
    }

    fn more(&self, delta: Delta, text: &mut String) {
        let delta = match (delta, &self.open) {
            (Delta::Text(more), Some(Opening::Thinking)) => {
                json!({"type": "thinking_delta", "thinking": more})
            }
            (Delta::Text(more), _) => json!({"type": "text_delta", "text": more}),
            (Delta::Signature(more), _) => json!({"type": "signature_delta", "signature": more}),
            (Delta::Arguments(more), _) => json!({"type": "input_json_delta", "partial_json": more}),
        };
        emit("content_block_delta", json!({"index": self.blocks, "delta": delta}), text);
    }

    fn close(&mut self, text: &mut String) {
        if self.open.take().is_some() {
            emit("content_block_stop", json!({"index": self.blocks}), text);
            self.blocks += 1;
        }
    }

    fn end(&mut self, text: &mut String) {
        self.close(text);
        if let Some(stop) = self.stop.take() {
            let delta = json!({"stop_reason": stop_reason(stop.reason), "stop_sequence": stop.sequence});
            emit("message_delta", json!({"delta": delta, "usage": write_usage(&self.usage)}), text);
        }
        emit("message_stop", json!({}), text);
    }
}

fn emit(kind: &str, fields: Value, text: &mut String) {
    let mut data = object(json!({"type": kind}));
    data.extend(object(fields));
    *text += &format!("event: {kind}\ndata: {}\n\n", Value::Object(data));
}
