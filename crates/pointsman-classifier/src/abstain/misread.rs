//! Binary files read as Latin-1: bytes above 127 become letters and signs that no language mixes.

use super::share;

/// Share of visible characters between U+00A1 and U+00FF from which a text may be a binary file.
const HIGH_SHARE: f64 = 0.3;

/// Share of accented letters with a sign behind them from which a text is UTF-8 read as Latin-1, which can be mended.
const LED_SHARE: f64 = 0.7;

/// Accented letters by the languages that have them: Nordic, French, Portuguese, Spanish, Icelandic, German, with the
/// acute and the grave.
const ALPHABETS: [&str; 7] =
    ["æøåÆØÅ", "éèêëàâçîïôùûÿÉÈÊËÀÂÇÎÏÔÙÛ", "ãõÃÕ", "ñÑ", "þðýÞÐÝ", "äöüßÄÖÜ", "íìòóúáÍÌÒÓÚÁ"];

/// Whether `text` has letters of at least three of [`ALPHABETS`] and signs among them, and no word.
pub(super) fn is_misread(text: &str) -> bool {
    let visible = text.chars().filter(|c| !c.is_whitespace()).count();
    let high = text.chars().filter(|c| matches!(c, '\u{a1}'..='\u{ff}')).count();
    let has_sign = text.chars().any(|c| matches!(c, '\u{a1}'..='\u{bf}'));
    let alphabets = ALPHABETS.iter().filter(|letters| text.contains(|c: char| letters.contains(c))).count();
    share(high, visible) > HIGH_SHARE
        && has_sign
        && alphabets >= 3
        && !is_misread_utf8(text)
        && !text.split_whitespace().any(is_word)
}

/// Bytes of UTF-8 stand in groups: each of the upper quarter has one of the third quarter behind it.
fn is_misread_utf8(text: &str) -> bool {
    let letters = text.chars().filter(|c| is_accented(*c)).count();
    let next = text.chars().skip(1);
    let led = text.chars().zip(next).filter(|(c, next)| {
        let is_sign = !next.is_ascii() && !is_accented(*next);
        is_accented(*c) && is_sign
    });
    share(led.count(), letters) > LED_SHARE
}

fn is_accented(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{ff}')
}

/// At least three small letters, the first perhaps a capital, half of them of ASCII; or any letter of another script.
fn is_word(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let letters = word.chars().count();
    let is_small = word.chars().skip(1).all(char::is_lowercase);
    let in_ascii = word.chars().filter(char::is_ascii).count();
    let is_of_other_script = word.chars().any(|c| c >= '\u{370}' && c.is_alphabetic());
    is_of_other_script || (letters >= 3 && is_small && in_ascii * 2 >= letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_picture_are_known() {
        assert!(is_misread("ÿØÿà JFIF ÿÛ C ÿÄ µ …"));
        assert!(is_misread("ÿØÿà\u{a0}JFIF ÿÛ C ¤§þÜ¹½ ÷Ñó ÿÄ µ Q±ðÁ"));
    }

    #[test]
    fn accents_and_mended_encodings_are_language() {
        for text in [
            "décode ÿØÿà JFIF ÿÛ C ÿÄ µ …",
            "что это ÿØÿà JFIF ÿÛ C ÿÄ µ …",
            "ä ö ü ß Ä Ö Ü",
            "À Á Â Ã Ä Å Æ Ç È É",
            "Ærø, Öland, Åland",
            "ä½\u{a0}å¥½ä¸–ç•Œ",
            "Ð¿Ñ€Ð¸Ð²ÐµÑ‚",
            "",
        ] {
            assert!(!is_misread(text), "{text:?}");
        }
    }
}
