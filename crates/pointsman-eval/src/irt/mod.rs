//! Item-response fitting: how able models are and how hard prompts are, on one scale, from outcomes.
//!
//! The model is the two-parameter logistic `P(success) = σ(a (θ − b))` (Birnbaum 1968) with a model's ability `θ`, an
//! item's difficulty `b` and its discrimination `a`. Scores between 0 and 1 count as shares of successes. `docs/difficulty.md`
//! has the method, its priors and what the diagnostics mean.
//!
//! Outcomes → matrix → rounds of solving until broken runs are out → results. Abilities and the distributions of items
//! maximise the marginal likelihood; each item is integrated over.

mod abilities;
mod aliases;
mod fit;
mod fitted;
mod information;
mod items;
mod label_abilities;
mod labels;
mod linear;
mod links;
mod matrix;
mod parameters;
mod part;
mod quadrature;
mod results;
mod runs;
mod scale;
mod solve;

pub use aliases::{AliasError, Aliases};
pub use fit::{BrokenRun, FitError, Options, fit};
pub use fitted::{BlockFit, Fit, ItemFit, LabelEstimate, LabelFit, ModelFit, SourceFit, Summary};
pub use labels::SourceTasks;
pub use links::{Component, Link};
pub use runs::{BROKEN_ALONE_Z, BROKEN_GAP, BROKEN_Z, Run, RunId};
pub use solve::Convergence;
