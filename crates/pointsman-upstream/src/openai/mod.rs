//! OpenAI's API: what a request asks for, and how errors look.

mod chat;
mod content;
mod error;

pub(crate) use chat::tokens_of;
pub use chat::{ChatRequest, estimated_tokens};
pub use content::Messages;
pub use error::ErrorBody;
