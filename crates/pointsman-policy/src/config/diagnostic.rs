//! What is wrong with a configuration file, where, and how to put it right.

use std::fmt;
use std::ops::Range;

use pointsman_domain::nearest;
use serde::Serialize;

use super::Source;

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// The file can be used, but probably does not say what was meant.
    Warning,
    /// The file cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One finding about a configuration file.
///
/// `{}` prints one line, `file:line:column: severity: message`; `{:#}` adds the line at fault and the help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The file's name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
    /// The key it is about, dotted from the top of the file, such as `route.code.hard`; empty for the whole file.
    pub key: String,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of the file, for [`fmt::Display`].
    #[serde(skip)]
    excerpt: String,
    /// How many characters of `excerpt` are at fault, from `column`.
    #[serde(skip)]
    width: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, column, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message}")?;
        if !f.alternate() {
            return Ok(());
        }
        let margin = line.to_string().len();
        if !self.excerpt.trim().is_empty() {
            let carets = "^".repeat(self.width.max(1));
            let indent: String =
                self.excerpt.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n{:margin$} |\n{line} | {}", "", self.excerpt)?;
            write!(f, "\n{:margin$} | {indent}{carets}", "")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n{:margin$} = help: {help}", ""),
            None => Ok(()),
        }
    }
}

/// The diagnostics of one file, in the order in which they were found.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    source: Source,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet, for `source`.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self { source, found: Vec::new() }
    }

    /// The file that they are about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Adds a finding about the bytes `span`, `0..0` meaning the whole file; returns it so that help can be added.
    pub fn push(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Help<'_> {
        let start = self.source.position(span.start);
        let end = self.source.position(span.end);
        let whole_file = span == (0..0);
        let excerpt = if whole_file { "" } else { self.source.line(start.line).trim_end() }.to_owned();
        let line_end = excerpt.chars().count() + 1;
        let until = if end.line == start.line { end.column.min(line_end) } else { line_end };
        self.found.push(Diagnostic {
            severity,
            file: self.source.name().to_owned(),
            line: start.line,
            column: start.column,
            key: key.into(),
            message: message.into(),
            help: None,
            excerpt,
            width: until.saturating_sub(start.column),
        });
        Help(self.found.last_mut())
    }

    /// Adds an error about the bytes `span`.
    pub fn error(
        &mut self,
        span: Range<usize>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Help<'_> {
        self.push(Severity::Error, span, key, message)
    }

    /// Adds a warning about the bytes `span`.
    pub fn warning(
        &mut self,
        span: Range<usize>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Help<'_> {
        self.push(Severity::Warning, span, key, message)
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Takes over the findings of `other`, which are about the same file.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// The findings in the order of the file; what was found twice in one place is there once.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        self.found.dedup_by_key(|found| (found.line, found.column, found.message.clone()));
        self.found
    }
}

/// A diagnostic that was just added, for adding what to do about it.
#[derive(Debug)]
pub struct Help<'a>(Option<&'a mut Diagnostic>);

impl Help<'_> {
    /// Leaves the line at fault out of the message, for lines that may hold a secret.
    #[must_use]
    pub fn unquoted(mut self) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.excerpt.clear();
        }
        self
    }

    /// Says what to do.
    pub fn help(self, help: impl Into<String>) {
        if let Some(diagnostic) = self.0 {
            diagnostic.help = Some(help.into());
        }
    }

    /// Suggests the candidate nearest to the misspelt `word`; if none is near, lists them all under the heading
    /// `otherwise`, such as "known keys".
    pub fn suggest<'c>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str, IntoIter: Clone>,
        otherwise: &str,
    ) {
        let candidates = candidates.into_iter();
        if let Some(meant) = nearest(word, candidates.clone()) {
            return self.help(format!("did you mean `{meant}`?"));
        }
        let all: Vec<&str> = candidates.collect();
        self.help(if all.is_empty() {
            format!("there are no {otherwise}")
        } else {
            format!("{otherwise}: {}", all.join(", "))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, span: Range<usize>) -> Diagnostic {
        let mut diagnostics = Diagnostics::new(Source::new("pointsman.toml", text));
        diagnostics.error(span, "a.b", "wrong").help("do this");
        diagnostics.into_sorted().remove(0)
    }

    #[test]
    fn short_form_is_one_line() {
        assert_eq!(one("x = 1\ny = 2\n", 6..7).to_string(), "pointsman.toml:2:1: error: wrong");
    }

    #[test]
    fn long_form_points_at_the_place() {
        insta::assert_snapshot!(format!("{:#}", one("\n\n\n\n\n\n\n\n\n\tgrün = \"größe\"\n", 18..27)), @r#"
        pointsman.toml:10:9: error: wrong
           |
        10 | 	grün = "größe"
           | 	       ^^^^^^^
           = help: do this
        "#);
    }

    #[test]
    fn a_span_over_several_lines_marks_the_first() {
        insta::assert_snapshot!(format!("{:#}", one("a = [\n  1,\n]\n", 4..12)), @r"
        pointsman.toml:1:5: error: wrong
          |
        1 | a = [
          |     ^
          = help: do this
        ");
    }

    #[test]
    fn a_span_beyond_the_text_is_no_panic() {
        insta::assert_snapshot!(format!("{:#}", one("", 5..9)), @r"
        pointsman.toml:1:1: error: wrong
          = help: do this
        ");
    }

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        let mut diagnostics = Diagnostics::new(Source::new("pointsman.toml", "key = \"planted\"\n"));
        diagnostics.error(6..15, "key", "wrong").unquoted().help("do this");
        insta::assert_snapshot!(format!("{:#}", diagnostics.into_sorted().remove(0)), @r"
        pointsman.toml:1:7: error: wrong
          = help: do this
        ");
    }

    #[test]
    fn errors_sort_above_warnings_above_notes() {
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Note);
    }
}
