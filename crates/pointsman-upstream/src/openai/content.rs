//! Messages of a chat, reduced to their text.

use std::fmt;

use pointsman_domain::{Prompt, Role, Turn};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The messages of a chat, oldest first.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Messages(Vec<Message>);

impl Messages {
    /// The conversation as text. Parts that are not text are left out, and with them messages that have no other,
    /// except the user's: those are what is to be answered.
    #[must_use]
    pub fn into_prompt(self) -> Prompt {
        let said =
            self.0.into_iter().filter(|message| message.text_bytes() > 0 || message.role.0 == Role::User);
        Prompt::from_turns(said.map(Message::into_turn).collect())
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Message> + Clone {
        self.0.iter()
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Messages({})", self.0.len())
    }
}

/// One message.
#[derive(Deserialize)]
pub(super) struct Message {
    role: MessageRole,
    #[serde(default)]
    content: Content,
}

impl Message {
    /// How many images it carries.
    pub(super) fn images(&self) -> u32 {
        self.content.images
    }

    /// How long its text is, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        self.content.text.len()
    }

    fn into_turn(self) -> Turn {
        Turn { role: self.role.0, text: self.content.text }
    }
}

/// A role. One that we do not know is for the provider to judge; to us it is context, such as a tool's result.
struct MessageRole(Role);

impl<'de> Deserialize<'de> for MessageRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Name {
            #[serde(alias = "developer")]
            System,
            User,
            Assistant,
            #[serde(other)]
            Other,
        }
        Ok(Self(match Name::deserialize(deserializer)? {
            Name::System => Role::System,
            Name::User => Role::User,
            Name::Assistant => Role::Assistant,
            Name::Other => Role::Tool,
        }))
    }
}

/// What a message says: a string, nothing, or a list of parts. The text of its parts is joined by line breaks.
#[derive(Default)]
pub(crate) struct Content {
    text: String,
    images: u32,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyContent;

        impl<'de> Visitor<'de> for AnyContent {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content { text: text.to_owned(), images: 0 })
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
                Ok(Content { text, images: 0 })
            }

            fn visit_unit<E: Error>(self) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut content = Content::default();
                while let Some(part) = parts.next_element::<Part>()? {
                    content.add(&part);
                }
                Ok(content)
            }

            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Content, A::Error> {
                Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self))
            }
        }

        deserializer.deserialize_any(AnyContent)
    }
}

/// One part of a message. What is neither text nor an image is passed over.
#[derive(Deserialize)]
struct Part {
    r#type: PartType,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum PartType {
    #[serde(alias = "input_text", alias = "output_text")]
    Text,
    #[serde(alias = "input_image")]
    ImageUrl,
    #[serde(other)]
    Other,
}

impl Content {
    /// A text alone.
    pub(crate) fn of(text: String) -> Self {
        Self { text, images: 0 }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// How many images it carries.
    pub(crate) fn images(&self) -> u32 {
        self.images
    }

    fn add(&mut self, part: &Part) {
        match (&part.r#type, &part.text) {
            (PartType::Text, Some(text)) => {
                if !self.text.is_empty() {
                    self.text.push('\n');
                }
                self.text.push_str(text);
            }
            (PartType::ImageUrl, _) => self.images = self.images.saturating_add(1),
            _ => {}
        }
    }
}
