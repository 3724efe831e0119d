//! The way from one dialect to another and back.

mod converse;
mod converse_stream;
mod examples;
mod generate;
mod responses;
mod round_trip;
mod streams;

use serde_json::Value;

use super::*;

const DIALECTS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses];

/// Every dialect with every other.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = |from| DIALECTS.into_iter().map(move |to| (from, to));
    DIALECTS.into_iter().flat_map(all).filter(|(from, to)| from != to)
}

/// The dialect of chats that is not this one.
fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::Anthropic => Dialect::OpenAiChat,
        _ => Dialect::Anthropic,
    }
}

/// What a provider speaks whose clients speak `dialect`.
fn spoken(dialect: Dialect) -> ProviderDialect {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => ProviderDialect::OpenAiChat,
        Dialect::OpenAiResponses => ProviderDialect::OpenAiResponses,
        Dialect::Anthropic => ProviderDialect::Anthropic,
    }
}

/// A model that takes everything: adaptive thinking and sampling.
const CLAUDE: &str = "claude-sonnet-4-6";

fn recipient(dialect: Dialect) -> Recipient<'static> {
    Recipient { dialect: spoken(dialect), model: CLAUDE, is_openai: false }
}

fn called() -> Called {
    Called { id: "id".to_owned(), model: CLAUDE.to_owned(), created_unix_s: 7, asked: Map::new() }
}

/// A request of `from` for the other dialect, and what was left behind.
fn translated(body: Value, from: Dialect) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let (body, _) = translate_request(body, from, recipient(other(from)), &mut lossy)
        .map_err(|error| error.to_string())?;
    Ok((body, lossy.paths().map(str::to_owned).collect()))
}
