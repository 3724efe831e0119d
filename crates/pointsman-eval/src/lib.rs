//! How good the labels are.
//!
//! [`dataset`] reads labelled prompts, [`tasks`] asks a classifier about them and works out [`metrics`], [`perturb`]
//! changes prompts in ways that should not matter, [`report`] shows what was found. [`outcomes`] reads which models
//! answered which prompts. The classifier is a function from
//! prompts to labels, so everything here can be tested without a model.

pub mod dataset;
pub mod irt;
pub mod metrics;
pub mod outcomes;
pub mod perturb;
pub mod report;
pub mod tasks;
