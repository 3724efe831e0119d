//! A streamed response, read.

use serde_json::Value;

use super::super::completion::Stop;
use super::super::error::TranslationError;
use super::super::event::{Delta, Event, Opening};
use super::super::fields::Fields;
use super::super::lossy::Lossy;
use super::super::sse::SseEvent;
use super::reply::read_item;
use super::{declare_tier, item, read_usage, thoughts};
use crate::dialect::conversation::Part;

/// Reads events.
#[derive(Debug, Default)]
pub(in super::super) struct EventReader {
    started: bool,
    open: Option<Open>,
    has_calls: bool,
    refuses: bool,
    ended: bool,
}

/// The part that is open, of the item at `item`.
#[derive(Debug)]
struct Open {
    item: u64,
    kind: OpenPart,
}

#[derive(Debug, PartialEq, Eq)]
enum OpenPart {
    Said,
    Thought { has_text: bool },
    Call { has_arguments: bool },
}

impl EventReader {
    pub(in super::super) fn read(
        &mut self,
        event: &SseEvent,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        if event.data.trim() == "[DONE]" || self.ended {
            return Ok(());
        }
        let value = serde_json::from_str(&event.data)
            .map_err(|error| TranslationError::new("event", format!("is not JSON: {error}")))?;
        let mut fields = Fields::of(value, "event")?;
        let kind = fields.string("type")?.unwrap_or_else(|| event.name.clone());
        match kind.as_str() {
            "response.created" | "response.in_progress" => self.start(&mut fields, events)?,
            "response.output_item.added" => self.begin_item(&mut fields, events)?,
            "response.content_part.added" => self.begin_part(&mut fields, events)?,
            "response.output_text.delta" | "response.refusal.delta" => {
                self.more(&mut fields, &OpenPart::Said, events)?;
            }
            "response.content_part.done" => self.close(events),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.think(&mut fields, events)?;
            }
            "response.reasoning_summary_part.added" => self.think_on(events),
            "response.function_call_arguments.delta" => self.argue(&mut fields, events)?,
            "response.output_item.done" => self.end_item(&mut fields, events, lossy)?,
            "response.completed" | "response.incomplete" => self.end(&mut fields, events, lossy)?,
            "response.failed" => {
                let response = fields.take("response").unwrap_or_default();
                self.fail(&response["error"], events);
            }
            "error" => {
                let nested = fields.take("error");
                let plain = fields.string("message")?.map_or(Value::Null, |message| message.into());
                self.fail(&nested.unwrap_or(plain), events);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, fields: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let mut response = fields.required_object("response")?;
        if !std::mem::replace(&mut self.started, true) {
            let id = response.string("id")?.unwrap_or_default();
            let model = response.string("model")?.unwrap_or_default();
            events.push(Event::Start { id, model });
        }
        Ok(())
    }

    fn begin_item(&mut self, fields: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        let mut item = fields.required_object("item")?;
        self.close(events);
        if item.required_string("type")? == "function_call" {
            let (id, name) = (item.required_string("call_id")?, item.required_string("name")?);
            self.has_calls = true;
            self.open = Some(Open { item: at, kind: OpenPart::Call { has_arguments: false } });
            events.push(Event::Open(Opening::ToolCall { id, name }));
        }
        Ok(())
    }

    fn begin_part(&mut self, fields: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        let mut part = fields.required_object("part")?;
        let opening = match part.required_string("type")?.as_str() {
            "output_text" => Opening::Text,
            "refusal" => Opening::Refusal,
            // The words of a thought, whose deltas say all.
            _ => return Ok(()),
        };
        self.close(events);
        self.refuses |= opening == Opening::Refusal;
        self.open = Some(Open { item: at, kind: OpenPart::Said });
        events.push(Event::Open(opening));
        Ok(())
    }

    fn more(
        &mut self,
        fields: &mut Fields,
        kind: &OpenPart,
        events: &mut Vec<Event>,
    ) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        if self.open.as_ref().is_none_or(|open| open.item != at || open.kind != *kind) {
            return Err(fields.error("output_index", "is of a part that is not open"));
        }
        let text = fields.string("delta")?.filter(|text| !text.is_empty());
        events.extend(text.map(Event::text));
        Ok(())
    }

    fn think(&mut self, fields: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        if !matches!(&self.open, Some(Open { item, kind: OpenPart::Thought { .. } }) if *item == at) {
            self.close(events);
            events.push(Event::Open(Opening::Thinking));
        }
        self.open = Some(Open { item: at, kind: OpenPart::Thought { has_text: true } });
        let text = fields.string("delta")?.filter(|text| !text.is_empty());
        events.extend(text.map(Event::text));
        Ok(())
    }

    /// A further part of the same thought is a paragraph of its own.
    fn think_on(&self, events: &mut Vec<Event>) {
        if let Some(Open { kind: OpenPart::Thought { has_text: true }, .. }) = self.open {
            events.push(Event::text("\n\n"));
        }
    }

    fn argue(&mut self, fields: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        let Some(Open { item, kind: OpenPart::Call { has_arguments } }) = &mut self.open else {
            return Err(fields.error("output_index", "is of a call that is not open"));
        };
        if *item != at {
            return Err(fields.error("output_index", "is of a call that is not open"));
        }
        if let Some(piece) = fields.string("delta")?.filter(|piece| !piece.is_empty()) {
            *has_arguments = true;
            events.push(Event::Delta(Delta::Arguments(piece)));
        }
        Ok(())
    }

    /// The item is whole: what came of it before is closed, what did not come before comes now.
    fn end_item(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let at = fields.count("output_index")?.unwrap_or(0);
        let whole = fields.peek("item").cloned().unwrap_or_default();
        declare(whole, format!("output[{at}]"), lossy);
        let mut item = fields.required_object("item")?;
        match item.required_string("type")?.as_str() {
            "function_call" => {
                if let Some(Open { kind: OpenPart::Call { has_arguments: false }, .. }) = self.open {
                    let whole = item.string("arguments")?.filter(|arguments| !arguments.is_empty());
                    events.extend(whole.map(|whole| Event::Delta(Delta::Arguments(whole))));
                }
            }
            "reasoning" => self.end_thought(item.string("encrypted_content")?, events),
            _ => {}
        }
        self.close(events);
        Ok(())
    }

    fn end_thought(&mut self, encrypted: Option<String>, events: &mut Vec<Event>) {
        let is_open = matches!(self.open, Some(Open { kind: OpenPart::Thought { .. }, .. }));
        match thoughts::read(String::new(), encrypted).0 {
            Part::RedactedThinking { data } => {
                self.close(events);
                events.extend([Event::Open(Opening::RedactedThinking { data }), Event::Close]);
            }
            Part::Thinking { signature: Some(signature), .. } => {
                if !is_open {
                    self.close(events);
                    events.push(Event::Open(Opening::Thinking));
                    self.open = Some(Open { item: 0, kind: OpenPart::Thought { has_text: false } });
                }
                events.push(Event::Delta(Delta::Signature(signature)));
            }
            _ => {}
        }
    }

    fn end(
        &mut self,
        fields: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let mut response = fields.required_object("response")?;
        self.close(events);
        let status = response.string("status")?.unwrap_or_default();
        let because = response.object("incomplete_details")?.map(|mut details| details.string("reason"));
        let because = because.transpose()?.flatten();
        if let Some(usage) = response.object("usage")? {
            events.push(Event::Usage(read_usage(usage, lossy)?));
        }
        declare_tier(&mut response, lossy);
        let reason = item::stop_reason(&status, because.as_deref(), self.has_calls, self.refuses);
        events.extend([Event::Stop(Stop::because(reason)), Event::End]);
        self.ended = true;
        Ok(())
    }

    fn fail(&mut self, error: &Value, events: &mut Vec<Event>) {
        let message = error["message"].as_str().or(error.as_str()).unwrap_or("the provider gave no reason");
        let kind = error["type"].as_str().or(error["code"].as_str()).unwrap_or_default();
        events.push(Event::Error { kind: kind.to_owned(), message: message.to_owned() });
        self.ended = true;
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if self.open.take().is_some() {
            events.push(Event::Close);
        }
    }
}

/// Declares what an item at `path`, which is whole now, holds that nobody else has. One that cannot be read is left behind
/// as a whole.
fn declare(item: Value, path: String, lossy: &mut Lossy) {
    let fields = Fields::of(item, path.as_str());
    if fields.and_then(|item| read_item(item, &mut Vec::new(), lossy)).is_err() {
        lossy.add(path);
    }
}
