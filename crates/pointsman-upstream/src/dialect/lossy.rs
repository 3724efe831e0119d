//! What a translation leaves behind.

use std::collections::BTreeSet;

use http::HeaderValue;

/// Fields that the other side did not get, as paths in the sender's words such as `messages[2].name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lossy(BTreeSet<String>);

/// How long the header may get; what does not fit is counted.
const HEADER_BYTES: usize = 2_000;

/// How many paths are kept, so that a stream without end cannot fill the memory; further ones are not counted. A path that
/// alone fills the header is cut.
const PATHS: usize = 10_000;

impl Lossy {
    /// Nothing is left behind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, path: impl Into<String>) {
        if self.0.len() < PATHS {
            let mut path = path.into();
            path.truncate(path.floor_char_boundary(HEADER_BYTES));
            self.0.insert(path);
        }
    }

    /// Gives paths the names that `words` has for them.
    pub(crate) fn rename(&mut self, words: impl Fn(&str) -> String) {
        self.0 = self.0.iter().map(|path| words(path)).collect();
    }

    /// Whether everything was carried over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The value of `x-pointsman-lossy`: the paths with commas between them, `…+N` for those that do not fit. Bytes
    /// that no path of ours has, as keys of a client may, are shown as `?`.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.text()?).ok()
    }

    /// The same as a comment among server-sent events, which clients pass over: what is lost of a stream is known when
    /// the header is gone.
    pub(crate) fn comment(&self) -> Option<String> {
        Some(format!(": x-pointsman-lossy: {}\n\n", self.text()?))
    }

    fn text(&self) -> Option<String> {
        let mut text = String::new();
        for (written, path) in self.paths().enumerate() {
            if text.len() + path.len() > HEADER_BYTES {
                text += &format!(",+{}", self.0.len() - written);
                break;
            }
            if !text.is_empty() {
                text.push(',');
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-[]".contains(c);
            text.extend(path.chars().map(|c| if plain(c) { c } else { '?' }));
        }
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_short_and_plain() {
        assert_eq!(Lossy::new().header(), None);
        let mut lossy = Lossy::new();
        lossy.add("seed");
        lossy.add("messages[0].na\r\nme");
        assert_eq!(lossy.header().expect("some"), "messages[0].na??me,seed");
        assert_eq!(lossy.comment().expect("some"), ": x-pointsman-lossy: messages[0].na??me,seed\n\n");
        for n in 0..1_000 {
            lossy.add(format!("messages[{n}].name"));
        }
        let header = lossy.header().expect("some");
        assert!(header.len() < HEADER_BYTES + 20, "{header:?}");
        assert!(header.to_str().expect("ASCII").contains(",+"), "{header:?}");
    }

    #[test]
    fn the_memory_of_many_long_paths_is_limited() {
        let mut lossy = Lossy::new();
        lossy.add("é".repeat(HEADER_BYTES));
        assert_eq!(lossy.paths().map(str::len).collect::<Vec<_>>(), [HEADER_BYTES]);
        (0..=PATHS).for_each(|n| lossy.add(n.to_string()));
        assert_eq!(lossy.paths().count(), PATHS);
    }
}
