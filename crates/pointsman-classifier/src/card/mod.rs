//! The card: what a model is, what it was made from, and how good it was found.

mod raw;

use std::fmt;
use std::str::FromStr;

use pointsman_domain::Vocabulary;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Table;

use crate::calibration::Calibration;
use crate::counts::CountWeights;
use crate::encoder::EncoderConfig;
use crate::gate::Gate;
use crate::language::Language;
use crate::script::Script;

/// A model's card, checked: every value is in its range and they fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The model's name, such as `pointsman-small`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which published meaning the labels have.
    pub tagging: Tagging,
    /// Licence of the weights, an SPDX expression.
    pub licence: String,
    /// How many tokens the model sees, special ones included.
    pub window: usize,
    /// Shape of the encoder.
    pub encoder: EncoderConfig,
    /// How token representations become one.
    pub pooling: Pooling,
    /// The pooled layers that the difficulty head reads, ascending, 0 for the embeddings; the last is the encoder's last.
    pub difficulty_layers: Vec<usize>,
    /// What the difficulty head makes of counted figures.
    pub difficulty_counts: CountWeights,
    /// The labels in the order of the task head, with their groups.
    pub vocabulary: Vocabulary,
    /// How the heads' outputs are read.
    pub calibration: Calibration,
    /// The scripts in which the model was found good; empty where all are.
    pub scripts: Vec<Script>,
    /// The languages in which it was found good, told apart from others by a head for it; empty where all are, without a head.
    pub languages: Vec<Language>,
    /// What the model was trained from.
    pub backbone: Backbone,
    /// What the files beside the card must be.
    pub files: FileHashes,
    /// How it was trained, in the trainer's own words.
    pub recipe: Table,
    /// What it was trained on, in the trainer's own words.
    pub data: Table,
    /// How good it was found, in the evaluator's own words.
    pub scores: Table,
    /// How far faster arithmetics were found to be from f32.
    pub gates: Vec<Gate>,
}

/// Which published meaning labels have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tagging {
    /// The seventeen standard labels.
    #[serde(rename = "labels/1")]
    Labels1,
    /// Labels of the model's own.
    #[serde(rename = "custom")]
    Custom,
}

/// How the representations of a row's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    Mean,
}

/// The pre-trained encoder that a model started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// Its name.
    pub name: String,
    /// Where it is published.
    pub source: String,
    /// Licence of its weights, an SPDX expression.
    pub licence: String,
    /// Who is to be named, as the licence asks.
    pub attribution: String,
}

/// What the files beside the card must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHashes {
    /// SHA-256 of `model.safetensors`.
    #[serde(rename = "model.safetensors")]
    pub weights: FileHash,
    /// SHA-256 of `tokenizer.json`.
    #[serde(rename = "tokenizer.json")]
    pub tokenizer: FileHash,
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileHash([u8; 32]);

impl Card {
    /// Reads and checks a `card.toml`.
    ///
    /// # Errors
    /// When it is not TOML, has unknown or missing keys, or a value is out of its range or contradicts another.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        let raw: raw::Card =
            toml::from_str(text).map_err(|error| CardError::new("", error.to_string().trim_end(), ""))?;
        raw.resolve()
    }

    /// The card as it is written to `card.toml`; [`Card::parse`] reads the same card from it.
    ///
    /// # Errors
    /// When the card would not be read back: a value is out of its range or contradicts another.
    pub fn to_toml(&self) -> Result<String, CardError> {
        let raw = raw::Card::from(self);
        let text = toml::to_string(&raw).map_err(|error| CardError::new("", &error.to_string(), ""))?;
        raw.resolve().map(|_| text)
    }
}

impl FileHashes {
    /// The hashes of a model's files.
    #[must_use]
    pub fn of(weights: &[u8], tokenizer: &[u8]) -> Self {
        Self { weights: FileHash::of(weights), tokenizer: FileHash::of(tokenizer) }
    }
}

impl FileHash {
    /// The hash of a file's content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileHash({self})")
    }
}

impl FromStr for FileHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseHashError { text: text.to_owned() };
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refused());
        }
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| refused())?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for FileHash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FileHash> for String {
    fn from(hash: FileHash) -> Self {
        hash.to_string()
    }
}

/// A string that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256; write it as 64 hexadecimal digits")]
pub struct ParseHashError {
    text: String,
}

/// What is wrong with a card, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown(field, message, remedy))]
pub struct CardError {
    /// The field at fault, dotted from the top of the card; empty when the card as a whole cannot be read.
    pub field: String,
    message: String,
    remedy: String,
}

impl CardError {
    pub(crate) fn new(field: &str, message: &str, remedy: &str) -> Self {
        Self { field: field.to_owned(), message: message.to_owned(), remedy: remedy.to_owned() }
    }
}

fn shown(field: &str, message: &str, remedy: &str) -> String {
    let mut text = "card.toml: ".to_owned();
    if !field.is_empty() {
        text += &format!("`{field}`: ");
    }
    text += message;
    if !remedy.is_empty() {
        text += &format!("; {remedy}");
    }
    text
}

#[cfg(test)]
mod tests;
