//! A streamed completion of a text, written.

use serde_json::{Map, Value, json};

use super::super::completion::Usage;
use super::super::error::ErrorReply;
use super::super::event::{Delta, Event, Opening};
use super::super::fields::object;
use super::super::lossy::Lossy;
use super::super::openai_chat::{finish_reason, write_usage};
use super::super::{Dialect, ReplyForm};

/// Writes chunks: of texts and refusals, for there is no place for anything else, which is declared.
#[derive(Debug)]
pub(in super::super) struct EventWriter {
    form: ReplyForm,
    created_unix_s: u64,
    id: String,
    model: String,
    /// How many parts have begun.
    parts: usize,
    /// Whether the part that is open is text.
    is_text: bool,
    usage: Usage,
}

impl EventWriter {
    pub(in super::super) fn new(form: ReplyForm, created_unix_s: u64) -> Self {
        let (id, model) = (String::new(), String::new());
        Self { form, created_unix_s, id, model, parts: 0, is_text: false, usage: Usage::default() }
    }

    pub(in super::super) fn write(&mut self, event: Event, text: &mut String, lossy: &mut Lossy) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id, model),
            Event::Open(opening) => {
                self.is_text = matches!(opening, Opening::Text | Opening::Refusal);
                if !self.is_text {
                    lossy.add(format!("content[{}]", self.parts));
                }
                self.parts += 1;
            }
            Event::Delta(Delta::Text(more)) if self.is_text => self.choice(&more, None, text),
            Event::Delta(_) | Event::Close => {}
            Event::Usage(usage) => self.usage = usage,
            Event::Stop(stop) => {
                if stop.sequence.is_some() {
                    lossy.add("stop_sequence");
                }
                self.choice("", Some(finish_reason(stop.reason)), text);
            }
            Event::End => {
                if self.form.include_usage {
                    self.chunk(&json!([]), write_usage(&self.usage), text);
                }
                *text += "data: [DONE]\n\n";
            }
            Event::Ping => *text += ": ping\n\n",
            Event::Error { kind, message } => {
                let error = ErrorReply::of_kind(&kind, message).to_json(Dialect::OpenAiCompletions);
                *text += &format!("data: {error}\n\n");
            }
        }
    }

    fn choice(&self, more: &str, finish_reason: Option<&str>, text: &mut String) {
        let choice = json!({"text": more, "index": 0, "logprobs": null, "finish_reason": finish_reason});
        self.chunk(&json!([choice]), Value::Null, text);
    }

    fn chunk(&self, choices: &Value, usage: Value, text: &mut String) {
        let mut chunk: Map<String, Value> = object(json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created_unix_s,
            "model": self.model,
            "choices": choices,
        }));
        if self.form.include_usage {
            chunk.insert("usage".into(), usage);
        }
        *text += &format!("data: {}\n\n", Value::Object(chunk));
    }
}
