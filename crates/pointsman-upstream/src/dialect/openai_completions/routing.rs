//! `POST /v1/completions`: what routing needs to know of a request.

use std::fmt;

use pointsman_domain::{Needs, Prompt, RequestFacts, TokenCount};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use crate::body::{RequestError, RequestSize, text};
use crate::openai::{TOKENS_PER_MESSAGE, tokens_of};

/// A request, read for routing. What is not listed here is passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionsRequest {
    /// The text; several are one with line breaks between them, and one given as tokens is blank.
    pub prompt: Prompt,
    /// How long the request is.
    pub facts: RequestFacts,
    /// How much it holds.
    pub size: RequestSize,
}

#[derive(Deserialize)]
struct Body {
    prompt: Option<Texts>,
    max_tokens: Option<u32>,
}

#[derive(Default)]
struct Texts {
    text: String,
    /// Tokens that were given as numbers.
    tokens: usize,
}

impl CompletionsRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// When the body is not JSON or a field that routing reads has the wrong type, with line and column; when
    /// there is no prompt.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body = serde_json::from_str(text(body)?).map_err(|error| RequestError::json(&error))?;
        let Some(Texts { text, tokens }) = body.prompt else {
            return Err(RequestError::new("`prompt` is missing", Some("prompt")));
        };
        let tokens = tokens_of(text.len()) + tokens + TOKENS_PER_MESSAGE;
        let facts = RequestFacts {
            input_tokens: TokenCount(u32::try_from(tokens).unwrap_or(u32::MAX)),
            max_output_tokens: body.max_tokens.map(TokenCount),
            needs: Needs::default(),
        };
        let size = RequestSize { messages: 1, images: 0 };
        Ok(Self { prompt: Prompt::from_text(text), facts, size })
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyPrompt;

        impl<'de> Visitor<'de> for AnyPrompt {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings or tokens")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts { text: text.to_owned(), tokens: 0 })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Texts::default();
                while let Some(element) = list.next_element::<Element>()? {
                    match element {
                        Element::Text(text) if texts.text.is_empty() => texts.text = text,
                        Element::Text(text) => texts.text += &format!("\n{text}"),
                        Element::Tokens(count) => texts.tokens += count,
                    }
                }
                Ok(texts)
            }
        }

        deserializer.deserialize_any(AnyPrompt)
    }
}

/// A text, a token, or a list of tokens.
enum Element {
    Text(String),
    Tokens(usize),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyElement;

        impl<'de> Visitor<'de> for AnyElement {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token or a list of tokens")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Text(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Element, E> {
                Ok(Element::Tokens(1))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut tokens: A) -> Result<Element, A::Error> {
                let mut count = 0;
                while tokens.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Element::Tokens(count))
            }
        }

        deserializer.deserialize_any(AnyElement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_all_forms_are_read() {
        for (prompt, text, tokens) in [
            ("\"12345678\"", "12345678", 2),
            ("[\"1234\", \"567\"]", "1234\n567", 2),
            ("[1, 2, 3]", "", 3),
            ("[[1, 2], [3]]", "", 3),
        ] {
            let body = format!("{{\"prompt\": {prompt}, \"max_tokens\": 5}}");
            let request = CompletionsRequest::parse(body.as_bytes()).expect(&body);
            assert_eq!(request.prompt.subject(), text);
            assert_eq!(request.facts.input_tokens, TokenCount(tokens + 4));
            assert_eq!(request.facts.max_output_tokens, Some(TokenCount(5)));
        }
        for body in ["{}", "{\"prompt\": 7}", "{\"prompt\": {}}", "{\"prompt\": [{}]}"] {
            assert!(CompletionsRequest::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
