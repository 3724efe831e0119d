//! Which writing system a text is in.

use std::fmt;
use std::str::FromStr;

use pointsman_domain::nearest;
use serde::{Deserialize, Serialize};

/// How many characters of a text are looked at.
const SAMPLE: usize = 4096;

macro_rules! scripts {
    ($($variant:ident $name:literal: $($low:literal..=$high:literal),+;)+) => {
        /// A writing system, named as in Unicode.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Script {
            $(#[doc = concat!("Unicode script `", $name, "`.")] $variant,)+
        }

        impl Script {
            /// All scripts that are told apart.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The Unicode name in lower case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The script of a letter; nothing for digits, signs, emoji and letters of scripts that are not listed.
            #[must_use]
            pub fn of(letter: char) -> Option<Self> {
                match u32::from(letter) {
                    $($($low..=$high)|+ if letter.is_alphabetic() => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

// Blocks of each script in the Basic Multilingual Plane and the ideographic planes.
scripts! {
    Latin "latin": 0x41..=0x5A, 0x61..=0x7A, 0xAA..=0xAA, 0xBA..=0xBA, 0xC0..=0x24F, 0x250..=0x2AF, 0x1E00..=0x1EFF,
        0x2C60..=0x2C7F, 0xA720..=0xA7FF, 0xFF21..=0xFF3A, 0xFF41..=0xFF5A;
    Greek "greek": 0x370..=0x3FF, 0x1F00..=0x1FFF;
    Cyrillic "cyrillic": 0x400..=0x52F, 0x1C80..=0x1C8F, 0x2DE0..=0x2DFF, 0xA640..=0xA69F;
    Armenian "armenian": 0x530..=0x58F;
    Hebrew "hebrew": 0x590..=0x5FF, 0xFB1D..=0xFB4F;
    Arabic "arabic": 0x600..=0x6FF, 0x750..=0x77F, 0x8A0..=0x8FF, 0xFB50..=0xFDFF, 0xFE70..=0xFEFC;
    Devanagari "devanagari": 0x900..=0x97F, 0xA8E0..=0xA8FF;
    Bengali "bengali": 0x980..=0x9FF;
    Gurmukhi "gurmukhi": 0xA00..=0xA7F;
    Gujarati "gujarati": 0xA80..=0xAFF;
    Oriya "oriya": 0xB00..=0xB7F;
    Tamil "tamil": 0xB80..=0xBFF;
    Telugu "telugu": 0xC00..=0xC7F;
    Kannada "kannada": 0xC80..=0xCFF;
    Malayalam "malayalam": 0xD00..=0xD7F;
    Sinhala "sinhala": 0xD80..=0xDFF;
    Thai "thai": 0xE00..=0xE7F;
    Lao "lao": 0xE80..=0xEFF;
    Tibetan "tibetan": 0xF00..=0xFFF;
    Myanmar "myanmar": 0x1000..=0x109F, 0xAA60..=0xAA7F;
    Georgian "georgian": 0x10A0..=0x10FF, 0x1C90..=0x1CBF, 0x2D00..=0x2D2F;
    Hangul "hangul": 0x1100..=0x11FF, 0x3130..=0x318F, 0xA960..=0xA97F, 0xAC00..=0xD7FF;
    Ethiopic "ethiopic": 0x1200..=0x139F, 0x2D80..=0x2DDF;
    Khmer "khmer": 0x1780..=0x17FF;
    Mongolian "mongolian": 0x1800..=0x18AF;
    Hiragana "hiragana": 0x3041..=0x309F;
    Katakana "katakana": 0x30A1..=0x30FF, 0x31F0..=0x31FF, 0xFF66..=0xFF9F;
    Han "han": 0x2E80..=0x2FDF, 0x3005..=0x3007, 0x3400..=0x4DBF, 0x4E00..=0x9FFF, 0xF900..=0xFAFF, 0x20000..=0x323AF;
}

/// Whether most letters of `text` are in one of `supported`. A text without letters has nothing against it.
///
/// Of a long text the beginning is looked at.
#[must_use]
pub(crate) fn mostly_in(text: &str, supported: &[Script]) -> bool {
    let (mut inside, mut outside) = (0usize, 0usize);
    for letter in text.chars().take(SAMPLE).filter(|c| c.is_alphabetic()) {
        match Script::of(letter) {
            Some(script) if supported.contains(&script) => inside += 1,
            _ => outside += 1,
        }
    }
    inside >= outside
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Script> for &'static str {
    fn from(script: Script) -> Self {
        script.as_str()
    }
}

impl FromStr for Script {
    type Err = ParseScriptError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|script| script.as_str() == name)
            .copied()
            .ok_or_else(|| ParseScriptError { name: name.to_owned() })
    }
}

impl TryFrom<String> for Script {
    type Error = ParseScriptError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

/// A string that names no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a script{}; use a Unicode script name in lower case, such as latin or cyrillic",
    hint(name)
)]
pub struct ParseScriptError {
    name: String,
}

fn hint(name: &str) -> String {
    nearest(name, Script::ALL.iter().map(|script| script.as_str()))
        .map_or_else(String::new, |near| format!(", did you mean `{near}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_their_script_and_signs_have_none() {
        for (letter, script) in [
            ('a', Some(Script::Latin)),
            ('ß', Some(Script::Latin)),
            ('ệ', Some(Script::Latin)),
            ('Ω', Some(Script::Greek)),
            ('ж', Some(Script::Cyrillic)),
            ('ש', Some(Script::Hebrew)),
            ('ع', Some(Script::Arabic)),
            ('अ', Some(Script::Devanagari)),
            ('ก', Some(Script::Thai)),
            ('한', Some(Script::Hangul)),
            ('の', Some(Script::Hiragana)),
            ('カ', Some(Script::Katakana)),
            ('語', Some(Script::Han)),
            ('×', None),
            ('7', None),
            ('🙂', None),
            (' ', None),
        ] {
            assert_eq!(Script::of(letter), script, "{letter}");
        }
    }

    #[test]
    fn the_majority_of_letters_decides() {
        let latin = [Script::Latin];
        for (text, expected) in [
            ("What is π?", true),
            ("Translate: Что это такое и зачем оно нужно?", false),
            ("これは何ですか", false),
            ("12 + 30 = ?", true),
            ("", true),
        ] {
            assert_eq!(mostly_in(text, &latin), expected, "{text}");
        }
        assert!(mostly_in("これは何ですか", &[Script::Hiragana, Script::Han]));
    }

    #[test]
    fn names_round_trip_and_mistakes_get_a_hint() {
        for script in Script::ALL {
            assert_eq!(script.as_str().parse(), Ok(*script));
        }
        insta::assert_snapshot!("cyrilic".parse::<Script>().expect_err("misspelt"), @"`cyrilic` is not a script, did you mean `cyrillic`; use a Unicode script name in lower case, such as latin or cyrillic");
    }
}
