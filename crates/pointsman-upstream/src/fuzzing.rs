//! What the fuzz targets reach of this crate's inside. Compiled for them alone.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Map, Value};

use crate::dialect::{
    Called, Dialect, Lossy, ProviderDialect, Recipient, ReplyForm, StreamTranslator, translate_reply,
    translate_request,
};

/// The dialects of clients.
pub const CLIENTS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions, Dialect::Anthropic];

/// The dialects of providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Bedrock's Converse.
    Converse,
}

impl Provider {
    const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Converse];

    fn dialect(self) -> ProviderDialect {
        match self {
            Self::Chat => ProviderDialect::OpenAiChat,
            Self::Responses => ProviderDialect::OpenAiResponses,
            Self::Messages => ProviderDialect::Anthropic,
            Self::Converse => ProviderDialect::Converse,
        }
    }
}

fn called() -> Called {
    Called { id: "id".to_owned(), model: "model".to_owned(), created_unix_s: 7, asked: Map::new() }
}

/// What a client of `client` gets for a stream of `provider` that comes in `pieces`.
#[must_use]
pub fn translated(pieces: &[&[u8]], provider: Provider, client: Dialect) -> String {
    let form = ReplyForm { stream: true, include_usage: true };
    let mut translator = StreamTranslator::new(provider.dialect(), client, form, called());
    let mut text: String = pieces.iter().map(|piece| translator.push(piece)).collect();
    text += &translator.end();
    text
}

/// An event stream of what `lines` say: the name of an event and its payload, in turns.
#[must_use]
pub fn framed(lines: &[u8]) -> Vec<u8> {
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
pub fn translate_body(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    for client in CLIENTS {
        for provider in Provider::ALL {
            for model in ["claude-sonnet-4-6", "amazon.nova-2-lite-v1:0"] {
                let to = Recipient { dialect: provider.dialect(), model, is_openai: true };
                let _ = translate_request(value.clone(), client, to, &mut Lossy::new());
            }
            let _ = translate_reply(value.clone(), provider.dialect(), client, &called(), &mut Lossy::new());
        }
    }
}
