//! What the classifier reads.

use serde::{Deserialize, Serialize};

/// Who speaks in a [`Turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions of the application; `developer` messages count as system.
    #[serde(alias = "developer")]
    System,
    /// The person or program that asks.
    User,
    /// The model's earlier replies.
    Assistant,
    /// What a tool returned.
    #[serde(alias = "function")]
    Tool,
}

/// One message of a conversation, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said; parts that are not text are left out by whoever makes the turn.
    #[serde(rename = "content")]
    pub text: String,
}

/// A conversation whose last user turn is to be labelled; everything before it is context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prompt {
    turns: Vec<Turn>,
}

impl Prompt {
    /// A single user turn without context.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { turns: vec![Turn { role: Role::User, text: text.into() }] }
    }

    /// A conversation in the order in which it was held.
    #[must_use]
    pub fn from_turns(turns: Vec<Turn>) -> Self {
        Self { turns }
    }

    /// All turns, oldest first.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// The text to be labelled: the last user turn, or the last turn of any kind where no user speaks.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject_index().map_or("", |i| &self.turns[i].text)
    }

    /// The turns before the subject, oldest first. What follows it (tool results, a prefilled reply) is no context
    /// for what was asked.
    #[must_use]
    pub fn context(&self) -> &[Turn] {
        &self.turns[..self.subject_index().unwrap_or(0)]
    }

    /// Whether there is no visible character in the text to be labelled.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.subject().trim().is_empty()
    }

    /// Length of all turns' text, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.turns.iter().map(|turn| turn.text.len()).sum()
    }

    fn subject_index(&self) -> Option<usize> {
        self.turns
            .iter()
            .rposition(|turn| turn.role == Role::User)
            .or_else(|| self.turns.len().checked_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(role: Role, text: &str) -> Turn {
        Turn { role, text: text.to_owned() }
    }

    #[test]
    fn the_last_user_turn_is_the_subject() {
        let prompt = Prompt::from_turns(vec![
            turn(Role::System, "be brief"),
            turn(Role::User, "a poem about rain"),
            turn(Role::Assistant, "Drip."),
            turn(Role::User, "now in French"),
            turn(Role::Assistant, ""),
        ]);
        assert_eq!(prompt.subject(), "now in French");
        assert_eq!(prompt.context().len(), 3);
        assert_eq!(prompt.text_bytes(), 43);
    }

    #[test]
    fn without_a_user_the_last_turn_is_the_subject() {
        let prompt = Prompt::from_turns(vec![turn(Role::System, "a"), turn(Role::Assistant, "b")]);
        assert_eq!((prompt.subject(), prompt.context().len()), ("b", 1));
        assert_eq!((Prompt::default().subject(), Prompt::default().context().len()), ("", 0));
        assert!(Prompt::from_text(" \n\t").is_blank());
    }

    #[test]
    fn openai_roles_are_read() {
        let json = r#"[{"role":"developer","content":"d"},{"role":"function","content":"f"}]"#;
        let prompt: Prompt = serde_json::from_str(json).expect("valid");
        assert_eq!(prompt.turns().iter().map(|t| t.role).collect::<Vec<_>>(), [Role::System, Role::Tool]);
    }
}
