//! OpenAI's API: what a request asks for, and how errors look.

mod chat;
mod content;
mod error;

pub use chat::{ChatRequest, estimated_tokens};
pub(crate) use chat::{TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, is_filled, tokens_of};
pub(crate) use content::Content;
pub use content::Messages;
pub use error::ErrorBody;
