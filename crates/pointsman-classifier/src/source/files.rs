//! The three files that make a model.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use super::{CARD_FILE, TOKENIZER_FILE, WEIGHTS_FILE};
use crate::card::{Card, CardError, FileHashes};

/// The three files of a model, read but not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// `card.toml`: what the model is.
    pub card: Cow<'static, [u8]>,
    /// `tokenizer.json`: how text becomes token ids.
    pub tokenizer: Cow<'static, [u8]>,
    /// `model.safetensors`: the weights.
    pub weights: Cow<'static, [u8]>,
}

impl ModelFiles {
    /// Files built into the binary.
    #[must_use]
    pub const fn embedded(card: &'static [u8], tokenizer: &'static [u8], weights: &'static [u8]) -> Self {
        Self {
            card: Cow::Borrowed(card),
            tokenizer: Cow::Borrowed(tokenizer),
            weights: Cow::Borrowed(weights),
        }
    }

    /// A new model. The hashes on the card become those of the files given with it.
    ///
    /// # Errors
    /// When the card would not be read back.
    pub fn new(mut card: Card, tokenizer: Vec<u8>, weights: Vec<u8>) -> Result<Self, CardError> {
        card.files = FileHashes::of(&weights, &tokenizer);
        let card = card.to_toml()?.into_bytes();
        Ok(Self { card: card.into(), tokenizer: tokenizer.into(), weights: weights.into() })
    }

    /// Writes the files into `folder`, which is made if it is not there. The card comes last, so that a folder with a card
    /// is complete.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(TOKENIZER_FILE), &self.tokenizer)?;
        std::fs::write(folder.join(WEIGHTS_FILE), &self.weights)?;
        std::fs::write(folder.join(CARD_FILE), &self.card)
    }
}
