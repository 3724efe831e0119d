//! The way from one dialect to another and back.

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
    Recipient { dialect, model: CLAUDE, is_openai: false }
}

/// A request of `from` for the other dialect, and what was left behind.
fn translated(body: Value, from: Dialect) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let (body, _) = translate_request(body, from, recipient(other(from)), &mut lossy)
        .map_err(|error| error.to_string())?;
    Ok((body, lossy.paths().map(str::to_owned).collect()))
}
