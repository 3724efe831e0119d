//! The outcomes as a sparse matrix of models and items, in an order that does not depend on that of the input.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aliases, RunId};
use crate::outcomes::{Item, Outcome, Outcomes, source_family};

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Response {
    /// Index into [`Block::models`].
    pub(super) model: usize,
    /// 0 to 1.
    pub(super) score: f64,
    /// How many answers the score is the mean of.
    pub(super) trials: u32,
}

/// An item's row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Index into [`Outcomes::items`].
    pub(super) item: usize,
    /// By model; never empty.
    pub(super) responses: Vec<Response>,
}

/// The items of one source and task, which share a prior.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) source: String,
    /// The source's own name of the task; empty where it has none.
    pub(super) task: String,
    /// Index into [`Matrix::families`].
    pub(super) family: usize,
    /// Indices into [`Matrix::models`] of the models that answered any of its items, ascending.
    pub(super) models: Vec<usize>,
    pub(super) rows: Vec<Row>,
}

/// All blocks, by source and task; their rows by id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    /// Canonical names, sorted.
    pub(super) models: Vec<String>,
    /// Sources without their parts, sorted.
    pub(super) families: Vec<String>,
    pub(super) blocks: Vec<Block>,
}

impl Matrix {
    /// The matrix of `outcomes` without the runs in `excluded`. Items that nobody is left to have answered are left out.
    pub(super) fn new(outcomes: &Outcomes, aliases: &Aliases, excluded: &BTreeSet<RunId>) -> Self {
        let mut by_block: BTreeMap<(&str, &str), Vec<(usize, &Item)>> = BTreeMap::new();
        for (index, item) in outcomes.items.iter().enumerate() {
            let key = (item.source.as_str(), item.task.as_deref().unwrap_or(""));
            by_block.entry(key).or_default().push((index, item));
        }
        let mut kept = Vec::new();
        for ((source, task), mut items) in by_block {
            items.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
            let rows: Vec<(usize, BTreeMap<&str, Outcome>)> = items
                .into_iter()
                .map(|(index, item)| (index, answers(item, aliases, excluded)))
                .filter(|(_, answers)| !answers.is_empty())
                .collect();
            if !rows.is_empty() {
                kept.push((source, task, rows));
            }
        }
        let names: BTreeSet<&str> =
            kept.iter().flat_map(|(.., rows)| rows.iter().flat_map(|(_, row)| row.keys().copied())).collect();
        let families: BTreeSet<&str> = kept.iter().map(|(source, ..)| source_family(source)).collect();
        let index_of = |set: &BTreeSet<&str>| -> BTreeMap<String, usize> {
            set.iter().enumerate().map(|(index, name)| ((*name).to_owned(), index)).collect()
        };
        let (models, family_index) = (index_of(&names), index_of(&families));
        Self {
            blocks: kept
                .into_iter()
                .map(|(source, task, rows)| {
                    block(source, task, family_index[source_family(source)], &models, rows)
                })
                .collect(),
            models: models.into_keys().collect(),
            families: family_index.into_keys().collect(),
        }
    }

    /// How many outcomes each model has.
    pub(super) fn responses_by_model(&self) -> Vec<usize> {
        let mut counts = vec![0; self.models.len()];
        for block in &self.blocks {
            for response in block.rows.iter().flat_map(|row| &row.responses) {
                counts[block.models[response.model]] += 1;
            }
        }
        counts
    }

    /// Whether models, families and blocks are the same, so that parameters of one fit the other.
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        let names = |matrix: &Self| -> Vec<(String, String)> {
            matrix.blocks.iter().map(|block| (block.source.clone(), block.task.clone())).collect()
        };
        self.models == other.models && self.families == other.families && names(self) == names(other)
    }

    /// How many items there are.
    pub(super) fn items(&self) -> usize {
        self.blocks.iter().map(|block| block.rows.len()).sum()
    }
}

/// The item's outcomes by canonical name; several spellings of a model on one item are trials.
fn answers<'a>(
    item: &'a Item,
    aliases: &'a Aliases,
    excluded: &BTreeSet<RunId>,
) -> BTreeMap<&'a str, Outcome> {
    let family = item.source_family();
    let mut answers: BTreeMap<&str, Outcome> = BTreeMap::new();
    for (spelling, outcome) in &item.outcomes {
        let model = aliases.canonical(spelling);
        if !excluded.contains(&RunId::new(model, family)) {
            answers.entry(model).and_modify(|known| *known = known.with(*outcome)).or_insert(*outcome);
        }
    }
    answers
}

fn block(
    source: &str,
    task: &str,
    family: usize,
    index_of: &BTreeMap<String, usize>,
    rows: Vec<(usize, BTreeMap<&str, Outcome>)>,
) -> Block {
    let present: BTreeSet<usize> =
        rows.iter().flat_map(|(_, answers)| answers.keys().map(|model| index_of[*model])).collect();
    let models: Vec<usize> = present.into_iter().collect();
    let local: BTreeMap<usize, usize> =
        models.iter().enumerate().map(|(local, model)| (*model, local)).collect();
    let rows = rows
        .into_iter()
        .map(|(item, answers)| Row {
            item,
            responses: answers
                .into_iter()
                .map(|(model, outcome)| Response {
                    model: local[&index_of[model]],
                    score: outcome.score,
                    trials: outcome.trials,
                })
                .collect(),
        })
        .collect();
    Block { source: source.to_owned(), task: task.to_owned(), family, models, rows }
}
