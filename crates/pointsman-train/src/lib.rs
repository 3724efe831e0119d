//! From labelled prompts to a Pointsman model: data, fine-tuning, calibration, card.

pub mod batches;
pub mod corpus;
mod error;
pub mod neighbours;
pub mod recipe;
mod rows;
pub mod schedule;

pub use error::TrainError;
