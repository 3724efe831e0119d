//! How good the labels are.
//!
//! [`dataset`] reads labelled prompts, [`tasks`] asks a classifier about them and works out [`metrics`], [`perturb`]
//! changes prompts in ways that should not matter, [`report`] shows what was found. [`outcomes`] reads which models
//! answered which prompts; on these [`routing`] compares routers and [`difficulty`] is held against who fails, with
//! [`linear`] models fitted where something is to be learnt. [`replay`] takes recorded decisions again with another table,
//! [`savings`] adds up what they cost, [`audit`] asks
//! whether anybody is favoured. [`devices`] sums up how fast they label.
//! The classifier is a function from prompts to labels, so everything here can be tested without a model.

pub mod adapt;
pub mod audit;
pub mod dataset;
pub mod devices;
pub mod difficulty;
pub mod irt;
pub mod linear;
pub mod metrics;
pub mod outcomes;
pub mod perturb;
pub mod replay;
#[cfg(test)]
mod replay_fixtures;
pub mod report;
pub mod routing;
pub mod savings;
pub mod tasks;
