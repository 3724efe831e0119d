//! One text to token ids, with an upper bound on the work.

use pointsman_domain::TokenCount;
use tokenizers::Tokenizer as Vocabulary;

use super::{SpecialIds, TokenizeError, Tokenizer};

/// The token ids of a text, or of its two ends.
#[derive(Debug, Default)]
pub(super) struct EncodedText {
    /// Ids of the whole text, or of its head followed by its tail.
    pub(super) ids: Vec<u32>,
    /// Length of the whole text in tokens; more than `ids.len()` only where the middle was not read.
    pub(super) tokens: usize,
}

/// How much of a text may be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// All of it.
    Whole,
    /// At most this many bytes at either end.
    Ends(usize),
}

/// Tokenises `text` without the white space around it.
pub(super) fn read(tokenizer: &Tokenizer, text: &str, limit: Limit) -> Result<EncodedText, TokenizeError> {
    let text = text.trim();
    let Limit::Ends(end) = limit else { return whole(tokenizer, text) };
    if text.len() <= 2 * end {
        return whole(tokenizer, text);
    }
    let head = &text[..floor_char_boundary(text, end)];
    let tail = &text[ceil_char_boundary(text, text.len() - end)..];
    let mut ids = tokenizer.encode(head)?;
    ids.extend(tokenizer.encode(tail)?);
    let tokens = estimate(ids.len(), head.len() + tail.len(), text.len()).max(ids.len() + 1);
    Ok(EncodedText { ids, tokens })
}

fn whole(tokenizer: &Tokenizer, text: &str) -> Result<EncodedText, TokenizeError> {
    let ids = tokenizer.encode(text)?;
    Ok(EncodedText { tokens: ids.len(), ids })
}

/// Token ids of `text` without special tokens. A Unigram vocabulary holds `</s>` as a piece like any other; typed by a
/// user it must not end a segment, so it is left out.
pub(super) fn encode(
    vocabulary: &Vocabulary,
    special: SpecialIds,
    text: &str,
) -> Result<Vec<u32>, TokenizeError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let encoding = vocabulary
        .encode_fast(text, false)
        .map_err(|error| TokenizeError::Text { message: error.to_string() })?;
    Ok(encoding.get_ids().iter().copied().filter(|id| !special.contains(*id)).collect())
}

/// How many tokens `bytes` bytes have if `read_bytes` of them have `read_tokens`.
pub(super) fn estimate(read_tokens: usize, read_bytes: usize, bytes: usize) -> usize {
    let product = read_tokens as u128 * bytes as u128;
    let tokens = product.div_ceil(read_bytes.max(1) as u128);
    usize::try_from(tokens).unwrap_or(usize::MAX)
}

/// A length as a [`TokenCount`].
pub(super) fn count(tokens: usize) -> TokenCount {
    TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX))
}

fn floor_char_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil_char_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fall_between_characters() {
        let text = "aé漢🙂";
        for at in 0..=text.len() {
            let (floor, ceil) = (floor_char_boundary(text, at), ceil_char_boundary(text, at));
            assert!(text.is_char_boundary(floor) && text.is_char_boundary(ceil));
            assert!(floor <= at && at <= ceil && ceil - floor <= 4);
        }
    }

    #[test]
    fn an_estimate_scales_with_length_and_does_not_overflow() {
        assert_eq!(estimate(100, 400, 4_000), 1_000);
        assert_eq!(estimate(0, 0, 10), 0);
        assert_eq!(estimate(usize::MAX, 1, usize::MAX), usize::MAX);
    }
}
