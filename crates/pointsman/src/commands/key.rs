//! `pointsman key`: a key for a client, of which the configuration keeps the hash alone.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use super::Outcome;
use crate::cli::{Global, KeyArgs};
use crate::config::KeyHash;

/// What keys begin with, so that scanners for secrets can tell them.
const PREFIX: &str = "pointsman-";

/// How many random bytes a key has.
const RANDOM_BYTES: usize = 32;

/// Makes a key and prints it, with what belongs into the configuration.
pub(crate) fn run(args: &KeyArgs, global: &Global) -> Result<Outcome> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    ensure!(
        !args.name.is_empty() && args.name.chars().all(is_plain),
        "`{}` cannot be the name of a key: use letters, digits, `-` and `_`",
        args.name
    );
    let key = random_key()?;
    let hash = KeyHash::of(key.as_bytes()).to_string();
    let text = if global.json {
        format!("{}\n", json!({"name": args.name, "key": key, "hash": hash}))
    } else {
        format!(
            "{key}\n\n# for pointsman.toml; the key itself is not kept anywhere\n[keys.{}]\nhash = \"{hash}\"\n",
            args.name
        )
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

fn random_key() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let mut key = PREFIX.to_owned();
    for byte in bytes {
        write!(key, "{byte:02x}")?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_the_same() {
        let keys: Vec<String> = (0..3).map(|_| random_key().expect("random numbers")).collect();
        assert!(keys.iter().all(|key| key.len() == PREFIX.len() + 2 * RANDOM_BYTES));
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
    }
}
