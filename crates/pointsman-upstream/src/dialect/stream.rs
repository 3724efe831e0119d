//! A stream of one dialect, passed on in another.

use super::event::Event;
use super::sse::{SseEvent, SseParser};
use super::{Dialect, ReplyForm, TranslationError, anthropic, openai_chat};

/// Translates a stream of server-sent events piece by piece. Nothing is held back but what is not yet an event.
#[derive(Debug)]
pub(crate) struct StreamTranslator {
    parser: SseParser,
    reader: Reader,
    writer: Writer,
    /// The client has been told that the reply is whole, or that it failed.
    over: bool,
    failed: bool,
}

#[derive(Debug)]
pub(super) enum Reader {
    OpenAiChat(openai_chat::EventReader),
    Anthropic(anthropic::EventReader),
}

#[derive(Debug)]
pub(super) enum Writer {
    OpenAiChat(openai_chat::EventWriter),
    Anthropic(anthropic::EventWriter),
}

impl StreamTranslator {
    /// A translator of streams of `from` for a client of `to`.
    pub(crate) fn new(from: Dialect, to: Dialect, form: ReplyForm, created_unix_s: u64) -> Self {
        Self {
            parser: SseParser::default(),
            reader: Reader::new(from),
            writer: Writer::new(to, form, created_unix_s),
            over: false,
            failed: false,
        }
    }

    /// What the client gets for `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        let (mut text, mut complete) = (String::new(), Vec::new());
        let parsed = self.parser.push(bytes, &mut complete);
        self.pass_on(&complete, &mut text);
        if let Err(error) = parsed {
            self.fail(&error.to_string(), &mut text);
        }
        text
    }

    /// What the client gets when the stream has ended. One that has not said so is not whole.
    pub(crate) fn end(&mut self) -> String {
        let mut text = String::new();
        match self.parser.end() {
            Ok(last) => self.pass_on(last.as_slice(), &mut text),
            Err(error) => self.fail(&error.to_string(), &mut text),
        }
        let mut events = Vec::new();
        self.reader.end(&mut events);
        self.write(events, &mut text);
        self.fail("the provider ended its stream within the reply", &mut text);
        text
    }

    /// What the client gets when the stream breaks off.
    pub(crate) fn broken(&mut self, message: &str) -> String {
        let mut text = String::new();
        self.fail(message, &mut text);
        text
    }

    /// Whether the client has been told that the reply failed. A whole reply is read on to the end of its stream, for
    /// the connection to be used again.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    fn pass_on(&mut self, complete: &[SseEvent], text: &mut String) {
        for event in complete {
            let mut events = Vec::new();
            let read = self.reader.read(event, &mut events);
            self.write(events, text);
            if let Err(error) = read {
                self.fail(&format!("the provider's stream cannot be understood: {error}"), text);
            }
        }
    }

    fn write(&mut self, events: Vec<Event>, text: &mut String) {
        for event in events {
            if self.over {
                return;
            }
            self.failed = matches!(event, Event::Error { .. });
            self.over = self.failed || event == Event::End;
            self.writer.write(event, text);
        }
    }

    fn fail(&mut self, message: &str, text: &mut String) {
        let error = Event::Error { kind: "api_error".to_owned(), message: message.to_owned() };
        self.write(vec![error], text);
    }
}

impl Reader {
    pub(super) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::EventReader::default()),
            Dialect::Anthropic => Self::Anthropic(anthropic::EventReader::default()),
        }
    }

    pub(super) fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), TranslationError> {
        match self {
            Self::OpenAiChat(reader) => reader.read(event, events),
            Self::Anthropic(reader) => reader.read(event, events),
        }
    }

    pub(super) fn end(&mut self, events: &mut Vec<Event>) {
        match self {
            Self::OpenAiChat(reader) => reader.end(events),
            Self::Anthropic(reader) => reader.end(events),
        }
    }
}

impl Writer {
    pub(super) fn new(dialect: Dialect, form: ReplyForm, created_unix_s: u64) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::EventWriter::new(form, created_unix_s)),
            Dialect::Anthropic => Self::Anthropic(anthropic::EventWriter::default()),
        }
    }

    pub(super) fn write(&mut self, event: Event, text: &mut String) {
        match self {
            Self::OpenAiChat(writer) => writer.write(event, text),
            Self::Anthropic(writer) => writer.write(event, text),
        }
    }
}
