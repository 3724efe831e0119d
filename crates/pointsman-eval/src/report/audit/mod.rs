//! An audit as Markdown and as a page, from one outline.

mod markdown;
mod outline;
mod page;

pub use markdown::audit_markdown;
pub use page::audit_page;
