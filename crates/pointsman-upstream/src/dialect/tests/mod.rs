//! The way from one dialect to another and back.

mod converse;
mod converse_stream;
mod examples;
mod generate;
mod round_trip;
mod streams;

use serde_json::Value;

use super::*;

const DIALECTS: [Dialect; 2] = [Dialect::OpenAiChat, Dialect::Anthropic];

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAiChat => Dialect::Anthropic,
        Dialect::Anthropic => Dialect::OpenAiChat,
    }
}

/// A model that takes everything: adaptive thinking and sampling.
const CLAUDE: &str = "claude-sonnet-4-6";

fn recipient(dialect: Dialect) -> Recipient<'static> {
    Recipient { dialect: dialect.into(), model: CLAUDE, is_openai: false }
}

fn called() -> Called {
    Called { id: "id".to_owned(), model: CLAUDE.to_owned(), created_unix_s: 7 }
}

/// A request of `from` for the other dialect, and what was left behind.
fn translated(body: Value, from: Dialect) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let (body, _) = translate_request(body, from, recipient(other(from)), &mut lossy)
        .map_err(|error| error.to_string())?;
    Ok((body, lossy.paths().map(str::to_owned).collect()))
}
