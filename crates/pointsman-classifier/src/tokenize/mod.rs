//! From a prompt to token ids: one tokenisation for training and serving.
//!
//! ```text
//! [CLS] subject [SEP]                                    token type 0
//!                     system: … user: … assistant: … [SEP]   token type 1, only where there is context
//! ```
//!
//! The subject is what is labelled ([`Prompt::subject`]). The context has what the subject leaves of the window, and at
//! least a [`Tokenizer::CONTEXT_SHARE`]th of it. A text that is longer than its share keeps its head and its tail, because
//! instructions sit at either end; a system prompt keeps its head.

mod layout;
mod text;

use pointsman_domain::{Prompt, Role, TokenCount};
use tokenizers::Tokenizer as Vocabulary;

use crate::batch::TokenIds;
use layout::Piece;

/// Turns prompts into token ids. Cheap to share, dear to make: it holds the vocabulary.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    special: SpecialIds,
    /// Token ids of `system:`, `user:`, `assistant:` and `tool:`, in this order.
    marks: [Vec<u32>; 4],
    window: usize,
}

/// Ids of the tokens that frame a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialIds {
    /// First token of a sequence: `[CLS]` or `<s>`.
    pub start: u32,
    /// Last token of a segment: `[SEP]` or `</s>`.
    pub separator: u32,
    /// Filler of shorter rows of a batch: `[PAD]` or `<pad>`.
    pub padding: u32,
}

/// A prompt as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenized {
    /// What the model reads: at most a window of ids.
    pub ids: TokenIds,
    /// Length of the whole prompt in tokens: exact for prompts of up to [`Tokenizer::EXACT_BYTES`], else estimated from the density
    /// of tokens at the ends of its texts.
    pub tokens: TokenCount,
    /// How many of them are in `ids`.
    pub tokens_seen: TokenCount,
}

impl Tokenizer {
    /// Smallest window that holds the special tokens and something to read.
    pub const MIN_WINDOW: usize = 16;

    /// The share of the window that context has when the subject could fill all of it: one part in this many.
    pub const CONTEXT_SHARE: usize = 4;

    /// How many turns before the subject are read; of the system prompt the head is read as well.
    pub const RECENT_TURNS: usize = 4;

    /// Prompts of up to this many bytes, all turns together, are tokenised whole; of longer ones only the ends of each text
    /// are read, and lengths are estimated.
    pub const EXACT_BYTES: usize = 16 << 10;

    /// Reads a `tokenizer.json` for a model that sees `window` tokens, special ones included.
    ///
    /// # Errors
    /// When the bytes are no tokenizer, a special token is missing, or the window is below [`Self::MIN_WINDOW`].
    pub fn from_json(json: &[u8], window: usize) -> Result<Self, TokenizeError> {
        if window < Self::MIN_WINDOW {
            return Err(TokenizeError::Window { window });
        }
        let mut vocabulary = Vocabulary::from_bytes(json)
            .map_err(|error| TokenizeError::Json { message: error.to_string() })?;
        // What the file says of truncation and padding is for other users of it.
        vocabulary
            .with_padding(None)
            .with_truncation(None)
            .map_err(|error| TokenizeError::Json { message: error.to_string() })?;
        // `[SEP]` typed by a user is five characters, not the end of a segment.
        vocabulary.set_encode_special_tokens(true);
        let special = SpecialIds::find(&vocabulary)?;
        let mut marks: [Vec<u32>; 4] = Default::default();
        for (mark, word) in marks.iter_mut().zip(["system:", "user:", "assistant:", "tool:"]) {
            *mark = text::encode(&vocabulary, special, word)?;
        }
        Ok(Self { vocabulary, special, marks, window })
    }

    /// How many tokens the model sees at most, special ones included.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// The ids that frame a text.
    #[must_use]
    pub fn special_ids(&self) -> SpecialIds {
        self.special
    }

    /// How many ids there are; each id is smaller than this.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.get_vocab_size(true)
    }

    /// Token ids of `text` as it stands: no window, no special tokens even where the text spells one out.
    ///
    /// # Errors
    /// When the vocabulary cannot express the text (it has no token for the unknown).
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        text::encode(&self.vocabulary, self.special, text)
    }

    /// Lays out `prompt` in the window, as the module's description says.
    ///
    /// # Errors
    /// When the vocabulary cannot express the text (it has no token for the unknown).
    pub fn tokenize(&self, prompt: &Prompt) -> Result<Tokenized, TokenizeError> {
        layout::lay_out(self, prompt)
    }

    fn mark(&self, role: Role) -> &[u32] {
        &self.marks[match role {
            Role::System => 0,
            Role::User => 1,
            Role::Assistant => 2,
            Role::Tool => 3,
        }]
    }

    /// `[CLS] subject [SEP]` and, where there is context, `context [SEP]`.
    fn frame<'a>(
        &self,
        subject: impl Iterator<Item = u32>,
        context: impl Iterator<Item = &'a Piece>,
    ) -> TokenIds {
        let SpecialIds { start, separator, .. } = self.special;
        let mut ids = Vec::with_capacity(self.window);
        ids.push(start);
        ids.extend(subject);
        ids.push(separator);
        let first = ids.len();
        for piece in context {
            ids.extend_from_slice(&piece.ids);
        }
        if ids.len() > first {
            ids.push(separator);
        }
        let mut type_ids = vec![0; first];
        type_ids.resize(ids.len(), 1);
        TokenIds { ids, type_ids }
    }
}

impl SpecialIds {
    fn contains(self, id: u32) -> bool {
        [self.start, self.separator, self.padding].contains(&id)
    }

    fn find(vocabulary: &Vocabulary) -> Result<Self, TokenizeError> {
        let id = |names: [&'static str; 2]| {
            names
                .iter()
                .find_map(|name| vocabulary.token_to_id(name))
                .ok_or(TokenizeError::NoSpecialToken { names })
        };
        Ok(Self {
            start: id(["[CLS]", "<s>"])?,
            separator: id(["[SEP]", "</s>"])?,
            padding: id(["[PAD]", "<pad>"])?,
        })
    }
}

/// Why text could not be tokenised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizeError {
    /// The file is no tokenizer.
    #[error("`tokenizer.json` cannot be read: {message}; it must be written by the `tokenizers` library")]
    Json {
        /// What the `tokenizers` library says.
        message: String,
    },
    /// A token that frames every text is not in the vocabulary.
    #[error("`tokenizer.json` has neither `{}` nor `{}`; use the tokenizer of a BERT or XLM-RoBERTa model", names[0], names[1])]
    NoSpecialToken {
        /// The names it may have.
        names: [&'static str; 2],
    },
    /// Nothing can be read through the window.
    #[error("a window of {window} tokens is too small; it must be at least {}", Tokenizer::MIN_WINDOW)]
    Window {
        /// The window that was asked for.
        window: usize,
    },
    /// The text holds something that the vocabulary has no token for, not even one for the unknown.
    #[error("the text cannot be tokenised: {message}")]
    Text {
        /// What the `tokenizers` library says.
        message: String,
    },
}
