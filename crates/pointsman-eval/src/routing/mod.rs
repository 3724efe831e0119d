//! What routing by scores is worth: cost and quality at every threshold, beside controls.
//!
//! [`Answers`] hold what each model's answer to each prompt was worth and cost. A router is a [`Sweep`]: the order in
//! which it moves prompts to better models as its threshold rises. Its [`Curve`] of cost and quality has the figures of
//! [`Measure`]; a [`StudyReport`] sets routers and [`controls`] side by side.

mod answers;
pub mod controls;
mod frame;
mod head;
pub mod hull;
mod lineup;
mod measure;
pub mod published;
mod report;
mod study;
mod sweep;

pub use answers::{Answers, Spent};
pub use frame::Frame;
pub use head::{Head, Reading, split};
pub use lineup::{Lineup, Prompts, worth};
pub use measure::{Measure, arena_score};
pub use report::{RoutingProvenance, RoutingReport};
pub use study::{LENGTH, ModelReport, POINTS, QUESTION, Role, Router, RouterReport, STATIC_MIX, StudyReport};
pub use sweep::{Curve, Point, Sweep};
