//! The text of a configuration file, and where in it a byte lies.

use std::sync::Arc;

/// A configuration file that has been read: its name for messages, and its text. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

/// A place in a [`Source`], as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
}

impl Source {
    /// Text under the name that messages should show, usually the path as the user gave it.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The name that messages show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where byte `offset` lies. An offset beyond the end, or inside a character, counts as the character boundary
    /// before it.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset =
            (0..=offset.min(self.text.len())).rfind(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// The text of a line, counted from 1, without its line break.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("f", "a = 1\r\ngrüße = 2\n");
        let at = |offset| {
            let Position { line, column } = source.position(offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(7), (2, 1));
        let after_umlaut = "a = 1\r\ngrü".len();
        assert_eq!(at(after_umlaut), (2, 4));
        assert_eq!(at(after_umlaut - 1), (2, 3), "inside the two bytes of ü");
        assert_eq!(at(1_000), (3, 1), "beyond the end");
        assert_eq!(source.line(2), "grüße = 2");
        assert_eq!(source.line(9), "");
    }
}
