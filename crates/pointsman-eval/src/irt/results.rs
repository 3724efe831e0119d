//! From the last round of a fit to what is told of it.

use std::collections::BTreeMap;

use pointsman_domain::{Ability, Difficulty, Task};

use super::fit::{BrokenRun, Options, Round};
use super::fitted::{BlockFit, Fit, ItemFit, LabelEstimate, LabelFit, ModelFit, SourceFit, Summary};
use super::label_abilities::{LabelAbilities, label_abilities, labels_of_blocks};
use super::links::{Link, components, links};
use super::matrix::Block;
use super::parameters::mean_and_sd;
use super::quadrature::{ItemPosterior, sigmoid};
use crate::outcomes::Outcomes;

/// Difficulties beyond this, where the published scale ends, are written as this.
const END_OF_SCALE: f64 = 8.0;

/// Median discrimination below which outcomes of a block hardly depend on ability.
const FLAT: f64 = 0.3;

fn bounded(b: f64) -> f64 {
    b.clamp(-END_OF_SCALE, END_OF_SCALE)
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
        models: models(options, round, &theta_errors, &[of_labels, of_groups]),
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

fn models(options: &Options, round: &Round, errors: &[f64], labels: &[LabelAbilities; 2]) -> Vec<ModelFit> {
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
                component: scale.component_of_block[index],
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
