//! What of a prompt may be kept.

use std::fmt::Write as _;

use pointsman_domain::Prompt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How much of a prompt enters a record. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptPolicy {
    /// Nothing.
    #[default]
    None,
    /// A hash, which tells equal prompts and nothing else.
    Hash,
    /// The text with letters and digits masked: its shape and length.
    Redacted,
    /// The text.
    Full,
}

/// A prompt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredPrompt {
    /// SHA-256 of all turns, in hexadecimal.
    Hash(String),
    /// The turn that was labelled: letters as `a`, `A` or `文`, digits as `0`, all else as it was.
    Redacted(String),
    /// All turns.
    Full(Prompt),
}

impl PromptPolicy {
    /// What this policy keeps of `prompt`.
    #[must_use]
    pub fn apply(self, prompt: &Prompt) -> Option<StoredPrompt> {
        match self {
            Self::None => None,
            Self::Hash => Some(StoredPrompt::Hash(hash(prompt))),
            Self::Redacted => Some(StoredPrompt::Redacted(prompt.subject().chars().map(mask).collect())),
            Self::Full => Some(StoredPrompt::Full(prompt.clone())),
        }
    }
}

/// Hashes role and text of each turn, each preceded by its length so that no two conversations read the same.
fn hash(prompt: &Prompt) -> String {
    let mut hasher = Sha256::new();
    for turn in prompt.turns() {
        hasher.update([turn.role as u8]);
        hasher.update((turn.text.len() as u64).to_le_bytes());
        hasher.update(&turn.text);
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn mask(c: char) -> char {
    match c {
        c if c.is_numeric() => '0',
        c if c.is_uppercase() => 'A',
        c if c.is_lowercase() => 'a',
        c if c.is_alphabetic() => '文',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Role, Turn};

    use super::*;

    #[test]
    fn nothing_is_kept_unless_asked() {
        assert_eq!(PromptPolicy::default().apply(&Prompt::from_text("secret")), None);
    }

    #[test]
    fn masking_keeps_shape_alone() {
        let prompt = Prompt::from_text("Pay 1,200 € to Zoë, 明天!");
        let kept = PromptPolicy::Redacted.apply(&prompt);
        assert_eq!(kept, Some(StoredPrompt::Redacted("Aaa 0,000 € aa Aaa, 文文!".to_owned())));
    }

    #[test]
    fn hashes_tell_conversations_apart() {
        let turn = |role, text: &str| Turn { role, text: text.to_owned() };
        let a = Prompt::from_turns(vec![turn(Role::User, "ab"), turn(Role::User, "c")]);
        let b = Prompt::from_turns(vec![turn(Role::User, "a"), turn(Role::User, "bc")]);
        let c = Prompt::from_turns(vec![turn(Role::System, "ab"), turn(Role::User, "c")]);
        let hashes = [&a, &b, &c].map(hash);
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2]);
        assert_eq!(hash(&a), hash(&a.clone()));
        assert_eq!(
            hash(&Prompt::default()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
