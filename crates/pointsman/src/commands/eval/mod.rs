//! `pointsman eval`: how good a classifier is.

pub(super) mod difficulty;
mod prompts;
pub(super) mod routing;
pub(super) mod tasks;
