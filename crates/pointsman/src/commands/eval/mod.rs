//! `pointsman eval`: how good a classifier is.

pub(super) mod difficulty;
pub(super) mod engines;
mod prompts;
pub(super) mod routing;
pub(crate) mod scores;
pub(super) mod tasks;
