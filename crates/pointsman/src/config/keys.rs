//! `[keys.NAME]`: who may ask, which models, how often and for how much.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pointsman_policy::config::{Diagnostics, Document, Entry};
use sha2::{Digest as _, Sha256};

use super::reading;

/// What stands before the digits of a hash.
const SHA256: &str = "sha256:";

const KEYS: [&str; 4] = ["hash", "models", "requests_per_minute", "usd_per_day"];

/// The hash of a key, which is all that is ever written down of it. Keys are long and random, so that a hash without salt
/// and stretching tells nothing of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of `key`.
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The hash that [`fmt::Display`] wrote.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(SHA256)?;
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() || !digits.is_ascii() {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHA256)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that clients may use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientKey {
    /// What it is called in errors and logs.
    pub(crate) name: String,
    /// Its hash.
    pub(crate) hash: KeyHash,
    /// What requests may name as their model; without a list, anything.
    pub(crate) models: Option<BTreeSet<String>>,
    /// How many requests a minute it may make; that many may come at once.
    pub(crate) requests_per_minute: Option<u32>,
    /// How many US dollars it may spend a day (UTC).
    pub(crate) usd_per_day: Option<f64>,
}

/// The keys that the section has.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Vec<ClientKey> {
    let mut keys: Vec<ClientKey> = Vec::new();
    let mut names: BTreeMap<KeyHash, String> = BTreeMap::new();
    for entry in reading::entries(document, "keys", diagnostics) {
        let Some(key) = read_one(&entry, diagnostics) else {
            continue;
        };
        if let Some(other) = names.insert(key.hash, key.name.clone()) {
            let message = format!("`{}` has the same hash as `{other}`", key.name);
            diagnostics
                .error(entry.key_span(), entry.path(), message)
                .help("make a key of its own for each: pointsman key NAME");
        }
        keys.push(key);
    }
    keys
}

fn read_one(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<ClientKey> {
    let section = entry.section(diagnostics)?;
    let (mut hash, mut models) = (None, None);
    let (mut requests_per_minute, mut usd_per_day) = (None, None);
    let mut has_hash = false;
    for key in section.entries() {
        match key.name() {
            "hash" => {
                has_hash = true;
                hash = read_hash(&key, diagnostics);
            }
            "models" => {
                models = key
                    .strings(diagnostics)
                    .map(|names| names.into_iter().map(|name| name.into_inner()).collect());
            }
            "requests_per_minute" => {
                let most = u64::from(u32::MAX);
                let number = reading::number(&key, 1..=most, diagnostics);
                requests_per_minute = number.and_then(|number| u32::try_from(number).ok());
            }
            "usd_per_day" => usd_per_day = read_usd(&key, diagnostics),
            _ => key.unknown(&KEYS, diagnostics),
        }
    }
    if !has_hash {
        diagnostics
            .error(entry.key_span(), entry.path(), format!("the key `{}` has no `hash`", entry.name()))
            .help("`pointsman key NAME` makes a key and prints its hash");
    }
    Some(ClientKey { name: entry.name().to_owned(), hash: hash?, models, requests_per_minute, usd_per_day })
}

/// A hash. Whoever puts the key itself there is told, without repeating it.
fn read_hash(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<KeyHash> {
    let text = entry.string(diagnostics)?;
    let hash = KeyHash::parse(text.get_ref());
    if hash.is_none() {
        diagnostics
            .error(entry.value_span(), entry.path(), "`hash` is not `sha256:` and 64 hexadecimal digits")
            .unquoted()
            .help(
                "`pointsman key NAME` makes a key and prints its hash; the key itself does not belong here",
            );
    }
    hash
}

fn read_usd(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<f64> {
    let usd = entry.number(diagnostics)?;
    if !usd.is_finite() || usd < 0.0 {
        entry.mismatch("an amount from 0", diagnostics);
        return None;
    }
    Some(usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash::of(b"abc");
        // FIPS 180-4, example B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hash.to_string().as_str(), KeyHash::parse(text)), (text, Some(hash)));
        for wrong in
            ["", "abc", "sha256:", &text[..70], &format!("{text}0"), &text.replace('b', "x"), &text[7..]]
        {
            assert_eq!(KeyHash::parse(wrong), None, "{wrong}");
        }
    }
}
