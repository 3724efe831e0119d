//! Conversations in several dialects, and the way from one to another.
//!
//! A dialect is read into the representation of [`conversation`] and [`completion`] and written from it, so a further
//! dialect needs a reader and a writer and nothing of the others. What the representation does not hold is declared in
//! [`Lossy`] when it is read, what a dialect does not hold when it is written; where a request would mean something
//! else without it, there is a [`TranslationError`] instead. `docs/dialects.md` has the matrix.

pub(crate) mod anthropic;
pub(crate) mod completion;
pub(crate) mod conversation;
mod converse;
mod error;
pub(crate) mod event;
mod facts;
mod fields;
mod lossy;
pub(crate) mod openai_chat;
pub(crate) mod openai_completions;
pub(crate) mod openai_responses;
mod openai_settings;
pub(crate) mod sse;
mod stream;
mod turns;
mod usage;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use completion::Completion;
use conversation::Conversation;

pub use completion::Usage;
pub use error::{ErrorReply, TranslationError};
pub use facts::ReplyFacts;
pub use lossy::Lossy;
pub(crate) use stream::StreamTranslator;
pub use usage::UsageReader;

/// How clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's Chat Completions.
    OpenAiChat,
    /// OpenAI's Responses.
    OpenAiResponses,
    /// OpenAI's older completions of a text.
    OpenAiCompletions,
    /// Anthropic's Messages.
    Anthropic,
}

/// How providers are spoken to when a request is translated for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderDialect {
    /// OpenAI's Chat Completions.
    OpenAiChat,
    /// OpenAI's Responses, which some of its models speak alone.
    OpenAiResponses,
    /// Anthropic's Messages.
    Anthropic,
    /// Bedrock's Converse and ConverseStream, which no client speaks.
    Converse,
}

/// What is known of the side that gets a translated request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipient<'a> {
    /// How it speaks.
    pub(crate) dialect: ProviderDialect,
    /// Its own name for the model.
    pub(crate) model: &'a str,
    /// Whether it is OpenAI itself, where `max_completion_tokens` has replaced `max_tokens`.
    pub(crate) is_openai: bool,
}

/// What the client asked for about the form of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyForm {
    /// As server-sent events.
    pub(crate) stream: bool,
    /// With token counts at the end of the stream (OpenAI's `stream_options.include_usage`).
    pub(crate) include_usage: bool,
}

/// What a reply is called where its provider does not say, when it was asked for, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Called {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created_unix_s: u64,
    /// The fields of the request that its reply repeats.
    pub(crate) asked: Map<String, Value>,
}

impl Called {
    /// Gives a reply without an id or a model's name these.
    fn name(&self, id: &mut String, model: &mut String) {
        if id.is_empty() {
            id.clone_from(&self.id);
        }
        if model.is_empty() {
            model.clone_from(&self.model);
        }
    }
}

/// The request `body` of `from` as `to` takes it.
pub(crate) fn translate_request(
    body: Value,
    from: Dialect,
    to: Recipient<'_>,
    lossy: &mut Lossy,
) -> Result<(Value, ReplyForm), TranslationError> {
    let mut conversation = read_request(body, from, lossy)?;
    to.model.clone_into(&mut conversation.model);
    let form = ReplyForm { stream: conversation.stream, include_usage: conversation.include_usage };
    let written = write_request(&conversation, to, lossy);
    if from == Dialect::OpenAiResponses {
        lossy.rename(openai_responses::words);
    }
    Ok((written?, form))
}

pub(crate) fn read_request(
    body: Value,
    dialect: Dialect,
    lossy: &mut Lossy,
) -> Result<Conversation, TranslationError> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::read_request(body, lossy),
        Dialect::OpenAiResponses => openai_responses::read_request(body, lossy),
        Dialect::OpenAiCompletions => openai_completions::read_request(body, lossy),
        Dialect::Anthropic => anthropic::read_request(body, lossy),
    }
}

pub(crate) fn write_request(
    conversation: &Conversation,
    to: Recipient<'_>,
    lossy: &mut Lossy,
) -> Result<Value, TranslationError> {
    match to.dialect {
        ProviderDialect::OpenAiChat => openai_chat::write_request(conversation, to.is_openai, lossy),
        ProviderDialect::OpenAiResponses => openai_responses::write_request(conversation, lossy),
        ProviderDialect::Anthropic => anthropic::write_request(conversation, lossy),
        ProviderDialect::Converse => converse::write_request(conversation, lossy),
    }
}

/// A whole reply `body` of `from` as a client of `to` takes it.
pub(crate) fn translate_reply(
    body: Value,
    from: ProviderDialect,
    to: Dialect,
    called: &Called,
    lossy: &mut Lossy,
) -> Result<Value, TranslationError> {
    let mut completion = read_reply(body, from, lossy)?;
    called.name(&mut completion.id, &mut completion.model);
    Ok(write_reply(&completion, to, called, lossy))
}

pub(crate) fn read_reply(
    body: Value,
    dialect: ProviderDialect,
    lossy: &mut Lossy,
) -> Result<Completion, TranslationError> {
    match dialect {
        ProviderDialect::OpenAiChat => openai_chat::read_reply(body, lossy),
        ProviderDialect::OpenAiResponses => openai_responses::read_reply(body, lossy),
        ProviderDialect::Anthropic => anthropic::read_reply(body, lossy),
        ProviderDialect::Converse => converse::read_reply(body, lossy),
    }
}

pub(crate) fn write_reply(
    completion: &Completion,
    dialect: Dialect,
    called: &Called,
    lossy: &mut Lossy,
) -> Value {
    match dialect {
        Dialect::OpenAiChat => openai_chat::write_reply(completion, called.created_unix_s, lossy),
        Dialect::OpenAiResponses => openai_responses::write_reply(completion, called, lossy),
        Dialect::OpenAiCompletions => {
            openai_completions::write_reply(completion, called.created_unix_s, lossy)
        }
        Dialect::Anthropic => anthropic::write_reply(completion),
    }
}
