//! From labelled prompts to a Pointsman model: data, fine-tuning, calibration, card.
//!
//! [`train`] does all of it; the recipe says how. The encoder, its tokenisation and its heads are those of
//! `pointsman-classifier`, so that what is trained is what is served.

mod adamw;
mod augment;
mod backbone;
pub mod batches;
pub mod calibrate;
mod card_scores;
mod checkpoint;
pub mod corpus;
pub mod difficulty;
mod embeddings;
mod error;
mod fit;
mod folder;
mod language;
mod loss;
pub mod neighbours;
mod network;
mod pieces;
mod progress;
pub mod recipe;
mod rows;
pub mod schedule;
mod scores;
mod side;
mod soup;
mod train;

pub use backbone::Backbone;
pub use error::TrainError;
pub use progress::{Progress, Step};
pub use scores::{Rounding, Scores};
pub use train::{Trained, Training, train};
