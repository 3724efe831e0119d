//! The difficulty head, fitted after the encoder to what an item-response model makes of measured outcomes.
//!
//! The encoder stays as it is: what the head reads is computed once, so that the head can be fitted, checked on items that it
//! was not fitted to, and fitted anew to other outcomes in seconds.

mod embed;
mod items;
mod refit;
mod weights;

pub use items::DifficultyItems;

pub(crate) use embed::embed;
pub(crate) use refit::Refit;
pub use refit::{Refitting, refit};
pub(crate) use weights::with_scalar_head;
pub use weights::{changed_head, with_head};
