//! What stands in the files of a configuration, for telling whether it has changed.

use std::io;
use std::path::Path;

use pointsman_policy::config::{Document, Source};

use super::abilities;

/// The text of a configuration, with that of the file of abilities that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// The configuration's own text.
    pub(crate) text: String,
    /// The text of the file of abilities; nothing where none is named, or it cannot be read.
    pub(super) abilities: Option<String>,
}

impl Written {
    /// What stands in the configuration at `path` and beside it.
    ///
    /// # Errors
    /// When the configuration itself cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::beside(path, std::fs::read_to_string(path)?))
    }

    /// `text`, which is that of the configuration at `path`, with what stands beside it.
    pub(crate) fn beside(path: &Path, text: String) -> Self {
        let source = Source::new(path.display().to_string(), text.as_str());
        let named = abilities::path(&Document::parse(&source));
        Self { abilities: named.and_then(|path| std::fs::read_to_string(path).ok()), text }
    }
}
