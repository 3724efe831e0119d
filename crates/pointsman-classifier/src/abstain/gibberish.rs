//! Letters hit at random, judged by how words are built.

use super::encoded::is_blob;
use super::keyboard::is_long_walk;
use super::share;

/// Share of letters in words nobody can say from which a text is gibberish.
const UNPRONOUNCEABLE_SHARE: f64 = 0.5;

/// How many other words of at least three letters gibberish has at most.
const OTHER_WORDS: usize = 2;

/// Letters hit at random: most of them in words that nobody can say, and hardly a word beside them. (A puzzle may have a
/// maze of letters, but it says what to do with it.)
pub(super) fn is_gibberish(text: &str) -> bool {
    let mut strange: Vec<&str> = Vec::new();
    let (mut other_bytes, mut other_words) = (0, 0);
    for word in words(text) {
        if is_unpronounceable(word) || is_long_walk(word) {
            strange.push(word);
            continue;
        }
        other_bytes += word.len();
        other_words += usize::from(word.len() >= 3);
        if other_words > OTHER_WORDS {
            return false;
        }
    }
    let strange_bytes = strange.iter().map(|word| word.len()).sum::<usize>();
    let enough = strange.len() >= 2 || strange.iter().any(|word| word.len() >= 9);
    enough && share(strange_bytes, strange_bytes + other_bytes) >= UNPRONOUNCEABLE_SHARE
}

/// Runs of letters outside encoded data and codes with digits (`0xffffffff`).
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_code = |part: &str| is_blob(part) || (part.is_ascii() && part.bytes().any(|b| b.is_ascii_digit()));
    text.split_whitespace()
        .filter(move |part| !is_code(part))
        .flat_map(|part| part.split(|c: char| !c.is_alphabetic()))
        .filter(|word| !word.is_empty())
}

/// At least five letters without a vowel, or six consonants in a row with hardly a vowel around them. (`strengths` has
/// five in a row, `Rechtsschutz` seven, but vowels enough; `sch` and `ch` are one sound.)
///
/// Only words of plain a–z count, since other alphabets have other rules, and capitals are left to acronyms.
fn is_unpronounceable(word: &str) -> bool {
    let letters = word.as_bytes();
    let is_acronym = letters.iter().skip(1).all(u8::is_ascii_uppercase);
    if letters.len() < 5 || is_acronym || !letters.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let is_vowel = |letter: &u8| b"aeiouy".contains(letter);
    let lower = word.to_ascii_lowercase();
    let vowels = lower.bytes().filter(is_vowel).count();
    let sounds = lower.replace("sch", "c").replace("ch", "c");
    let longest_run = sounds.as_bytes().split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
    (vowels == 0 && !has_other_vowel(&lower)) || (longest_run >= 6 && share(vowels, letters.len()) < 0.2)
}

/// Whether a short word without a, e, i, o, u, y can be said by those whose r and l (`zmrzl`, Slavic) or w (`cwmwl`, Welsh) are
/// vowels, and has no letter that their alphabets lack.
fn has_other_vowel(lower: &str) -> bool {
    let is_of = |alphabet: &str| lower.chars().all(|c| alphabet.contains(c));
    let is_slavic = is_of("bcdhklmnprstvz") && lower.chars().skip(1).any(|c| matches!(c, 'r' | 'l'));
    lower.len() <= 6 && (is_slavic || (is_of("bcdfghlmnprstw") && lower.contains('w')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_at_random_are_known() {
        for text in ["asdfkjh qwlekjrh zxmcnvbq", "sdlkfjghsldkfjghlskdfjg", "wjeoriu qpwoei zmxnc alskdj"] {
            assert!(is_gibberish(text), "{text:?}");
        }
    }

    #[test]
    fn words_of_many_consonants_are_language() {
        for text in [
            "lengths and strengths of twelfths",
            "krk",
            "smrt",
            "strč prst skrz krk",
            "zmrzl scvrkl",
            "cwm",
            "cwmwl mwclws",
            "Richtspruch",
            "Borschtsch",
            "brb",
            "thx pls",
            "wtf tldr",
            "NHS SBAR",
            "0xffffffff",
            "qwerty azerty",
            "decode aGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmdlciBzdHJpbmc=",
        ] {
            assert!(!is_gibberish(text), "{text:?}");
        }
    }
}
