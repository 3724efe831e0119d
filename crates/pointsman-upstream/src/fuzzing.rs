//! What the fuzz targets do, and a test with their corpus. Compiled for both alone.
//!
//! Each function takes any bytes; that it returns is what is asked of it.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Map, Value};

use crate::dialect::{
    Called, Dialect, Lossy, ProviderDialect, Recipient, ReplyForm, StreamTranslator, translate_reply,
    translate_request,
};
use crate::openai::ChatRequest;
use crate::{CompletionsRequest, MessagesRequest, RequestBody, ResponsesRequest};

/// The dialects of clients.
const CLIENTS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions, Dialect::Anthropic];

/// The dialects of providers, Bedrock's last.
const PROVIDERS: [ProviderDialect; 4] = [
    ProviderDialect::OpenAiChat,
    ProviderDialect::OpenAiResponses,
    ProviderDialect::Anthropic,
    ProviderDialect::Converse,
];

/// Streams of server-sent events from providers, translated for clients of every dialect. The first byte chooses both and
/// where the stream is cut.
///
/// # Panics
/// When that makes a difference.
pub fn sse(bytes: &[u8]) {
    let Some((choice, stream)) = bytes.split_first() else {
        return;
    };
    let provider = PROVIDERS[usize::from(choice % 3)];
    let client = CLIENTS[usize::from(choice / 3) % CLIENTS.len()];
    check_cut(stream, usize::from(*choice), provider, client);
}

/// Bedrock's event streams, translated for clients of every dialect. The first byte chooses which, and where the stream is
/// cut.
///
/// # Panics
/// When that makes a difference.
pub fn event_stream(bytes: &[u8]) {
    let Some((choice, stream)) = bytes.split_first() else {
        return;
    };
    let client = CLIENTS[usize::from(choice % 4)];
    // Few random bytes have the checksums of a frame, so that others are put into one.
    let framed = framed(stream);
    for stream in [stream, &framed] {
        check_cut(stream, usize::from(*choice), ProviderDialect::Converse, client);
    }
}

/// Bodies of requests and replies: read for routing, given another model, translated between all dialects.
///
/// # Panics
/// When another model is not the one that is read then.
pub fn body(bytes: &[u8]) {
    if let Ok(body) = RequestBody::parse(bytes.to_vec().into()) {
        let asked = body.model().to_owned();
        let rewritten = RequestBody::parse(body.with_model("another")).expect("still a request");
        assert_eq!(rewritten.model(), "another");
        let back = RequestBody::parse(rewritten.with_model(&asked)).expect("still a request");
        assert_eq!(back.model(), asked);
    }
    // Whether they can be read is not the question.
    let _ = ChatRequest::parse(bytes);
    let _ = ResponsesRequest::parse(bytes);
    let _ = CompletionsRequest::parse(bytes);
    let _ = MessagesRequest::parse(bytes);
    translate_body(bytes);
}

/// A client gets the same, wherever a stream is cut.
fn check_cut(stream: &[u8], at: usize, provider: ProviderDialect, client: Dialect) {
    let whole = translated(&[stream], provider, client);
    let (first, second) = stream.split_at(at.min(stream.len()));
    assert_eq!(translated(&[first, second], provider, client), whole);
}

fn called() -> Called {
    Called { id: "id".to_owned(), model: "model".to_owned(), created_unix_s: 7, asked: Map::new() }
}

/// What a client of `client` gets for a stream of `provider` that comes in `pieces`.
fn translated(pieces: &[&[u8]], provider: ProviderDialect, client: Dialect) -> String {
    let form = ReplyForm { stream: true, include_usage: true };
    let mut translator = StreamTranslator::new(provider, client, form, called());
    let mut text: String = pieces.iter().map(|piece| translator.push(piece)).collect();
    text += &translator.end();
    text
}

/// An event stream of what `lines` say: the name of an event and its payload, in turns.
fn framed(lines: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    for pair in lines.chunks(2) {
        let name = String::from_utf8_lossy(pair[0]).into_owned();
        let payload = pair.get(1).map(|payload| payload.to_vec()).unwrap_or_default();
        let kind = Header::new(":message-type", HeaderValue::String("event".into()));
        let message = Message::new(payload)
            .add_header(kind)
            .add_header(Header::new(":event-type", HeaderValue::String(name.into())));
        // What cannot be framed is left out.
        let _ = write_message_to(&message, &mut stream);
    }
    stream
}

/// Translates `body`, as a request and as a reply, from every dialect to every other.
fn translate_body(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    for client in CLIENTS {
        for dialect in PROVIDERS {
            for model in ["claude-sonnet-4-6", "amazon.nova-2-lite-v1:0"] {
                let to = Recipient { dialect, model, is_openai: true };
                let _ = translate_request(value.clone(), client, to, &mut Lossy::new());
            }
            let _ = translate_reply(value.clone(), dialect, client, &called(), &mut Lossy::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_corpus_holds() {
        for (name, target) in [("sse", sse as fn(&[u8])), ("event_stream", event_stream), ("body", body)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
            let files: Vec<_> =
                fs::read_dir(&folder).expect("a corpus").map(|file| file.expect("readable").path()).collect();
            assert!(!files.is_empty(), "{name} has a corpus");
            for file in files {
                let bytes = fs::read(&file).expect("readable");
                // Cut short, it is like much that a fuzzer would find.
                for end in (0..=bytes.len()).step_by(7).chain([bytes.len()]) {
                    target(&bytes[..end]);
                }
            }
        }
    }
}
