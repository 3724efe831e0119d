//! What the demo provider says, whole and in pieces.

use serde_json::{Value, json};

use crate::client::Call;
use crate::openai::{ChatRequest, tokens_of};

/// Characters of the prompt that a reply repeats.
const QUOTED_CHARS: usize = 80;

/// A reply before it is written down.
pub(super) struct Completion {
    id: String,
    created_unix_s: u64,
    model: String,
    /// The text in pieces of a word each; joined, they are the reply.
    pieces: Vec<String>,
    /// Whether the text was cut at the length that the caller allows.
    cut: bool,
    prompt_tokens: usize,
}

impl Completion {
    pub(super) fn new(model: &str, request: &ChatRequest, call: &Call<'_>) -> Self {
        let text = text(model, request.prompt.subject(), call.about);
        let mut pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let allowed = request.facts.max_output_tokens.map_or(usize::MAX, |tokens| tokens.0 as usize);
        let whole = pieces.len();
        let mut tokens = 0;
        pieces.retain(|piece| {
            tokens += tokens_of(piece.len());
            tokens <= allowed
        });
        Self {
            id: format!("chatcmpl-{}", call.request_id),
            created_unix_s: call.received_unix_s,
            model: model.to_owned(),
            cut: pieces.len() < whole,
            pieces,
            prompt_tokens: request.facts.input_tokens.0 as usize,
        }
    }

    /// The reply in one object.
    pub(super) fn to_json(&self) -> String {
        let message = json!({"role": "assistant", "content": self.pieces.concat(), "refusal": null});
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason()});
        let mut object = self.object("chat.completion", &json!([choice]));
        object["usage"] = self.usage();
        object.to_string()
    }

    /// The reply as server-sent events.
    pub(super) fn events(self, include_usage: bool) -> impl Iterator<Item = String> + Send + 'static {
        let start = json!({"role": "assistant", "content": "", "refusal": null});
        let mut objects = vec![self.chunk(&start, None, include_usage)];
        objects.extend(
            self.pieces.iter().map(|piece| self.chunk(&json!({"content": piece}), None, include_usage)),
        );
        objects.push(self.chunk(&json!({}), Some(self.finish_reason()), include_usage));
        if include_usage {
            let mut last = self.object("chat.completion.chunk", &json!([]));
            last["usage"] = self.usage();
            objects.push(last);
        }
        let events = objects.into_iter().map(|object| format!("data: {object}\n\n"));
        events.chain(["data: [DONE]\n\n".to_owned()])
    }

    fn chunk(&self, delta: &Value, finish_reason: Option<&str>, include_usage: bool) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        let mut object = self.object("chat.completion.chunk", &json!([choice]));
        if include_usage {
            object["usage"] = Value::Null;
        }
        object
    }

    fn object(&self, kind: &str, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created_unix_s,
            "model": self.model,
            "choices": choices,
        })
    }

    fn finish_reason(&self) -> &'static str {
        if self.cut { "length" } else { "stop" }
    }

    fn usage(&self) -> Value {
        let completion_tokens: usize = self.pieces.iter().map(|piece| tokens_of(piece.len())).sum();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        })
    }
}

fn text(model: &str, subject: &str, about: &str) -> String {
    let mut quoted: String = subject.trim().chars().take(QUOTED_CHARS).collect();
    if subject.trim().chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    let mut sentences = vec![format!("demo/{model} would answer here.")];
    if !about.is_empty() {
        sentences.push(about.to_owned());
    }
    sentences.push(format!("You asked: “{quoted}”."));
    sentences.push("This is the built-in demo provider: name a real one in pointsman.toml.".to_owned());
    sentences.join(" ")
}
