//! The tokens that a passing reply says it took.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::Value;

use super::completion::Usage;
use super::facts::ReplyFacts;
use super::fields::Fields;
use super::lossy::Lossy;
use super::sse::{SseEvent, SseParser};
use super::{Dialect, anthropic, openai_chat, openai_responses};

/// How long a reply that is not streamed may be to be read.
const WHOLE_LIMIT_BYTES: usize = 8 << 20;

/// Looks over the bytes of a successful reply for its token counts. Anything that it does not understand has none.
#[derive(Debug)]
pub struct UsageReader {
    dialect: Dialect,
    form: Form,
    usage: Option<Usage>,
    /// What else the reply says, if anybody wants to know.
    facts: Option<ReplyFacts>,
}

#[derive(Debug)]
enum Form {
    Whole { chunks: Vec<Bytes>, bytes: usize },
    Stream(SseParser),
    Unreadable,
}

/// Where dialects put their counts: in the object itself, in the message with which a stream begins, or in the response
/// with which it ends.
#[derive(Deserialize)]
struct Told {
    usage: Option<Value>,
    message: Option<Value>,
    response: Option<Value>,
}

impl UsageReader {
    /// A reader of a reply in `dialect` with these headers.
    #[must_use]
    pub fn new(dialect: Dialect, headers: &HeaderMap) -> Self {
        let is_encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
        let form = match content_type {
            _ if is_encoded => Form::Unreadable,
            Some(kind) if kind.starts_with(b"text/event-stream") => Form::Stream(SseParser::default()),
            Some(kind) if kind.starts_with(b"application/json") => {
                Form::Whole { chunks: Vec::new(), bytes: 0 }
            }
            _ => Form::Unreadable,
        };
        Self { dialect, form, usage: None, facts: None }
    }

    /// The same reader, which also looks for [`ReplyFacts`]: it takes every event of a stream apart.
    #[must_use]
    pub fn with_facts(self) -> Self {
        Self { facts: Some(ReplyFacts::default()), ..self }
    }

    /// Takes the next bytes of the body. They are shared, not copied, unless the reply is a stream.
    pub fn push(&mut self, chunk: &Bytes) {
        match &mut self.form {
            Form::Whole { chunks, bytes } => {
                *bytes += chunk.len();
                chunks.push(chunk.clone());
                if *bytes > WHOLE_LIMIT_BYTES {
                    self.form = Form::Unreadable;
                }
            }
            Form::Stream(parser) => {
                let mut events = Vec::new();
                if parser.push(chunk, &mut events).is_err() {
                    self.form = Form::Unreadable;
                }
                for event in &events {
                    self.read_event(event);
                }
            }
            Form::Unreadable => {}
        }
    }

    /// The counts, once the body has ended. Those of a stream that broke off are what it had said by then.
    #[must_use]
    pub fn finish(self) -> Option<Usage> {
        self.finish_with_facts().0
    }

    /// The counts, and what else the reply says if [`UsageReader::with_facts`] asked for it, once the body has ended.
    #[must_use]
    pub fn finish_with_facts(mut self) -> (Option<Usage>, Option<ReplyFacts>) {
        match std::mem::replace(&mut self.form, Form::Unreadable) {
            Form::Whole { chunks, .. } => self.read(&chunks.concat()),
            Form::Stream(mut parser) => {
                if let Ok(Some(last)) = parser.end() {
                    self.read_event(&last);
                }
            }
            Form::Unreadable => {}
        }
        (self.usage, self.facts)
    }

    fn read_event(&mut self, event: &SseEvent) {
        // Few events have counts; the others need not be taken apart.
        if self.facts.is_some() || event.data.contains("\"usage\"") {
            self.read(event.data.as_bytes());
        }
    }

    fn read(&mut self, json: &[u8]) {
        if let Some(facts) = &mut self.facts
            && let Ok(told) = serde_json::from_slice::<Value>(json)
        {
            facts.take(&told);
        }
        let Ok(Told { usage, message, response }) = serde_json::from_slice(json) else {
            return;
        };
        let in_message = || message.or(response)?.get("usage").filter(|usage| usage.is_object()).cloned();
        let Some(Ok(usage)) = usage.or_else(in_message).map(|usage| Fields::of(usage, "usage")) else {
            return;
        };
        let lossy = &mut Lossy::new();
        let read = match self.dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => openai_chat::read_usage(usage, lossy),
            Dialect::OpenAiResponses => openai_responses::read_usage(usage, lossy),
            Dialect::Anthropic => anthropic::read_usage(usage, self.usage.unwrap_or_default(), lossy),
        };
        self.usage = read.ok().or(self.usage);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const STREAM: &str = "text/event-stream; charset=utf-8";
    const JSON: &str = "application/json";

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    /// What is read from `body` when it comes in pieces of `size` bytes.
    fn read(dialect: Dialect, content_type: &'static str, body: &str, size: usize) -> Option<Usage> {
        let mut reader = UsageReader::new(dialect, &headers(&[(CONTENT_TYPE, content_type)]));
        for piece in body.as_bytes().chunks(size) {
            reader.push(&Bytes::copy_from_slice(piece));
        }
        reader.finish()
    }

    #[test]
    fn counts_are_found_in_replies_and_streams_of_both_dialects() {
        let openai =
            r#"{"prompt_tokens":14,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4}}"#;
        let anthropic = r#"{"input_tokens":9,"cache_read_input_tokens":4,"cache_creation_input_tokens":1,"output_tokens":7}"#;
        let usage =
            |cache_write| Usage { input: 14, cache_read: Some(4), cache_write, output: 7, reasoning: None };
        for (dialect, content_type, body, expected) in [
            (Dialect::OpenAiChat, JSON, format!("{{\"id\":\"a\",\"usage\":{openai}}}"), Some(usage(None))),
            (
                Dialect::OpenAiChat,
                STREAM,
                format!("data: {{\"usage\":null}}\n\ndata: {{\"usage\":{openai}}}\n\ndata: [DONE]\n\n"),
                Some(usage(None)),
            ),
            (Dialect::Anthropic, JSON, format!("{{\"usage\":{anthropic}}}"), Some(usage(Some(1)))),
            (
                Dialect::Anthropic,
                STREAM,
                "event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":4,\
                 \"cache_creation_input_tokens\":1,\"output_tokens\":1}}}\n\n\
                 event: message_delta\ndata: {\"delta\":{},\"usage\":{\"output_tokens\":7}}"
                    .to_owned(),
                Some(usage(Some(1))),
            ),
            (Dialect::OpenAiChat, STREAM, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n".to_owned(), None),
            (Dialect::OpenAiChat, JSON, "{\"usage\":\"much\"}".to_owned(), None),
            (Dialect::OpenAiChat, JSON, "not JSON".to_owned(), None),
            (Dialect::OpenAiChat, "text/plain", format!("{{\"usage\":{openai}}}"), None),
        ] {
            for size in [1, 7, 10_000] {
                assert_eq!(read(dialect, content_type, &body, size), expected, "{body} by {size}");
            }
        }
    }

    #[test]
    fn who_answered_is_read_if_that_is_wanted() {
        let body = "data: {\"id\":\"c\",\"choices\":[]}\n\ndata: [DONE]\n\n";
        let reader = || UsageReader::new(Dialect::OpenAiChat, &headers(&[(CONTENT_TYPE, STREAM)]));
        for (mut reader, is_wanted) in [(reader(), false), (reader().with_facts(), true)] {
            reader.push(&Bytes::from_static(body.as_bytes()));
            let (usage, facts) = reader.finish_with_facts();
            assert_eq!((usage, facts.is_some()), (None, is_wanted));
            let id = facts.and_then(|facts| facts.id);
            assert_eq!(id.as_deref(), is_wanted.then_some("c"));
        }
    }

    #[test]
    fn what_is_encoded_or_endless_is_not_read() {
        let encoded = headers(&[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "gzip")]);
        let mut reader = UsageReader::new(Dialect::OpenAiChat, &encoded);
        reader.push(&Bytes::from_static(b"{\"usage\":{\"prompt_tokens\":1}}"));
        assert_eq!(reader.finish(), None);
        let mut reader = UsageReader::new(Dialect::OpenAiChat, &headers(&[(CONTENT_TYPE, JSON)]));
        reader.push(&Bytes::from(vec![b' '; WHOLE_LIMIT_BYTES]));
        reader.push(&Bytes::from_static(b"{\"usage\":{\"prompt_tokens\":1}}"));
        assert_eq!(reader.finish(), None);
    }
}
