//! Prompts by fingerprint: a list ties the ids that labels use to texts that the repository does not hold.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::rows::hexadecimal;

/// Digits of a fingerprint: 64 bits, so that two of 50,000 texts share one by chance once in ten billion lists.
const DIGITS: usize = 16;

/// A short hash of a text: the first 16 hexadecimal digits of the SHA-256 of its words in lower case, one space between.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of `text`; case and white space do not matter.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let words = text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
        Self(hexadecimal(&Sha256::digest(words.as_bytes())).chars().take(DIGITS).collect())
    }

    fn parse(digits: &str) -> Option<Self> {
        let well_formed =
            digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(digits.to_owned()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A list of prompts: `name<TAB>fingerprint` lines; lines that start with `#` are remarks.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Names by fingerprint, in the order of the file: a source may hold one text several times.
    names: HashMap<Fingerprint, VecDeque<String>>,
    /// Fingerprints by name.
    texts: HashMap<String, Fingerprint>,
}

impl Listed {
    /// Reads a list.
    ///
    /// # Errors
    /// When the file cannot be read or a line is malformed.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = std::fs::read_to_string(path).map_err(|error| DataError::io(path, error))?;
        let mut listed = Self::default();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let entry =
                line.split_once('\t').and_then(|(name, digits)| Some((name, Fingerprint::parse(digits)?)));
            let (name, print) = entry.ok_or_else(|| {
                DataError::manifest(
                    path,
                    format!("line {}: not an id, a tab and {DIGITS} digits of 0-9 and a-f", i + 1),
                )
            })?;
            listed.names.entry(print.clone()).or_default().push_back(name.to_owned());
            listed.texts.insert(name.to_owned(), print);
        }
        Ok(listed)
    }

    /// As [`Listed::read`]; nothing where there is no file.
    ///
    /// # Errors
    /// As [`Listed::read`].
    pub fn read_if_there(path: &Path) -> Result<Option<Self>, DataError> {
        if path.exists() { Self::read(path).map(Some) } else { Ok(None) }
    }

    /// How many names are on the list.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether the list names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The first name of `print`.
    #[must_use]
    pub fn name(&self, print: &Fingerprint) -> Option<&str> {
        self.names.get(print).and_then(|names| names.front()).map(String::as_str)
    }

    /// The fingerprint of the text called `name`.
    #[must_use]
    pub fn fingerprint(&self, name: &str) -> Option<&Fingerprint> {
        self.texts.get(name)
    }

    /// The first name of `print` that was not taken before.
    pub(crate) fn take(&mut self, print: &Fingerprint) -> Option<String> {
        self.names.get_mut(print).and_then(VecDeque::pop_front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_white_space_do_not_matter() {
        assert_eq!(Fingerprint::of("Hello,\r\n  World "), Fingerprint::of("hello, world"));
        assert_ne!(Fingerprint::of("hello world"), Fingerprint::of("hello, world"));
        assert_eq!(Fingerprint::of("abc").to_string(), "ba7816bf8f01cfea");
    }

    #[test]
    fn repeated_texts_take_their_names_in_order() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("s.tsv");
        let print = Fingerprint::of("a");
        std::fs::write(&path, format!("# remark\ns-3\t{print}\ns-9\t{print}\n")).expect("written");
        let mut listed = Listed::read(&path).expect("readable");
        assert_eq!((listed.len(), listed.name(&print)), (2, Some("s-3")));
        assert_eq!(listed.fingerprint("s-9"), Some(&print));
        let taken: Vec<_> = (0..3).map(|_| listed.take(&print)).collect();
        assert_eq!(taken, [Some("s-3".to_owned()), Some("s-9".to_owned()), None]);
        std::fs::write(&path, "s-3 abc\n").expect("written");
        assert!(Listed::read(&path).expect_err("malformed").to_string().contains("line 1"));
        assert!(Listed::read_if_there(&folder.path().join("none")).expect("no file").is_none());
    }
}
