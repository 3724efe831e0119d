//! When not to rely on the labels: rules on the text, before and beside the model.
//!
//! The rules are few, cheap and lean towards silence: what they miss is left to the confidence threshold, but a prompt
//! that a person or program could mean is never refused by them.

mod encoded;
mod gibberish;
mod image_prompt;
mod keyboard;
mod misread;
mod request;

use pointsman_domain::{AbstainReason, Prompt};

use crate::script::{self, Script};
use encoded::is_encoded;
use gibberish::is_gibberish;
use image_prompt::is_image_prompt;
use keyboard::is_all_keys;
use misread::is_misread;

/// How many bytes of a text are looked at.
const SAMPLE_BYTES: usize = 8 << 10;

/// Share of characters that no text has (control, replacement, private use) from which a text is binary.
const BINARY_SHARE: f64 = 0.1;

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
        || is_misread(sample)
        || is_all_keys(sample)
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
            "a cat astronaut on mars --ar 16:9 --v 6",
            "beautiful woman in red dress, soft light, 85mm, f/1.4, photorealistic",
            "cute corgi wearing sunglasses, pixar style, 3d render, soft lighting",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "ÿØÿà JFIF ÿÛ C ÿÄ µ …",
            "fghdjsk",
            "asdf",
            "hjkl",
            "asdfgh",
            "qwerty",
            "aaaaaaaaaaaaaaa",
            "wjeoriu qpwoei zmxnc alskdj",
            "лорпавыф йцукен",
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
            "decode aGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmdlciBzdHJpbmc=",
            "hash 5d41402abc4b2a76b9719d911017c592",
            "Translate this image prompt into English: castle in fog, masterpiece, 8k, best quality",
            "improve this prompt: a castle, masterpiece, 8k, highly detailed",
            "AAPL MSFT NVDA",
            "NHS SBAR",
            "HTTP TLS DNS",
            "WXCVB-1234",
            "qwerty vs dvorak",
            "what is asdf",
            "krk",
            "smrt",
            "cwm",
            "brb",
            "thx",
            "pls",
            "wtf",
            "tldr",
            "hmmmm",
            "aaah",
            "zzz",
            "lol",
            "brrrr",
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
