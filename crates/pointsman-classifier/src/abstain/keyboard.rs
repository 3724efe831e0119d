//! Fingers that run along a keyboard or rest on a key: `asdfgh`, `йцукен`, `aaaaaaaaa`.

use std::collections::BTreeSet;

/// Rows of letters from left to right.
const ROWS: [&str; 11] = [
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
];

/// Rows from both ends inwards.
const INWARDS: [&str; 3] = ["qpwoeiruty", "alskdjfhg", "zmxncbv"];

/// Consonants of a row.
const CONSONANTS: [&str; 3] = ["qwrtp", "sdfghjkl", "zxcvbnm"];

/// Names of keyboards, which mean something beside another word.
const LAYOUTS: [&str; 4] = ["qwerty", "qwertz", "azerty", "йцукен"];

/// Names of people at the end of a row.
const NAMES: [&str; 2] = ["azer", "reza"];

/// Letters that nobody holds down to laugh, hum, hiss, shout or sleep in writing.
const HELD: &str = "abcdglnpqtабвгдлпрт";

/// Whether all of `text` is keys hit one after the other, or one key held down.
pub(super) fn is_all_keys(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphabetic() || c.is_whitespace() || ";,.!…".contains(c);
    if !text.chars().all(is_plain) {
        return false;
    }
    let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [word] => is_walk(word) || is_mash(word) || is_held(word),
        words => words.iter().all(|word| is_walk(word)) && !words.iter().all(|word| is_layout(word)),
    }
}

/// At least five keys hit one after the other that are not the name of a keyboard.
pub(super) fn is_long_walk(word: &str) -> bool {
    word.chars().count() >= 5 && is_walk(word) && !is_layout(word)
}

/// At least four keys along a row, or three and more hit again: `asdf`, `asdasd`.
fn is_walk(word: &str) -> bool {
    let Some(word) = in_small_letters(word) else { return false };
    let keys = word.chars().count();
    let repeats = |period: usize| {
        let unit = || word.chars().take(period).collect::<String>();
        keys.is_multiple_of(period) && unit().repeat(keys / period) == word && is_run(&unit())
    };
    (keys >= 4 && is_run(&word)) || (3..=keys / 2).any(repeats)
}

/// Keys next to each other in a row, in either direction, that begin at its left end, are at least six or hold no vowel:
/// the middle of a row has words (`wert`, `прол`).
fn is_run(word: &str) -> bool {
    let back: String = word.chars().rev().collect();
    let is_no_word = word.chars().count() >= 6 || !word.contains(is_vowel);
    let is_in_row = |keys: &str| {
        ROWS.iter().any(|row| row.starts_with(keys) || (is_no_word && row.contains(keys)))
            || INWARDS.iter().any(|row| row.starts_with(keys))
    };
    !NAMES.contains(&word) && (is_in_row(word) || is_in_row(back.as_str()))
}

/// At least six letters, five of them different, of the consonants of one row: no language has such words.
fn is_mash(word: &str) -> bool {
    let Some(word) = in_small_letters(word) else { return false };
    let different: BTreeSet<char> = word.chars().collect();
    let is_of = |row: &str| word.chars().all(|c| row.contains(c));
    word.len() >= 6 && different.len() >= 5 && CONSONANTS.iter().any(|row| is_of(row))
}

/// One of [`HELD`] at least six times, unless it may be a colour of six or eight hexadecimal digits.
fn is_held(word: &str) -> bool {
    let word = word.to_lowercase();
    let times = word.chars().count();
    let is_colour = word.starts_with(['a', 'b', 'c', 'd']) && matches!(times, 6 | 8);
    let is_one_letter = word.chars().all(|c| word.starts_with(c));
    times >= 6 && is_one_letter && !is_colour && word.starts_with(|c: char| HELD.contains(c))
}

fn is_layout(word: &str) -> bool {
    LAYOUTS.contains(&word.to_lowercase().as_str())
}

/// `word` in small letters, unless a capital stands behind its first letter: those are acronyms and codes.
fn in_small_letters(word: &str) -> Option<String> {
    word.chars().skip(1).all(char::is_lowercase).then(|| word.to_lowercase())
}

fn is_vowel(c: char) -> bool {
    "aeiouyаеёиоуыэюя".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_alone_are_known() {
        for text in [
            "fghdjsk",
            "asdf",
            "hjkl",
            "asdfgh",
            "asdf, hjkl!",
            "asdfasdf",
            "asdasd",
            "qwerty",
            "Qwerty",
            "qwertz",
            "azerty",
            "qsdfghjklm",
            "zxcvbnm",
            "lkjhgfdsa",
            "йцукен",
            "фыва",
            "ячсм",
            "лорпавыф йцукен",
            "aaaaaaaaaaaaaaa",
            "AAAAAAAAAAAA",
            "тттттт",
        ] {
            assert!(is_all_keys(text), "{text:?}");
        }
    }

    #[test]
    fn words_on_a_row_are_language() {
        for text in [
            "qwerty vs dvorak",
            "qwerty azerty",
            "what is asdf",
            "asdf?",
            "asdf install nodejs",
            "WXCVB-1234",
            "ASDF",
            "JDKs",
            "sshfs",
            "hdfs",
            "wert",
            "Wertz",
            "were",
            "Azer",
            "Reza",
            "смит",
            "прол",
            "salad",
            "alaska",
            "hmmmm",
            "aaah",
            "zzz",
            "zzzzzzzz",
            "kkkkkkkk",
            "brrrr",
            "lol",
            "ffffff",
            "aaaaaa",
            "VVVVVV",
            "",
        ] {
            assert!(!is_all_keys(text), "{text:?}");
        }
    }
}
