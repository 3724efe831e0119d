//! From labelled prompts to a Pointsman model: data, fine-tuning, calibration, card.

pub mod batches;
pub mod corpus;
pub mod calibrate;
mod error;
mod loss;
pub mod neighbours;
pub mod recipe;
mod rows;
pub mod schedule;

pub use error::TrainError;
