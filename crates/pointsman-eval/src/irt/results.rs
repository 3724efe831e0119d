//! What a fit says, as types that are written to files.

use std::collections::BTreeMap;

use pointsman_domain::{Ability, Difficulty, Task};
use serde::{Deserialize, Serialize};

use super::fit::{BrokenRun, Options, Round};
use super::label_abilities::{LabelAbilities, label_abilities, labels_of_blocks};
use super::links::{Component, Link, components, links};
use super::matrix::Block;
use super::parameters::mean_and_sd;
use super::quadrature::{ItemPosterior, sigmoid};
use super::runs::{Run, RunId};
use super::solve::Convergence;
use crate::outcomes::Outcomes;

/// Difficulties beyond this, where the published scale ends, are written as this.
const END_OF_SCALE: f64 = 8.0;

/// Median discrimination below which outcomes of a block hardly depend on ability.
const FLAT: f64 = 0.3;

fn bounded(b: f64) -> f64 {
    b.clamp(-END_OF_SCALE, END_OF_SCALE)
}

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
    pub b: f64,
    /// Posterior standard deviation of it.
    pub b_se: f64,
    /// Discrimination: `e` to the posterior mean of its logarithm.
    pub a: f64,
    /// Models that answered it.
    pub models: usize,
    /// Share of these that failed, each model counting once.
    pub fail_rate: f64,
    /// Share of the reference pool that would fail: mean of `σ(a (b − θ))` over the pool.
    pub pool_fail_rate: f64,
    /// The difficulty that `b` stands for on the published scale, which takes the discrimination to be 1.
    pub difficulty: f64,
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

/// Puts together what a round found.
pub(super) fn results(outcomes: &Outcomes, options: &Options, round: &Round, broken: Vec<BrokenRun>) -> Fit {
    let Round { matrix, scale, solution, .. } = round;
    let labels = labels_of_blocks(matrix, &options.tasks);
    let (of_labels, between_labels) = label_abilities(&round.theta, &round.answers, &labels, 0);
    let (of_groups, between_groups) = label_abilities(&round.theta, &round.answers, &labels, 1);
    let theta_errors = solution.information.theta_errors(&solution.parameters.theta, scale);
    let alpha_errors = solution.information.alpha_errors(matrix);
    let items = items(outcomes, round);
    let blocks = blocks(round, &labels, &alpha_errors);
    let links = links(matrix);
    Fit {
        models: models(options, round, &theta_errors, [of_labels, of_groups]),
        sources: sources(round, &links),
        labels: label_fits(round, &labels),
        runs: round.runs.clone(),
        broken,
        excluded: options.exclude.iter().cloned().collect(),
        components: components(matrix, scale),
        links,
        summary: summary(round, (&items, &blocks), (between_groups, between_labels)),
        convergence: solution.convergence,
        blocks,
        items,
    }
}

fn models(options: &Options, round: &Round, errors: &[f64], labels: [LabelAbilities; 2]) -> Vec<ModelFit> {
    let Round { matrix, scale, .. } = round;
    let counts = matrix.responses_by_model();
    let model = |(index, name): (usize, &String)| ModelFit {
        name: name.clone(),
        aliases: options.aliases.spellings(name).into_iter().map(str::to_owned).collect(),
        mode_of: options.aliases.mode_of(name).map(str::to_owned),
        ability: round.theta[index],
        se: errors[index],
        items: counts[index],
        in_pool: scale.pools[scale.component_of_model[index]].contains(&index),
        component: scale.component_of_model[index],
        labels: labels
            .iter()
            .flat_map(|level| &level[index])
            .map(|(label, own)| {
                (label.clone(), LabelEstimate { ability: own.theta, se: own.se, items: own.items })
            })
            .collect(),
    };
    matrix.models.iter().enumerate().map(model).collect()
}

fn items(outcomes: &Outcomes, round: &Round) -> Vec<ItemFit> {
    let Round { matrix, scale, solution, .. } = round;
    let mut items = Vec::with_capacity(matrix.items());
    for (index, (block, of_block)) in matrix.blocks.iter().zip(&solution.posteriors).enumerate() {
        let pool = &scale.pools[scale.component_of_block[index]];
        for (row, ItemPosterior { b, ln_a, .. }) in block.rows.iter().zip(&of_block.items) {
            let (item, a) = (&outcomes.items[row.item], ln_a.0.exp());
            let count = row.responses.len() as f64;
            let fails = pool.iter().map(|model| sigmoid(a * (b.0 - round.theta[*model])));
            items.push(ItemFit {
                source: item.source.clone(),
                id: item.id.clone(),
                task: item.task.clone(),
                b: bounded(b.0),
                b_se: b.1,
                a,
                models: row.responses.len(),
                fail_rate: 1.0 - row.responses.iter().map(|response| response.score).sum::<f64>() / count,
                pool_fail_rate: fails.sum::<f64>() / pool.len() as f64,
                difficulty: published_difficulty(b.0),
            });
        }
    }
    items
}

#[expect(clippy::cast_possible_truncation, reason = "the published scale is f32")]
fn published_difficulty(b: f64) -> f64 {
    f64::from(Difficulty::from_ability(Ability(b as f32)).value())
}

fn blocks(round: &Round, labels: &[[Option<Task>; 2]], errors: &[f64]) -> Vec<BlockFit> {
    let Round { matrix, scale, solution, .. } = round;
    let block = |(index, block): (usize, &Block)| BlockFit {
        source: block.source.clone(),
        task: block.task.clone(),
        label: labels[index][0].clone(),
        items: block.rows.len(),
        models: block.models.len(),
        b: mean_and_sd(solution.posteriors[index].items.iter().map(|item| bounded(item.b.0))),
        a: solution.parameters.blocks[index].alpha.exp() * scale.unit(block.models[0]),
        ln_a_se: errors[index],
    };
    matrix.blocks.iter().enumerate().map(block).collect()
}

fn sources(round: &Round, links: &[Link]) -> Vec<SourceFit> {
    let Round { matrix, solution, .. } = round;
    let source = |(family, name): (usize, &String)| {
        let own = || {
            matrix.blocks.iter().zip(&solution.posteriors).filter(move |(block, _)| block.family == family)
        };
        let items = || own().flat_map(|(_, posterior)| &posterior.items);
        let (ln_a, _) = mean_and_sd(items().map(|item| item.ln_a.0));
        let all = links.iter().find(|link| link.first == *name && link.second == *name);
        let mut linking: Vec<&String> = links
            .iter()
            .filter(|link| link.first != link.second && (link.first == *name || link.second == *name))
            .flat_map(|link| &link.models)
            .collect();
        linking.sort();
        linking.dedup();
        SourceFit {
            source: name.clone(),
            items: items().count(),
            models: all.map_or(0, |link| link.models.len()),
            outcomes: own().flat_map(|(block, _)| &block.rows).map(|row| row.responses.len()).sum(),
            a: ln_a.exp(),
            ln_a_sd: solution.parameters.families[family].spread,
            b: mean_and_sd(items().map(|item| bounded(item.b.0))),
            linking_models: linking.len(),
            link_se: (!linking.is_empty()).then(|| round.usual_sd / (linking.len() as f64).sqrt()),
        }
    };
    matrix.families.iter().enumerate().map(source).collect()
}

fn label_fits(round: &Round, labels: &[[Option<Task>; 2]]) -> BTreeMap<Task, LabelFit> {
    let mut sums: BTreeMap<Task, (f64, usize)> = BTreeMap::new();
    for (items, labels) in round.solution.posteriors.iter().zip(labels) {
        for label in labels.iter().flatten() {
            let (sum, count) = sums.entry(label.clone()).or_default();
            *sum += items.items.iter().map(|item| item.ln_a.0).sum::<f64>();
            *count += items.items.len();
        }
    }
    let fit = |(sum, items): (f64, usize)| LabelFit { a: (sum / items as f64).exp(), items };
    sums.into_iter().map(|(label, sums)| (label, fit(sums))).collect()
}

fn summary(
    round: &Round,
    (items, blocks): (&[ItemFit], &[BlockFit]),
    (between_groups, between_labels): (f64, f64),
) -> Summary {
    let Round { matrix, scale, .. } = round;
    let ln_a = items.iter().map(|item| item.a.ln()).sum::<f64>() / items.len().max(1) as f64;
    Summary {
        items: items.len(),
        models: matrix.models.len(),
        pool: scale.pools[0].len(),
        outcomes: matrix.responses_by_model().iter().sum(),
        a: ln_a.exp(),
        trial_correlation: round.trials.0,
        between_sources: round.usual_sd,
        between_groups,
        between_labels,
        all_right: items.iter().filter(|item| item.fail_rate <= 0.0).count(),
        all_wrong: items.iter().filter(|item| item.fail_rate >= 1.0).count(),
        items_at_bounds: items.iter().filter(|item| item.b.abs() >= END_OF_SCALE).count(),
        items_in_flat_blocks: blocks.iter().filter(|block| block.a < FLAT).map(|block| block.items).sum(),
        models_at_bounds: round.theta.iter().filter(|theta| theta.abs() > 4.0).count(),
    }
}
