//! What a fit says, as types that are written to files.

use std::collections::BTreeMap;

use pointsman_domain::Task;
use serde::{Deserialize, Serialize, Serializer};

use super::fit::BrokenRun;
use super::links::{Component, Link};
use super::runs::{Run, RunId};
use super::solve::Convergence;

/// The result of [`super::fit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// By canonical name.
    pub models: Vec<ModelFit>,
    /// By source, task and id.
    #[serde(skip)]
    pub items: Vec<ItemFit>,
    /// Sources and their tasks, by name.
    pub blocks: Vec<BlockFit>,
    /// Sources, parts taken together, by name.
    pub sources: Vec<SourceFit>,
    /// Mean discriminations by task label and group.
    pub labels: BTreeMap<Task, LabelFit>,
    /// What each model did on each source that the fit is made of.
    pub runs: Vec<Run>,
    /// Broken runs, in the order in which they were found.
    pub broken: Vec<BrokenRun>,
    /// Runs that were left out on request.
    pub excluded: Vec<RunId>,
    /// Models that each two sources share.
    pub links: Vec<Link>,
    /// Parts that nothing links with one another, largest first. Each has a scale of its own.
    pub components: Vec<Component>,
    /// Figures of the fit as a whole.
    pub summary: Summary,
    /// How the fit came to its end.
    pub convergence: Convergence,
}

/// A model's ability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFit {
    /// Canonical name.
    pub name: String,
    /// Its other spellings in the table of aliases.
    pub aliases: Vec<String>,
    /// The model that this is a mode of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode_of: Option<String>,
    /// `θ`, in standard deviations of the reference pool.
    pub ability: f64,
    /// Standard error from the observed information, the links between sources included.
    pub se: f64,
    /// Outcomes.
    pub items: usize,
    /// Whether the scale is fixed by it and others.
    pub in_pool: bool,
    /// Which of [`Fit::components`] it belongs to.
    pub component: usize,
    /// Abilities by task label and group, drawn towards `ability`.
    pub labels: BTreeMap<Task, LabelEstimate>,
}

/// An ability at one task label or group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelEstimate {
    /// `θ` there.
    pub ability: f64,
    /// Its standard error.
    pub se: f64,
    /// Outcomes.
    pub items: usize,
}

/// An item's difficulty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemFit {
    /// Its source.
    pub source: String,
    /// Its id within the source.
    pub id: String,
    /// The source's own name of its task.
    pub task: Option<String>,
    /// Posterior mean of the difficulty, within ±8.
    #[serde(serialize_with = "four_decimals")]
    pub b: f64,
    /// Posterior standard deviation of it.
    #[serde(serialize_with = "four_decimals")]
    pub b_se: f64,
    /// Discrimination: `e` to the posterior mean of its logarithm.
    #[serde(serialize_with = "four_decimals")]
    pub a: f64,
    /// Models that answered it.
    pub models: usize,
    /// Share of these that failed, each model counting once.
    #[serde(serialize_with = "four_decimals")]
    pub fail_rate: f64,
    /// Share of the reference pool that would fail: mean of `σ(a (b − θ))` over the pool.
    #[serde(serialize_with = "four_decimals")]
    pub pool_fail_rate: f64,
    /// The difficulty that `b` stands for on the published scale, which takes the discrimination to be 1.
    #[serde(serialize_with = "four_decimals")]
    pub difficulty: f64,
    /// Which of [`Fit::components`] it belongs to; left out where it is the first, the main scale.
    #[serde(default, skip_serializing_if = "is_main")]
    pub component: usize,
}

/// Digits beyond these say nothing.
fn four_decimals<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1e4).round() / 1e4 + 0.0)
}

fn is_main(component: &usize) -> bool {
    *component == 0
}

/// What the items of a source and task are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockFit {
    /// Source, with its part.
    pub source: String,
    /// The source's own name of the task; empty where it has none.
    pub task: String,
    /// Our label for it.
    pub label: Option<Task>,
    /// Items.
    pub items: usize,
    /// Models.
    pub models: usize,
    /// Mean and standard deviation of the distribution of difficulties.
    pub b: (f64, f64),
    /// Median discrimination, `e^α`.
    pub a: f64,
    /// Standard error of `α = ln a`.
    pub ln_a_se: f64,
}

/// What a source is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFit {
    /// Name, without a part.
    pub source: String,
    /// Items.
    pub items: usize,
    /// Models.
    pub models: usize,
    /// Outcomes.
    pub outcomes: usize,
    /// Median discrimination of its items.
    pub a: f64,
    /// Standard deviation of `ln a` among items of one block.
    pub ln_a_sd: f64,
    /// Mean and standard deviation of its items' difficulties.
    pub b: (f64, f64),
    /// Models that it shares with other sources.
    pub linking_models: usize,
    /// Standard error of the source's place on the scale from what is usual between sources: [`Summary::between_sources`]
    /// divided by the root of `linking_models`; none without a link.
    pub link_se: Option<f64>,
}

/// Items with one label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelFit {
    /// Geometric mean of their discriminations.
    pub a: f64,
    /// Items.
    pub items: usize,
}

/// Figures of the fit as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Items.
    pub items: usize,
    /// Models, modes included.
    pub models: usize,
    /// Models of the reference pool, those of the largest component.
    pub pool: usize,
    /// Outcomes.
    pub outcomes: usize,
    /// Geometric mean of all discriminations.
    pub a: f64,
    /// Correlation of several answers of a model to one item.
    pub trial_correlation: f64,
    /// Usual standard deviation of a model's ability between one source and the others.
    pub between_sources: f64,
    /// Standard deviations of a model's abilities at groups and at task labels around its ability at large.
    pub between_groups: f64,
    /// The same for task labels.
    pub between_labels: f64,
    /// Items that every model solved.
    pub all_right: usize,
    /// Items that no model solved.
    pub all_wrong: usize,
    /// Items whose difficulty is at the end of the scale.
    pub items_at_bounds: usize,
    /// Models whose ability is beyond ±4.
    pub models_at_bounds: usize,
    /// Items of blocks with a discrimination below 0.3, whose outcomes hardly depend on ability: their difficulties say
    /// little.
    pub items_in_flat_blocks: usize,
}
