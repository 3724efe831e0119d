//! A streamed chat completion, read and written.

use serde_json::{Map, Value, json};

use super::super::completion::{Stop, StopReason, Usage};
use super::super::error::{ErrorReply, TranslationError};
use super::super::event::{Delta, Event, Opening};
use super::super::fields::{Fields, object};
use super::super::lossy::Lossy;
use super::super::sse::SseEvent;
use super::super::{Dialect, ReplyForm};
use super::reply::{made_up_id, signed_block};
use super::{finish_reason, read_usage, stop_reason, write_usage};

/// Reads chunks. Parts have no beginning and no end here: one ends where another begins.
#[derive(Debug, Default)]
pub(in super::super) struct EventReader {
    id: String,
    started: bool,
    open: Option<OpenPart>,
    /// The `index` and `id` of every call so far.
    calls: Vec<(u64, String)>,
    refused: bool,
    stopped: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenPart {
    Text,
    Refusal,
    Thinking,
    /// The call at this place in `calls`.
    Call(usize),
}

impl EventReader {
    pub(in super::super) fn read(
        &mut self,
        event: &SseEvent,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        if event.data.trim() == "[DONE]" {
            self.end(events);
            return Ok(());
        }
        let chunk = serde_json::from_str(&event.data)
            .map_err(|error| TranslationError::new("chunk", format!("is not JSON: {error}")))?;
        let mut chunk = Fields::of(chunk, "chunk")?;
        if let Some(error) = chunk.take("error") {
            let message =
                error["message"].as_str().or(error.as_str()).unwrap_or("the provider gave no reason");
            let kind = error["type"].as_str().unwrap_or_default().to_owned();
            events.push(Event::Error { kind, message: message.to_owned() });
            self.ended = true;
            return Ok(());
        }
        self.start(&mut chunk, events)?;
        if let Some(usage) = chunk.object("usage")? {
            events.push(Event::Usage(read_usage(usage, lossy)?));
        }
        for choice in chunk.list("choices")?.unwrap_or_default() {
            let mut choice = Fields::of(choice, "choices[0]")?;
            if choice.count("index")?.unwrap_or(0) == 0 {
                self.read_choice(&mut choice, events, lossy)?;
                choice.ignore(&["stop_reason"]);
                choice.finish(lossy);
            }
        }
        chunk.ignore(&["id", "model", "object", "created", "system_fingerprint", "obfuscation"]);
        chunk.ignore_if("service_tier", "default");
        chunk.finish(lossy);
        Ok(())
    }

    /// The stream is over: it is whole if the reason for its end has come, whether or not it says `[DONE]`.
    pub(in super::super) fn end(&mut self, events: &mut Vec<Event>) {
        if self.stopped && !self.ended {
            self.ended = true;
            events.push(Event::End);
        }
    }

    fn start(&mut self, chunk: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        // Azure's first chunk tells of its filters alone, without id and model.
        let has_choices =
            chunk.peek("choices").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !self.started && has_choices {
            self.started = true;
            self.id = chunk.string("id")?.unwrap_or_default();
            let model = chunk.string("model")?.unwrap_or_default();
            events.push(Event::Start { id: self.id.clone(), model });
        }
        Ok(())
    }

    fn read_choice(
        &mut self,
        choice: &mut Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        if let Some(mut delta) = choice.object("delta")? {
            self.read_thinking(&mut delta, events)?;
            for (key, part, opening) in
                [("content", OpenPart::Text, Opening::Text), ("refusal", OpenPart::Refusal, Opening::Refusal)]
            {
                if let Some(text) = delta.string(key)?.filter(|text| !text.is_empty()) {
                    self.refused |= part == OpenPart::Refusal;
                    self.switch_to(part, opening, events);
                    events.push(Event::text(text));
                }
            }
            for call in delta.list("tool_calls")?.unwrap_or_default() {
                self.read_call(Fields::of(call, delta.at("tool_calls[]"))?, events, lossy)?;
            }
            delta.ignore(&["role"]);
            delta.ignore_if("annotations", Vec::<Value>::new());
            delta.finish(lossy);
        }
        if let Some(reason) = choice.string("finish_reason")?
            && !self.stopped
        {
            self.close(events);
            self.stopped = true;
            let reason = stop_reason(&reason, !self.calls.is_empty());
            let reason = if self.refused && reason == StopReason::End { StopReason::Refused } else { reason };
            events.push(Event::Stop(Stop::because(reason)));
        }
        Ok(())
    }

    fn read_thinking(&mut self, delta: &mut Fields, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        let newer = delta.peek("reasoning").and_then(Value::as_str).map(str::to_owned);
        if newer.is_some() {
            delta.ignore(&["reasoning"]);
        }
        let text = delta.string("reasoning_content")?.or(newer);
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.switch_to(OpenPart::Thinking, Opening::Thinking, events);
            events.push(Event::text(text));
        }
        for block in delta.list("thinking_blocks")?.unwrap_or_default() {
            if let Some(data) = block["data"].as_str() {
                self.close(events);
                events.push(Event::Open(Opening::RedactedThinking { data: data.to_owned() }));
                events.push(Event::Close);
            }
            if let Some(signature) = block["signature"].as_str().filter(|signature| !signature.is_empty()) {
                self.switch_to(OpenPart::Thinking, Opening::Thinking, events);
                events.push(Event::Delta(Delta::Signature(signature.to_owned())));
                self.close(events);
            }
        }
        Ok(())
    }

    /// A piece of a call. Some servers give every call the same `index`, or none, and some no `id`.
    fn read_call(
        &mut self,
        mut call: Fields,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        let given = call.count("index")?;
        let id = call.string("id")?.filter(|id| !id.is_empty());
        let (mut name, mut arguments) = (None, None);
        if let Some(mut function) = call.object("function")? {
            name = function.string("name")?.filter(|name| !name.is_empty());
            arguments = function.take("arguments");
            function.finish(lossy);
        }
        let index = given.unwrap_or_else(|| self.calls.last().map_or(0, |(index, _)| *index));
        let known = self.calls.iter().rposition(|(at, _)| *at == index);
        let known = known.filter(|at| id.as_ref().is_none_or(|id| *id == self.calls[*at].1));
        let at = match (known, name) {
            (Some(at), _) => at,
            (None, Some(name)) => {
                let id = id.unwrap_or_else(|| made_up_id(&self.id, self.calls.len()));
                self.calls.push((index, id.clone()));
                self.switch_to(OpenPart::Call(self.calls.len() - 1), Opening::ToolCall { id, name }, events);
                self.calls.len() - 1
            }
            (None, None) => return Err(call.error("function.name", "is missing where a call begins")),
        };
        let piece = match arguments {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
        };
        if !piece.is_empty() {
            if self.open != Some(OpenPart::Call(at)) {
                return Err(call.error("index", "goes back to a call that has ended"));
            }
            events.push(Event::Delta(Delta::Arguments(piece)));
        }
        call.ignore(&["type"]);
        call.finish(lossy);
        Ok(())
    }

    fn switch_to(&mut self, part: OpenPart, opening: Opening, events: &mut Vec<Event>) {
        if self.open != Some(part) {
            self.close(events);
            self.open = Some(part);
            events.push(Event::Open(opening));
        }
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if self.open.take().is_some() {
            events.push(Event::Close);
        }
    }
}

/// Writes chunks.
#[derive(Debug)]
pub(in super::super) struct EventWriter {
    form: ReplyForm,
    created_unix_s: u64,
    id: String,
    model: String,
    open: Option<Opening>,
    calls: usize,
    /// The thought that is open, for the block that its signature closes.
    thought: String,
    signature: String,
    /// Whether arguments have come for the call that is open.
    has_arguments: bool,
    usage: Option<Usage>,
}

impl EventWriter {
    pub(in super::super) fn new(form: ReplyForm, created_unix_s: u64) -> Self {
        Self {
            form,
            created_unix_s,
            id: String::new(),
            model: String::new(),
            open: None,
            calls: 0,
            thought: String::new(),
            signature: String::new(),
            has_arguments: false,
            usage: None,
        }
    }

    pub(in super::super) fn write(&mut self, event: Event, text: &mut String, lossy: &mut Lossy) {
        match event {
            Event::Start { id, model } => {
                (self.id, self.model) = (id, model);
                self.delta(&json!({"role": "assistant", "content": ""}), text);
            }
            Event::Open(opening) => self.begin(opening, text),
            Event::Delta(delta) => self.more(delta, text),
            Event::Close => self.close(text),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Stop(stop) => {
                if stop.sequence.is_some() {
                    lossy.add("stop_sequence");
                }
                let finish_reason = finish_reason(stop.reason);
                let choice =
                    json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish_reason});
                self.chunk(&json!([choice]), None, text);
            }
            Event::End => {
                if self.form.include_usage {
                    let usage = self.usage.unwrap_or_default();
                    self.chunk(&json!([]), Some(&usage), text);
                }
                *text += "data: [DONE]\n\n";
            }
            Event::Ping => *text += ": ping\n\n",
            Event::Error { kind, message } => {
                let error = ErrorReply::of_kind(&kind, message).to_json(Dialect::OpenAiChat);
                *text += &format!("data: {error}\n\n");
            }
        }
    }

    fn begin(&mut self, opening: Opening, text: &mut String) {
        match &opening {
            Opening::ToolCall { id, name } => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": self.calls, "id": id, "type": "function", "function": function});
                self.has_arguments = false;
                self.delta(&json!({"tool_calls": [call]}), text);
            }
            Opening::RedactedThinking { data } => {
                self.delta(&json!({"thinking_blocks": [{"type": "redacted_thinking", "data": data}]}), text);
            }
            Opening::Text | Opening::Refusal | Opening::Thinking => {}
        }
        self.open = Some(opening);
    }

    fn more(&mut self, delta: Delta, text: &mut String) {
        let delta = match (delta, &self.open) {
            (Delta::Text(more), Some(Opening::Refusal)) => json!({"refusal": more}),
            (Delta::Text(more), Some(Opening::Thinking)) => {
                self.thought += &more;
                json!({"reasoning_content": more})
            }
            (Delta::Text(more), _) => json!({"content": more}),
            (Delta::Signature(more), _) => {
                self.signature += &more;
                return;
            }
            (Delta::Arguments(more), _) => {
                self.has_arguments = true;
                json!({"tool_calls": [{"index": self.calls, "function": {"arguments": more}}]})
            }
        };
        self.delta(&delta, text);
    }

    fn close(&mut self, text: &mut String) {
        match self.open.take() {
            Some(Opening::ToolCall { .. }) => {
                if !self.has_arguments {
                    let call = json!({"index": self.calls, "function": {"arguments": "{}"}});
                    self.delta(&json!({"tool_calls": [call]}), text);
                }
                self.calls += 1;
            }
            Some(Opening::Thinking) => {
                let (thought, signature) =
                    (std::mem::take(&mut self.thought), std::mem::take(&mut self.signature));
                if !signature.is_empty() {
                    self.delta(&json!({"thinking_blocks": [signed_block(&thought, &signature)]}), text);
                }
            }
            _ => {}
        }
    }

    fn delta(&self, delta: &Value, text: &mut String) {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
        self.chunk(&json!([choice]), None, text);
    }

    fn chunk(&self, choices: &Value, usage: Option<&Usage>, text: &mut String) {
        let mut chunk: Map<String, Value> = object(json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created_unix_s,
            "model": self.model,
            "choices": choices,
        }));
        if self.form.include_usage {
            chunk.insert("usage".into(), usage.map_or(Value::Null, write_usage));
        }
        *text += &format!("data: {}\n\n", Value::Object(chunk));
    }
}
