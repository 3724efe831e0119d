//! When not to rely on the labels: rules on the text, before and beside the model.
//!
//! The rules are few, cheap and lean towards silence: what they miss is left to the confidence threshold, but a prompt
//! that a person or program could mean is never refused by them.

mod image_prompt;

use pointsman_domain::{AbstainReason, Prompt};

use crate::script::{self, Script};
use image_prompt::is_image_prompt;

/// How many bytes of a text are looked at.
const SAMPLE_BYTES: usize = 8 << 10;

/// Share of characters that no text has (control, replacement, private use) from which a text is binary.
const BINARY_SHARE: f64 = 0.1;

/// Share of letters in words nobody can say from which a text is gibberish.
const UNPRONOUNCEABLE_SHARE: f64 = 0.5;

/// Share of visible characters in encoded blobs from which a text is nothing but encoded data.
const BLOB_SHARE: f64 = 0.8;

/// Why the labels of `prompt` should not be relied on whatever the model says, judged by the text to be labelled.
///
/// `supported` lists the scripts that the model was found good at; empty means all.
#[must_use]
pub fn by_text(prompt: &Prompt, supported: &[Script]) -> Option<AbstainReason> {
    if prompt.is_blank() {
        return Some(AbstainReason::Empty);
    }
    let sample = sample(prompt.subject().trim());
    if is_binary(sample)
        || has_no_word(sample)
        || is_encoded(sample)
        || is_dump(sample)
        || is_gibberish(sample)
        || is_image_prompt(sample)
    {
        return Some(AbstainReason::NotLanguage);
    }
    if !supported.is_empty() && !script::mostly_in(sample, supported) {
        return Some(AbstainReason::UnsupportedLanguage);
    }
    None
}

/// The beginning of `text`, cut between characters.
fn sample(text: &str) -> &str {
    let end = (0..=SAMPLE_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Control characters other than white space, U+FFFD of lossy decoding, private use and non-characters.
fn is_binary(text: &str) -> bool {
    let odd = |c: &char| {
        (c.is_control() && !c.is_whitespace() && *c != '\u{1b}')
            || matches!(u32::from(*c), 0xFFFD | 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF)
            || u32::from(*c) & 0xFFFE == 0xFFFE
    };
    share(text.chars().filter(odd).count(), text.chars().count()) > BINARY_SHARE
}

/// No letter and no digit of any script: emoji, punctuation, box drawing.
fn has_no_word(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

/// Bytes written out: at least four of `0x7f`, `7f` or `01100001`, or percent-encoding, and nothing else. Numbers alone are left
/// to the model, for two digits may be anything, and so are the squares of a chessboard.
fn is_dump(text: &str) -> bool {
    let words = || text.split([' ', '\n', '\t', ',']).filter(|word| !word.is_empty());
    let is_square = |word: &str| matches!(word.as_bytes(), [b'a'..=b'h', b'1'..=b'8']);
    let has_letters = |word: &str| word.bytes().any(|b| b.is_ascii_alphabetic());
    let bytes = || words().all(is_byte) && words().any(has_letters) && !words().all(is_square);
    let listed = words().nth(3).is_some() && (bytes() || words().all(is_bits));
    let escapes = text.matches('%').count() * 3;
    listed || (escapes >= 12 && share(escapes, text.len()) > 0.6 && !text.contains(char::is_whitespace))
}

/// Two hexadecimal digits, perhaps with what says that they are.
fn is_byte(word: &str) -> bool {
    let digits = word.strip_prefix("0x").or(word.strip_prefix("\\x")).unwrap_or(word);
    digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_bits(word: &str) -> bool {
    word.len() == 8 && word.bytes().all(|b| matches!(b, b'0' | b'1'))
}

/// Base64, hexadecimal and the like with hardly a word around it.
fn is_encoded(text: &str) -> bool {
    if is_short_base64(text) {
        return true;
    }
    let visible: usize = text.split_whitespace().map(str::len).sum();
    let blobs: usize = text.split_whitespace().filter(|word| is_blob(word)).map(str::len).sum();
    let words = text
        .split_whitespace()
        .filter(|word| {
            let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
            letters.chars().count() >= 2 && letters.chars().all(char::is_alphabetic) && !is_blob(word)
        })
        .count();
    words < 2 && share(blobs, visible) > BLOB_SHARE
}

/// Nothing but one word of base64 that is too short for [`is_blob`]: whole groups of four, the last filled up with `=` or a
/// digit in it, and capitals and small letters changing as they do in no name.
fn is_short_base64(text: &str) -> bool {
    let word = text.trim_end_matches('=').as_bytes();
    let is_whole =
        text.len().is_multiple_of(4) && (12..40).contains(&text.len()) && text.len() - word.len() <= 2;
    let in_alphabet = word.iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b));
    let marked = text.len() > word.len() || word.iter().any(u8::is_ascii_digit);
    is_whole && in_alphabet && marked && is_mixed(word)
}

/// A run of at least 20 characters of the base64 alphabet that changes between capitals, small letters and digits more
/// often than names do, or at least 32 hexadecimal digits, some of them letters.
fn is_blob(word: &str) -> bool {
    let bytes = word.trim_end_matches(['=', ',', ';', '"']).trim_start_matches('"').as_bytes();
    if bytes.len() < 20 || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b)) {
        return false;
    }
    let hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
    if hexadecimal {
        return bytes.len() >= 32 && bytes.iter().any(|b| !b.is_ascii_digit());
    }
    is_mixed(bytes)
}

/// Capitals and small letters that change, with digits, more often than in two of five places.
fn is_mixed(bytes: &[u8]) -> bool {
    let kind = |b: &u8| (b.is_ascii_uppercase(), b.is_ascii_lowercase(), b.is_ascii_digit());
    let changes = bytes.windows(2).filter(|pair| kind(&pair[0]) != kind(&pair[1])).count();
    let mixed = [u8::is_ascii_uppercase, u8::is_ascii_lowercase].iter().all(|of| bytes.iter().any(of));
    mixed && share(changes, bytes.len() - 1) > 0.4
}

/// Letters hit at random: most of them in words that nobody can say, and hardly a word beside them. (A puzzle may have a
/// maze of letters, but it says what to do with it.)
fn is_gibberish(text: &str) -> bool {
    let (strange, others): (Vec<&str>, Vec<&str>) = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .partition(|word| is_unpronounceable(word));
    let letters = |words: &[&str]| words.iter().map(|word| word.len()).sum::<usize>();
    let enough = strange.len() >= 2 || strange.iter().any(|word| word.len() >= 9);
    let hardly_a_word = others.iter().filter(|word| word.len() >= 3).count() <= 2;
    let share = share(letters(&strange), letters(&strange) + letters(&others));
    enough && hardly_a_word && share >= UNPRONOUNCEABLE_SHARE
}

/// At least five letters without a vowel, or six consonants in a row with hardly a vowel around them. (`strengths` has
/// five in a row, `Rechtsschutz` seven, but vowels enough.)
///
/// Only words of plain a–z count, since other alphabets have other rules, and capitals are left to acronyms.
fn is_unpronounceable(word: &str) -> bool {
    let letters = word.as_bytes();
    let acronym = letters.iter().skip(1).all(u8::is_ascii_uppercase);
    if letters.len() < 5 || acronym || !letters.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let is_vowel = |letter: &u8| b"aeiouyAEIOUY".contains(letter);
    let vowels = letters.iter().filter(|letter| is_vowel(letter)).count();
    let longest_run = letters.split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
    vowels == 0 || (longest_run >= 6 && share(vowels, letters.len()) < 0.2)
}

/// `part / whole`, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "both are at most the sample's length")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str) -> Option<AbstainReason> {
        by_text(&Prompt::from_text(text), &[])
    }

    #[test]
    fn what_is_no_language_is_refused() {
        for text in [
            "🙂🙂🎉",
            "...",
            "?!?!",
            "═══╬═══",
            "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRIipRkwB0K1Y96Qsv2Lm+31cmzaAILwyt",
            "aGVsbG8gd29ybGQsIHRoaXMgaXMg\nYSBsb25nZXIgdGV4dCB0aGF0IHdh\ncyBlbmNvZGVkIGluIGJhc2U2NA==",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "asdfkjh qwlekjrh zxmcnvbq",
            "sdlkfjghsldkfjghlskdfjg",
            "\u{0}\u{1}\u{2}ELF\u{0}\u{0}\u{3}\u{0}",
            "lighthouse, storm, dramatic clouds, oil painting, highly detailed, 8k",
            "aGVsbG8gd29ybGQ=",
            "c2VjcmV0MTIz",
            "0x7f 0x45 0x4c 0x46 0x02",
            "7f 45 4c 46 02 01 01 00",
            "%48%65%6C%6C%6F%20%77%6F%72%6C%64",
            "01101000 01100101 01101100 01101100 01101111",
            "portrait of a wizard, by greg rutkowski, trending on artstation",
            "%PDF\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}x\u{FFFD}",
        ] {
            assert_eq!(reason(text), Some(AbstainReason::NotLanguage), "{text:?}");
        }
    }

    #[test]
    fn what_somebody_could_mean_is_not() {
        for text in [
            "hi",
            "k",
            "2",
            "1+1",
            "3*(4+5)/2-7*(8-9)+12345",
            "lengths and strengths of twelfths",
            "Strč prst skrz krk",
            "Angstschweiß",
            "Rechtsschutzversicherungsgesellschaften",
            "internationalization",
            "JavaScript==",
            "YouTubeMusic",
            "iPhone15ProMax",
            "10 20 30 40",
            "e4 e5 d4 d5",
            "12, 15, 17, 21, 24",
            "100% of 50% of 20% is 10%",
            "paint me a picture, trending on artstation, and tell me who made it",
            "get_user_by_id_and_organization_name",
            "AbstractSingletonProxyFactoryBean",
            "src/main/java/com/example/service/UserAccountService",
            "https://example.com/a/b?c=d",
            "HTTPS TLS RSA SHA XML",
            "what does aGVsbG8gd29ybGQsIHRoaXMgaXM= mean?",
            "decode U2FsdGVkX1+vupppZksvRf5pq5g5XjFRIipRkwB0K1Y96Qsv2Lm please",
            "fn main() { let mut xs = vec![1, 2]; xs.sort(); }",
            "SELECT * FROM t WHERE x = 1;",
            "printf strcmp fprintf str wchar",
            "これは何ですか",
            "מה זה?",
            "ça va 🙂",
            "\u{1b}[31merror\u{1b}[0m: cannot find value",
            "a\tb\r\nc",
            "14159265358979323846264338327950288419716939937510",
            "Navigate from j to the goal:\nbbbbbbbbbbbbbbbbbbbbb\nbbppbbppppbppppppbpbp\nbbbbbbbbbbbbbbbbbbbbb",
        ] {
            assert_eq!(reason(text), None, "{text:?}");
        }
    }

    #[test]
    fn blank_prompts_are_empty() {
        for text in ["", " ", "\n\t \u{a0}"] {
            assert_eq!(reason(text), Some(AbstainReason::Empty), "{text:?}");
        }
    }

    #[test]
    fn scripts_matter_only_where_the_model_lists_them() {
        let prompt = Prompt::from_text("Что это такое?");
        assert_eq!(by_text(&prompt, &[]), None);
        assert_eq!(by_text(&prompt, &[Script::Cyrillic]), None);
        assert_eq!(by_text(&prompt, &[Script::Latin]), Some(AbstainReason::UnsupportedLanguage));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in ".{0,200}") {
            let _: Option<AbstainReason> = by_text(&Prompt::from_text(text), &[Script::Latin]);
        }
    }
}
