//! What a translation leaves behind.

use std::collections::BTreeSet;

use http::HeaderValue;

/// Fields that the other side did not get, as paths in the sender's words such as `messages[2].name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lossy(BTreeSet<String>);

/// How long the header may get; what does not fit is counted.
const HEADER_BYTES: usize = 2_000;

impl Lossy {
    /// Nothing is left behind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, path: impl Into<String>) {
        self.0.insert(path.into());
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
        if text.is_empty() { None } else { HeaderValue::from_str(&text).ok() }
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
        for n in 0..1_000 {
            lossy.add(format!("messages[{n}].name"));
        }
        let header = lossy.header().expect("some");
        assert!(header.len() < HEADER_BYTES + 20, "{header:?}");
        assert!(header.to_str().expect("ASCII").contains(",+"), "{header:?}");
    }
}
