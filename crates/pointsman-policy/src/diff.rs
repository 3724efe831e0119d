//! What another file would answer otherwise, cell by cell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pointsman_domain::{ModelId, ModelName, Rule};
use serde::Serialize;

use crate::matrix::{Cell, Matrix};
use crate::model::{Model, Price};
use crate::policy::Policy;
use crate::table::Table;

/// How two policies differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyDiff {
    /// Models that are there on one side only or are not the same, by name.
    pub models: Vec<ModelDiff>,
    /// Tables that are there on one side only or are not the same: `auto` first, then by name.
    pub tables: Vec<TableDiff>,
}

/// A model that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelDiff {
    /// The user's name for it.
    pub name: ModelName,
    /// What it was, if it was there.
    pub from: Option<Model>,
    /// What it is, if it is there.
    pub to: Option<Model>,
}

/// A table that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableDiff {
    /// The name that requests select it by.
    pub table: String,
    /// On which sides it is.
    pub presence: Presence,
    /// The wanted chance of success before and after, where the two differ; nothing in mode `table`.
    pub quality: Option<(Option<f64>, Option<f64>)>,
    /// Cells whose models are not the same, in the order of the matrix.
    pub cells: Vec<CellDiff>,
}

/// On which sides a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// On both.
    Both,
    /// On the second alone.
    Added,
    /// On the first alone.
    Removed,
}

/// A cell whose models are not the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellDiff {
    /// `task.band`, `unsure` or `default`.
    pub cell: String,
    /// What it said, if it was there.
    pub from: Option<CellSide>,
    /// What it says, if it is there.
    pub to: Option<CellSide>,
}

/// What one side says in a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellSide {
    /// The model, then what is tried after it, with their places.
    pub models: Vec<(ModelName, Option<ModelId>)>,
    /// What says so.
    pub rule: Rule,
}

impl PolicyDiff {
    /// How `to` differs from `from`. `ability_sd` is the standard error of the classifier's abilities on either side, on
    /// which a target's chances depend.
    #[must_use]
    pub fn between(from: (&Policy, f32), to: (&Policy, f32)) -> Self {
        let names: BTreeSet<&ModelName> = from.0.models().keys().chain(to.0.models().keys()).collect();
        let models = names.into_iter().filter_map(|name| {
            let (before, after) = (from.0.models().get(name), to.0.models().get(name));
            (!same_model(before, after)).then(|| ModelDiff {
                name: name.clone(),
                from: before.cloned(),
                to: after.cloned(),
            })
        });
        let mut tables: Vec<&str> = from.0.tables().chain(to.0.tables()).map(Table::name).collect();
        tables.sort_by_key(|name| (*name != Table::AUTO, *name));
        tables.dedup();
        let tables = tables.into_iter().filter_map(|name| table_diff(name, from, to));
        Self { models: models.collect(), tables: tables.collect() }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.tables.is_empty()
    }
}

/// Where a price comes from, and how able a model is, make it no other one: what tables choose by is compared with them.
fn same_model(a: Option<&Model>, b: Option<&Model>) -> bool {
    let plain =
        |model: &Model| Model { price_origin: crate::Origin::File, known_ability: None, ..model.clone() };
    a.map(plain) == b.map(plain)
}

fn table_diff(name: &str, from: (&Policy, f32), to: (&Policy, f32)) -> Option<TableDiff> {
    let (before, after) = (from.0.table(name), to.0.table(name));
    if before.map(Table::hash) == after.map(Table::hash) {
        return None;
    }
    let quality = |table: Option<&Table>| table.and_then(Table::target).map(crate::Target::quality);
    let qualities = (quality(before), quality(after));
    let (from, to) = (cells(before, from.1), cells(after, to.1));
    let mut order: Vec<&String> = from.iter().map(|(cell, _)| cell).collect();
    order.extend(to.iter().map(|(cell, _)| cell).filter(|cell| !from.iter().any(|(own, _)| own == *cell)));
    let side = |cells: &[(String, CellSide)], wanted: &str| {
        cells.iter().find(|(cell, _)| cell == wanted).map(|(_, side)| side.clone())
    };
    let cells = order.into_iter().filter_map(|cell| {
        let (from, to) = (side(&from, cell), side(&to, cell));
        let models = |side: &Option<CellSide>| side.as_ref().map(|side| side.models.clone());
        (models(&from) != models(&to)).then(|| CellDiff { cell: cell.clone(), from, to })
    });
    let presence = match (before, after) {
        (None, _) => Presence::Added,
        (_, None) => Presence::Removed,
        _ => Presence::Both,
    };
    let quality = (qualities.0 != qualities.1).then_some(qualities);
    Some(TableDiff { table: name.to_owned(), presence, quality, cells: cells.collect() })
}

/// All cells of a table with their names, in the order of the matrix.
fn cells(table: Option<&Table>, ability_sd: f32) -> Vec<(String, CellSide)> {
    let Some(table) = table else { return Vec::new() };
    let places: BTreeMap<&ModelName, &Model> = table.models();
    let side = |cell: &Cell| {
        let names = std::iter::once(&cell.model).chain(&cell.fallbacks);
        let place = |name: &ModelName| places.get(name).map(|model| model.target.clone());
        CellSide { models: names.map(|name| (name.clone(), place(name))).collect(), rule: cell.rule.clone() }
    };
    let Matrix { tasks, unsure, default, .. } = table.matrix(ability_sd);
    let banded = tasks.iter().flat_map(|row| {
        let named = |cell: &Cell| Some((format!("{}.{}", row.task, cell.band?), side(cell)));
        row.cells.iter().filter_map(named).collect::<Vec<_>>()
    });
    let ends = [("unsure".to_owned(), side(&unsure)), ("default".to_owned(), side(&default))];
    banded.chain(ends).collect()
}

/// Models first, a line each; then tables with a line for each cell, but for those that are on one side alone.
impl fmt::Display for PolicyDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no cell and no model differs\n");
        }
        if !self.models.is_empty() {
            writeln!(f, "models")?;
        }
        for ModelDiff { name, from, to } in &self.models {
            writeln!(f, "  {name}: {} → {}", described(from.as_ref()), described(to.as_ref()))?;
        }
        for table in &self.tables {
            write!(f, "{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TableDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, presence, quality, cells } = self;
        let presence = match presence {
            Presence::Both => "",
            Presence::Added => " is new",
            Presence::Removed => " is gone",
        };
        writeln!(f, "table {table}{presence}")?;
        if !presence.is_empty() {
            return Ok(());
        }
        if let Some((before, after)) = quality {
            let mode = |quality: &Option<f64>| {
                quality.map_or_else(|| "mode table".to_owned(), |quality| format!("target {quality}"))
            };
            writeln!(f, "  {} → {}", mode(before), mode(after))?;
        }
        let width = cells.iter().map(|cell| cell.cell.len()).max().unwrap_or(0);
        for CellDiff { cell, from, to } in cells {
            writeln!(f, "  {cell:width$}  {} → {}", answered(from.as_ref()), answered(to.as_ref()))?;
        }
        if cells.is_empty() && quality.is_none() {
            writeln!(
                f,
                "  every cell has the same models; prices, limits, abilities or rows that no cell shows differ"
            )?;
        }
        Ok(())
    }
}

fn answered(side: Option<&CellSide>) -> String {
    let Some(CellSide { models, rule }) = side else { return "nothing".to_owned() };
    let names: Vec<&str> = models.iter().map(|(name, _)| name.as_str()).collect();
    format!("{} by `{rule}`", names.join(", "))
}

fn described(model: Option<&Model>) -> String {
    let Some(model) = model else { return "nothing".to_owned() };
    let mut text = model.target.to_string();
    if let Some(Price { input, output, .. }) = model.price {
        text += &format!(", ${} in, ${} out", input.0, output.0);
    }
    if let Some(context) = model.context {
        text += &format!(", context {context}");
    }
    text
}
