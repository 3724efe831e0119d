//! A streamed response, written.

use serde_json::{Map, Value, json};

use super::super::Called;
use super::super::completion::{Stop, StopReason, Usage};
use super::super::event::{Delta, Event, Opening};
use super::super::fields::object;
use super::super::lossy::Lossy;
use super::item::{self, Progress};
use super::thoughts;

/// Writes events. The last one holds the whole response, so that all of it is kept until then.
#[derive(Debug)]
pub(in super::super) struct EventWriter {
    called: Called,
    id: String,
    model: String,
    started: bool,
    /// How many events have been written.
    sequence: u64,
    output: Vec<Value>,
    open: Option<Item>,
    usage: Usage,
    stop: Stop,
}

/// The item that is open.
#[derive(Debug)]
enum Item {
    /// A message stays open after a part of it has ended: another may follow.
    Message {
        id: String,
        content: Vec<Value>,
        part: Option<Part>,
    },
    Reasoning {
        id: String,
        text: String,
        encrypted: Encrypted,
    },
    Call {
        id: String,
        call_id: String,
        name: String,
        arguments: String,
    },
}

/// The part of a message that is open.
#[derive(Debug)]
struct Part {
    is_refusal: bool,
    text: String,
}

#[derive(Debug)]
enum Encrypted {
    Signature(String),
    Redacted(String),
}

impl Encrypted {
    fn content(&self) -> Option<String> {
        match self {
            Self::Signature(signature) if signature.is_empty() => None,
            Self::Signature(signature) => Some(thoughts::of_signature(signature)),
            Self::Redacted(data) => Some(thoughts::of_redacted(data)),
        }
    }
}

impl EventWriter {
    pub(in super::super) fn new(called: &Called) -> Self {
        Self {
            called: called.clone(),
            id: String::new(),
            model: String::new(),
            started: false,
            sequence: 0,
            output: Vec::new(),
            open: None,
            usage: Usage::default(),
            stop: Stop::because(StopReason::End),
        }
    }

    pub(in super::super) fn write(&mut self, event: Event, text: &mut String, lossy: &mut Lossy) {
        match event {
            Event::Start { id, model } => {
                (self.id, self.model, self.started) = (id, model, true);
                for kind in ["response.created", "response.in_progress"] {
                    let response = self.response(Progress::Begun);
                    self.emit(kind, json!({"response": response}), text);
                }
            }
            Event::Open(opening) => self.begin(opening, text),
            Event::Delta(delta) => self.more(delta, text),
            Event::Close => self.close(text),
            Event::Usage(usage) => self.usage = usage,
            Event::Stop(stop) => {
                if stop.sequence.is_some() {
                    lossy.add("stop_sequence");
                }
                self.stop = stop;
            }
            Event::End => self.end(text),
            Event::Ping => *text += ": ping\n\n",
            Event::Error { message, .. } => self.fail(&message, text),
        }
    }

    fn begin(&mut self, opening: Opening, text: &mut String) {
        match opening {
            Opening::Text => self.begin_part(false, text),
            Opening::Refusal => self.begin_part(true, text),
            Opening::Thinking => {
                let encrypted = Encrypted::Signature(String::new());
                let id = self.next_id("rs", text);
                self.begin_item(Item::Reasoning { id, text: String::new(), encrypted }, text);
            }
            Opening::RedactedThinking { data } => {
                let encrypted = Encrypted::Redacted(data);
                let id = self.next_id("rs", text);
                self.begin_item(Item::Reasoning { id, text: String::new(), encrypted }, text);
            }
            Opening::ToolCall { id: call_id, name } => {
                let id = self.next_id("fc", text);
                self.begin_item(Item::Call { id, call_id, name, arguments: String::new() }, text);
            }
        }
    }

    /// Ends the item that is open and gives the next one an id.
    fn next_id(&mut self, prefix: &str, text: &mut String) -> String {
        self.end_item(text);
        item::id(prefix, &self.id, self.output.len())
    }

    fn begin_item(&mut self, item: Item, text: &mut String) {
        let begun = item.json(false);
        self.open = Some(item);
        self.emit_at("response.output_item.added", json!({"item": begun}), text);
    }

    fn begin_part(&mut self, is_refusal: bool, text: &mut String) {
        if !matches!(self.open, Some(Item::Message { .. })) {
            let id = self.next_id("msg", text);
            self.begin_item(Item::Message { id, content: Vec::new(), part: None }, text);
        }
        let opened = Part { is_refusal, text: String::new() };
        let empty = opened.json();
        if let Some(Item::Message { part, .. }) = &mut self.open {
            *part = Some(opened);
        }
        self.emit_in_part("response.content_part.added", json!({"part": empty}), text);
    }

    fn more(&mut self, delta: Delta, text: &mut String) {
        match (delta, &mut self.open) {
            (Delta::Text(more), Some(Item::Message { part: Some(part), .. })) => {
                part.text += &more;
                let (kind, fields) = if part.is_refusal {
                    ("response.refusal.delta", json!({"delta": more}))
                } else {
                    ("response.output_text.delta", json!({"delta": more, "logprobs": []}))
                };
                self.emit_in_part(kind, fields, text);
            }
            (Delta::Text(more), Some(Item::Reasoning { text: thought, .. })) => {
                let is_first = thought.is_empty();
                *thought += &more;
                if is_first {
                    let part = json!({"summary_index": 0, "part": item::summary_part("")});
                    self.emit_of_item("response.reasoning_summary_part.added", part, text);
                }
                let fields = json!({"summary_index": 0, "delta": more});
                self.emit_of_item("response.reasoning_summary_text.delta", fields, text);
            }
            (
                Delta::Signature(more),
                Some(Item::Reasoning { encrypted: Encrypted::Signature(signature), .. }),
            ) => {
                *signature += &more;
            }
            (Delta::Arguments(more), Some(Item::Call { arguments, .. })) => {
                *arguments += &more;
                let fields = json!({"delta": more});
                self.emit_of_item("response.function_call_arguments.delta", fields, text);
            }
            // What is not open cannot go on.
            _ => {}
        }
    }

    /// A part has ended: of a message, which stays open, or all of an item.
    fn close(&mut self, text: &mut String) {
        let Some(Item::Message { part, .. }) = &mut self.open else {
            return self.end_item(text);
        };
        let Some(part) = part.take() else {
            return;
        };
        let whole = part.json();
        let (kind, fields) = if part.is_refusal {
            ("response.refusal.done", json!({"refusal": part.text}))
        } else {
            ("response.output_text.done", json!({"text": part.text, "logprobs": []}))
        };
        self.emit_in_part(kind, fields, text);
        self.emit_in_part("response.content_part.done", json!({"part": whole.clone()}), text);
        if let Some(Item::Message { content, .. }) = &mut self.open {
            content.push(whole);
        }
    }

    fn end_item(&mut self, text: &mut String) {
        match &self.open {
            None => return,
            Some(Item::Message { part: Some(_), .. }) => self.close(text),
            Some(Item::Reasoning { text: thought, .. }) if !thought.is_empty() => {
                let part = item::summary_part(thought);
                let fields = json!({"summary_index": 0, "text": thought});
                self.emit_of_item("response.reasoning_summary_text.done", fields, text);
                let fields = json!({"summary_index": 0, "part": part});
                self.emit_of_item("response.reasoning_summary_part.done", fields, text);
            }
            Some(Item::Call { name, arguments, .. }) => {
                let fields = json!({"name": name, "arguments": item::arguments(arguments)});
                self.emit_of_item("response.function_call_arguments.done", fields, text);
            }
            Some(_) => {}
        }
        let Some(whole) = self.open.as_ref().map(|item| item.json(true)) else {
            return;
        };
        self.emit_at("response.output_item.done", json!({"item": whole.clone()}), text);
        self.open = None;
        self.output.push(whole);
    }

    fn end(&mut self, text: &mut String) {
        self.end_item(text);
        let response = self.response(Progress::Ended { stop: &self.stop, usage: &self.usage });
        let is_whole = response["status"] == "completed";
        let kind = if is_whole { "response.completed" } else { "response.incomplete" };
        self.emit(kind, json!({"response": response}), text);
    }

    /// What failed before it began has no response to tell of.
    fn fail(&mut self, message: &str, text: &mut String) {
        if self.started {
            let response = self.response(Progress::Failed { message });
            self.emit("response.failed", json!({"response": response}), text);
        } else {
            let fields = json!({"code": "server_error", "message": message, "param": null});
            self.emit("error", fields, text);
        }
    }

    fn response(&self, progress: Progress<'_>) -> Value {
        item::response((&self.id, &self.model), &self.called, &self.output, progress)
    }

    /// Emits an event of the part of a message that is open.
    fn emit_in_part(&mut self, kind: &str, fields: Value, text: &mut String) {
        let index = match &self.open {
            Some(Item::Message { content, .. }) => content.len(),
            _ => 0,
        };
        let mut all = object(json!({"content_index": index}));
        all.extend(object(fields));
        self.emit_of_item(kind, all.into(), text);
    }

    /// Emits an event of the item that is open.
    fn emit_of_item(&mut self, kind: &str, fields: Value, text: &mut String) {
        let id = self.open.as_ref().map(Item::id).unwrap_or_default();
        let mut all = object(json!({"item_id": id}));
        all.extend(object(fields));
        self.emit_at(kind, all.into(), text);
    }

    fn emit_at(&mut self, kind: &str, fields: Value, text: &mut String) {
        let mut all = object(json!({"output_index": self.output.len()}));
        all.extend(object(fields));
        self.emit(kind, all.into(), text);
    }

    fn emit(&mut self, kind: &str, fields: Value, text: &mut String) {
        let mut data: Map<String, Value> = object(json!({"type": kind, "sequence_number": self.sequence}));
        self.sequence += 1;
        data.extend(object(fields));
        *text += &format!("event: {kind}\ndata: {}\n\n", Value::Object(data));
    }
}

impl Item {
    fn id(&self) -> &str {
        match self {
            Self::Message { id, .. } | Self::Reasoning { id, .. } | Self::Call { id, .. } => id,
        }
    }

    fn json(&self, is_whole: bool) -> Value {
        let status = if is_whole { "completed" } else { "in_progress" };
        match self {
            Self::Message { id, content, .. } => item::message(id, content, status),
            Self::Reasoning { id, text, encrypted } => {
                item::reasoning(id, text, encrypted.content().as_deref())
            }
            Self::Call { id, call_id, name, arguments } => {
                let arguments = if is_whole { item::arguments(arguments) } else { arguments };
                item::call(id, call_id, name, arguments, status)
            }
        }
    }
}

impl Part {
    fn json(&self) -> Value {
        if self.is_refusal { item::refusal_part(&self.text) } else { item::text_part(&self.text) }
    }
}
