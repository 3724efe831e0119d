//! Who gets how much of the window.

use pointsman_domain::{Prompt, Role, Turn};

use super::text::{self, EncodedText, Limit};
use super::{TokenizeError, Tokenized, Tokenizer};

/// A context text with its role mark in front, ready to be cut.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) ids: Vec<u32>,
    mark: usize,
    keep: Keep,
}

/// What stays of a text that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Head,
    Ends,
}

pub(super) fn lay_out(tokenizer: &Tokenizer, prompt: &Prompt) -> Result<Tokenized, TokenizeError> {
    let bytes: usize = prompt.turns().iter().map(|turn| turn.text.len()).sum();
    // A text fills at most a window, half from each end; sixteen bytes a token leaves room for dense scripts and blanks.
    let limit = if bytes <= Tokenizer::EXACT_BYTES {
        Limit::Whole
    } else {
        Limit::Ends(8 * tokenizer.window.max(512))
    };
    let subject = text::read(tokenizer, prompt.subject(), limit)?;
    let mut context = Context::read(tokenizer, prompt.context(), limit)?;

    let specials = if context.pieces.is_empty() { 2 } else { 3 };
    let room = tokenizer.window - specials;
    let length: usize = context.pieces.iter().map(|piece| piece.ids.len()).sum();
    let share = length.min((room / Tokenizer::CONTEXT_SHARE).max(room.saturating_sub(subject.ids.len())));
    context.cut_to(share);
    let length: usize = context.pieces.iter().map(|piece| piece.ids.len()).sum();

    let kept = cut(&subject.ids, room - length, Keep::Ends);
    let ids = tokenizer.frame(kept, context.pieces.iter());
    let tokens_seen = text::count(ids.ids.len());
    let tokens = text::count(specials + subject.tokens + context.tokens).max(tokens_seen);
    Ok(Tokenized { ids, tokens, tokens_seen })
}

/// The turns before the subject.
struct Context {
    /// The system prompt and the last few other turns, oldest first.
    pieces: Vec<Piece>,
    /// Length of all turns in tokens, role marks included.
    tokens: usize,
}

impl Context {
    fn read(tokenizer: &Tokenizer, turns: &[Turn], limit: Limit) -> Result<Self, TokenizeError> {
        let mut spoken: Vec<&Turn> = turns.iter().filter(|turn| !turn.text.trim().is_empty()).collect();
        let system =
            spoken.iter().position(|turn| turn.role == Role::System).map(|position| spoken.remove(position));
        let recent = spoken.split_off(spoken.len().saturating_sub(Tokenizer::RECENT_TURNS));

        let mut context = Self { pieces: Vec::with_capacity(Tokenizer::RECENT_TURNS + 1), tokens: 0 };
        let mut bytes = 0;
        for turn in system.into_iter().chain(recent) {
            bytes += turn.text.len();
            context.push(tokenizer, turn, text::read(tokenizer, &turn.text, limit)?);
        }
        context.tokens += match limit {
            Limit::Whole => count_exactly(tokenizer, &spoken)?,
            Limit::Ends(_) => {
                let unread = spoken.iter().map(|turn| turn.text.len()).sum();
                text::estimate(context.tokens, bytes, unread)
            }
        };
        Ok(context)
    }

    /// Adds a turn, unless the vocabulary sees nothing in its text (control characters only, say).
    fn push(&mut self, tokenizer: &Tokenizer, turn: &Turn, text: EncodedText) {
        if text.ids.is_empty() {
            return;
        }
        let mark = tokenizer.mark(turn.role);
        self.tokens += mark.len() + text.tokens;
        let keep = if turn.role == Role::System { Keep::Head } else { Keep::Ends };
        let mut ids = mark.to_vec();
        ids.extend(text.ids);
        self.pieces.push(Piece { ids, mark: mark.len(), keep });
    }

    /// Shortens the pieces so that together they have at most `budget` tokens: none is cut while a longer one is left
    /// whole (max–min fairness). A piece of which no more than its mark would stay is dropped.
    fn cut_to(&mut self, budget: usize) {
        let level = fair_level(self.pieces.iter().map(|piece| piece.ids.len()).collect(), budget);
        for piece in &mut self.pieces {
            if piece.ids.len() > level {
                let text: Vec<u32> =
                    cut(&piece.ids[piece.mark..], level.saturating_sub(piece.mark), piece.keep).collect();
                piece.ids.truncate(piece.mark);
                piece.ids.extend(text);
            }
        }
        self.pieces.retain(|piece| piece.ids.len() > piece.mark);
    }
}

/// How many tokens turns have that are not read.
fn count_exactly(tokenizer: &Tokenizer, turns: &[&Turn]) -> Result<usize, TokenizeError> {
    let marks: usize = turns.iter().map(|turn| tokenizer.mark(turn.role).len()).sum();
    let joined = turns.iter().map(|turn| turn.text.as_str()).collect::<Vec<_>>().join("\n");
    Ok(marks + tokenizer.encode(&joined)?.len())
}

/// The largest level at which `Σ min(length, level) ≤ budget`.
fn fair_level(mut lengths: Vec<usize>, budget: usize) -> usize {
    lengths.sort_unstable();
    let mut left = budget;
    for (i, length) in lengths.iter().enumerate() {
        let share = left / (lengths.len() - i);
        if *length > share {
            return share;
        }
        left -= length;
    }
    usize::MAX
}

/// The part of `ids` that stays when `room` is left for it.
fn cut(ids: &[u32], room: usize, keep: Keep) -> impl Iterator<Item = u32> {
    let room = room.min(ids.len());
    let head = if keep == Keep::Head { room } else { room.div_ceil(2) };
    ids[..head].iter().chain(&ids[ids.len() - (room - head)..]).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_or_both_ends_stay() {
        let ids: Vec<u32> = (0..10).collect();
        let cut = |room, keep| cut(&ids, room, keep).collect::<Vec<_>>();
        assert_eq!(cut(4, Keep::Head), [0, 1, 2, 3]);
        assert_eq!(cut(5, Keep::Ends), [0, 1, 2, 8, 9]);
        assert_eq!(cut(10, Keep::Ends), ids);
        assert_eq!(cut(99, Keep::Ends), ids);
        assert!(cut(0, Keep::Ends).is_empty());
    }

    #[test]
    fn the_long_are_cut_before_the_short() {
        assert_eq!(fair_level(vec![5, 100, 100], 65), 30);
        assert_eq!(fair_level(vec![5, 6], 11), usize::MAX);
        assert_eq!(fair_level(vec![], 11), usize::MAX);
        assert_eq!(fair_level(vec![5, 5], 1), 0);
    }
}
