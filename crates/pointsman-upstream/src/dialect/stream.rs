//! A stream of one dialect, passed on in another.

use super::event::Event;
use super::sse::{SseEvent, SseParser};
use super::{
    Called, Dialect, Lossy, ProviderDialect, ReplyForm, TranslationError, anthropic, converse, openai_chat,
    openai_completions, openai_responses,
};

/// Translates a stream of events piece by piece. Nothing is held back but what is not yet an event. Before the event that
/// ends the reply, a comment declares what the client did not get of it.
#[derive(Debug)]
pub(crate) struct StreamTranslator {
    parser: Parser,
    reader: Reader,
    writer: Writer,
    called: Called,
    /// What of the reply had no counterpart so far.
    lossy: Lossy,
    /// The client has been told that the reply is whole, or that it failed.
    over: bool,
    failed: bool,
}

/// Finds events in bytes.
#[derive(Debug)]
enum Parser {
    Sse(SseParser),
    Frames(converse::FrameParser),
}

#[derive(Debug)]
pub(super) enum Reader {
    OpenAiChat(openai_chat::EventReader),
    OpenAiResponses(openai_responses::EventReader),
    Anthropic(anthropic::EventReader),
    Converse(converse::EventReader),
}

#[derive(Debug)]
pub(super) enum Writer {
    OpenAiChat(openai_chat::EventWriter),
    OpenAiResponses(Box<openai_responses::EventWriter>),
    OpenAiCompletions(openai_completions::EventWriter),
    Anthropic(anthropic::EventWriter),
}

impl StreamTranslator {
    /// A translator of streams of `from` for a client of `to`.
    pub(crate) fn new(from: ProviderDialect, to: Dialect, form: ReplyForm, called: Called) -> Self {
        Self {
            parser: Parser::new(from),
            reader: Reader::new(from),
            writer: Writer::new(to, form, &called),
            called,
            lossy: Lossy::new(),
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
            self.fail(&error, &mut text);
        }
        text
    }

    /// What the client gets when the stream has ended. One that has not said so is not whole.
    pub(crate) fn end(&mut self) -> String {
        let mut text = String::new();
        match self.parser.end() {
            Ok(last) => self.pass_on(last.as_slice(), &mut text),
            Err(error) => self.fail(&error, &mut text),
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
            let read = self.reader.read(event, &mut events, &mut self.lossy);
            self.write(events, text);
            if let Err(error) = read {
                self.fail(&format!("the provider's stream cannot be understood: {error}"), text);
            }
        }
    }

    fn write(&mut self, events: Vec<Event>, text: &mut String) {
        for mut event in events {
            if self.over {
                return;
            }
            if let Event::Start { id, model } = &mut event {
                self.called.name(id, model);
            }
            self.failed = matches!(event, Event::Error { .. });
            self.over = self.failed || event == Event::End;
            if self.over {
                self.lossy.rename(plain);
                text.extend(self.lossy.comment());
            }
            self.writer.write(event, text, &mut self.lossy);
        }
    }

    fn fail(&mut self, message: &str, text: &mut String) {
        let error = Event::Error { kind: "api_error".to_owned(), message: message.to_owned() };
        self.write(vec![error], text);
    }
}

/// A path within an event, without the word that errors have for the event itself.
fn plain(path: &str) -> String {
    let within = path.strip_prefix("chunk.").or_else(|| path.strip_prefix("event."));
    within.unwrap_or(path).to_owned()
}

impl Parser {
    fn new(dialect: ProviderDialect) -> Self {
        match dialect {
            ProviderDialect::Converse => Self::Frames(converse::FrameParser::default()),
            ProviderDialect::OpenAiChat | ProviderDialect::OpenAiResponses | ProviderDialect::Anthropic => {
                Self::Sse(SseParser::default())
            }
        }
    }

    fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), String> {
        match self {
            Self::Sse(parser) => parser.push(bytes, events).map_err(|error| error.to_string()),
            Self::Frames(parser) => parser.push(bytes, events).map_err(|error| error.to_string()),
        }
    }

    fn end(&mut self) -> Result<Option<SseEvent>, String> {
        match self {
            Self::Sse(parser) => parser.end().map_err(|error| error.to_string()),
            Self::Frames(_) => Ok(None),
        }
    }
}

impl Reader {
    pub(super) fn new(dialect: ProviderDialect) -> Self {
        match dialect {
            ProviderDialect::OpenAiChat => Self::OpenAiChat(openai_chat::EventReader::default()),
            ProviderDialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::EventReader::default())
            }
            ProviderDialect::Anthropic => Self::Anthropic(anthropic::EventReader::default()),
            ProviderDialect::Converse => Self::Converse(converse::EventReader::default()),
        }
    }

    pub(super) fn read(
        &mut self,
        event: &SseEvent,
        events: &mut Vec<Event>,
        lossy: &mut Lossy,
    ) -> Result<(), TranslationError> {
        match self {
            Self::OpenAiChat(reader) => reader.read(event, events, lossy),
            Self::OpenAiResponses(reader) => reader.read(event, events, lossy),
            Self::Anthropic(reader) => reader.read(event, events, lossy),
            Self::Converse(reader) => reader.read(event, events, lossy),
        }
    }

    pub(super) fn end(&mut self, events: &mut Vec<Event>) {
        match self {
            Self::OpenAiChat(reader) => reader.end(events),
            // Its last event says all.
            Self::OpenAiResponses(_) => {}
            Self::Anthropic(reader) => reader.end(events),
            Self::Converse(reader) => reader.end(events),
        }
    }
}

impl Writer {
    pub(super) fn new(dialect: Dialect, form: ReplyForm, called: &Called) -> Self {
        let created_unix_s = called.created_unix_s;
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::EventWriter::new(form, created_unix_s)),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(Box::new(openai_responses::EventWriter::new(called)))
            }
            Dialect::OpenAiCompletions => {
                Self::OpenAiCompletions(openai_completions::EventWriter::new(form, created_unix_s))
            }
            Dialect::Anthropic => Self::Anthropic(anthropic::EventWriter::default()),
        }
    }

    pub(super) fn write(&mut self, event: Event, text: &mut String, lossy: &mut Lossy) {
        match self {
            Self::OpenAiChat(writer) => writer.write(event, text, lossy),
            Self::OpenAiResponses(writer) => writer.write(event, text, lossy),
            Self::OpenAiCompletions(writer) => writer.write(event, text, lossy),
            Self::Anthropic(writer) => writer.write(event, text),
        }
    }
}
