//! Messages as turns of two sides, which is how Anthropic's Messages and Bedrock's Converse take them.

use serde_json::Value;

use super::conversation::{Message, Part, Role};
use super::error::TranslationError;
use super::lossy::Lossy;

/// The system prompt, and the turns in order, each with the blocks that it consists of.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) system: Vec<Value>,
    pub(super) turns: Vec<(&'static str, Vec<Value>)>,
}

impl Turns {
    /// Arranges `messages`; `write` adds the blocks of one part, which stands at a path, to others.
    ///
    /// Messages of one role in a row become one turn, for results of parallel calls must stand together, and results come
    /// first in it. System messages that come later join the first ones, which is declared, and so is a last message of the
    /// assistant: it is continued here, and the sender may have meant it to be answered.
    pub(super) fn of(
        messages: &[Message],
        lossy: &mut Lossy,
        mut write: impl FnMut(Spoken<'_>, &mut Lossy, &mut Vec<Value>) -> Result<(), TranslationError>,
    ) -> Result<Self, TranslationError> {
        let mut arranged = Self::default();
        for message in messages {
            let mut blocks = Vec::new();
            for (index, part) in in_order(message) {
                let spoken = Spoken { part, role: message.role, path: message.place.part(index) };
                write(spoken, lossy, &mut blocks)?;
            }
            let role = match message.role {
                Role::System | Role::Developer => {
                    if !arranged.turns.is_empty() {
                        lossy.add(message.place.whole.clone());
                    }
                    arranged.system.append(&mut blocks);
                    continue;
                }
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            match arranged.turns.last_mut() {
                _ if blocks.is_empty() => {}
                Some((last, turn)) if *last == role => turn.append(&mut blocks),
                _ => arranged.turns.push((role, blocks)),
            }
        }
        if let Some(last) = messages.last().filter(|last| last.role == Role::Assistant) {
            lossy.add(last.place.whole.clone());
        }
        Ok(arranged)
    }
}

/// A part, who says it and where it stood.
#[derive(Debug)]
pub(super) struct Spoken<'a> {
    pub(super) part: &'a Part,
    pub(super) role: Role,
    pub(super) path: String,
}

/// The parts with their places; what tools answered comes first.
fn in_order(message: &Message) -> impl Iterator<Item = (usize, &Part)> {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    let parts = || message.parts.iter().enumerate();
    let results = parts().filter(move |(_, part)| is_result(part));
    results.chain(parts().filter(move |(_, part)| !is_result(part)))
}

/// Stop sequences but for blank ones, which neither takes.
pub(super) fn stop_sequences(stop: &[String], word: &str, lossy: &mut Lossy) -> Vec<Value> {
    let mut taken = Vec::new();
    for (index, sequence) in stop.iter().enumerate() {
        if sequence.trim().is_empty() {
            lossy.add(format!("{word}[{index}]"));
        } else {
            taken.push(sequence.clone().into());
        }
    }
    taken
}
