//! Languages by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language by its ISO 639 code, such as `en` or `fil`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

impl Language {
    /// The code: two or three letters from `a` to `z`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first of `languages` that was listed before.
    #[must_use]
    pub fn repeated(languages: &[Self]) -> Option<&Self> {
        languages.iter().enumerate().find(|(at, own)| languages[..*at].contains(own)).map(|(_, own)| own)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Language {
    type Err = ParseLanguageError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        if (2..=3).contains(&code.len()) && code.bytes().all(|letter| letter.is_ascii_lowercase()) {
            Ok(Self(code.to_owned()))
        } else {
            Err(ParseLanguageError { code: code.to_owned() })
        }
    }
}

impl TryFrom<String> for Language {
    type Error = ParseLanguageError;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

/// A string that is no code of a language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{code}` is not a language; use an ISO 639 code of two or three small letters, such as en or fil")]
pub struct ParseLanguageError {
    code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_two_or_three_small_letters() {
        for code in ["en", "zh", "fil"] {
            assert_eq!(code.parse::<Language>().expect("a code").to_string(), code);
        }
        for wrong in ["", "e", "EN", "e1", "english", "é", "en-US"] {
            assert!(wrong.parse::<Language>().is_err(), "{wrong}");
        }
        insta::assert_snapshot!("English".parse::<Language>().expect_err("a name"), @"`English` is not a language; use an ISO 639 code of two or three small letters, such as en or fil");
    }

    #[test]
    fn the_second_of_two_alike_is_found() {
        let languages = |codes: &[&str]| -> Vec<Language> {
            codes.iter().map(|code| code.parse().expect("a code")).collect()
        };
        assert_eq!(Language::repeated(&languages(&["en", "de", "fr"])), None);
        let twice = languages(&["en", "de", "de", "en"]);
        assert_eq!(Language::repeated(&twice).map(Language::as_str), Some("de"));
    }
}
