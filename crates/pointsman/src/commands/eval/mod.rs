//! `pointsman eval`: how good a classifier is.

pub(super) mod difficulty;
mod prompts;
pub(super) mod routing;
pub(crate) mod scores;
pub(super) mod tasks;
