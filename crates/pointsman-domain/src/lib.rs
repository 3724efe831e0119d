//! The words that every crate of Pointsman shares.
//!
//! A request becomes a [`Prompt`]; the classifier turns a prompt into [`Labels`]; the policy turns labels into a
//! [`Decision`]. This crate holds those words and nothing else: no IO, no async, no clock, no randomness.

mod decision;
mod difficulty;
mod labels;
mod model;
mod nearest;
mod prompt;
mod task;
mod units;

pub use decision::{Candidate, Decision, DecisionReason, Needs, RequestFacts, Rule, Skip, SkipReason};
pub use difficulty::{Ability, Band, Difficulty, ParseBandError};
pub use labels::{AbstainReason, Labels};
pub use model::{ModelId, ModelName, ParseModelError, ProviderName};
pub use nearest::nearest;
pub use prompt::{Prompt, Role, Turn};
pub use task::{Group, ParseTaskError, Task, Vocabulary, VocabularyError};
pub use units::{TokenCount, TokenUsage, Usd};
