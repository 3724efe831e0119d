//! What a table says for every task and band, as data and as text.

use std::fmt;

use pointsman_domain::{Band, Group, ModelName, Rule, Task};
use serde::Serialize;

use crate::table::{Choices, Table};

/// Every answer of a table, should all models be able to take the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The table's name.
    pub table: String,
    /// One row for each task of the vocabulary, in its order.
    pub tasks: Vec<MatrixRow>,
    /// What a prompt gets on which the classifier abstained.
    pub unsure: Cell,
    /// What a prompt gets that no other row is for.
    pub default: Cell,
}

/// The answers for one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    /// The task.
    pub task: Task,
    /// Its group, if it has one.
    pub group: Option<Group>,
    /// One answer for each band, easiest first.
    pub cells: Vec<Cell>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The band that it is for, if it is for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// The model.
    pub model: ModelName,
    /// What is tried after it, in order.
    pub fallbacks: Vec<ModelName>,
    /// The row that says so.
    pub rule: Rule,
}

impl Cell {
    fn new(band: Option<Band>, (rule, choices): (Rule, &Choices)) -> Self {
        let fallbacks = choices.rest().map(|choice| choice.name.clone()).collect();
        Self { band, model: choices.first().name.clone(), fallbacks, rule }
    }

    /// Whether no row but the default is for this cell.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.rule.0 == "default"
    }
}

impl Table {
    /// The table's answer for every task and band.
    #[must_use]
    pub fn matrix(&self) -> Matrix {
        let row = |task: &Task| MatrixRow {
            task: task.clone(),
            group: self.vocabulary().group_of(task).cloned(),
            cells: Band::ALL
                .into_iter()
                .map(|band| Cell::new(Some(band), first(self.matching(task, band), self)))
                .collect(),
        };
        Matrix {
            table: self.name().to_owned(),
            tasks: self.vocabulary().tasks().map(row).collect(),
            unsure: Cell::new(None, first(self.matching_abstention(), self)),
            default: Cell::new(None, self.default_row()),
        }
    }
}

fn first<'a>(rows: Vec<(Rule, &'a Choices)>, table: &'a Table) -> (Rule, &'a Choices) {
    rows.into_iter().next().unwrap_or_else(|| table.default_row())
}

/// A table of text: a line for each task, a column for each band; answers of the default row in parentheses.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["task"].into_iter().chain(Band::ALL.map(Band::as_str)).map(str::to_owned);
        let mut lines: Vec<Vec<String>> = vec![header.collect()];
        for row in &self.tasks {
            lines.push([row.task.to_string()].into_iter().chain(row.cells.iter().map(text)).collect());
        }
        lines.push(vec!["unsure".to_owned(), text(&self.unsure)]);
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=Band::ALL.len()).map(width).collect();
        for line in &lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn text(cell: &Cell) -> String {
    if cell.is_default() { format!("({})", cell.model) } else { cell.model.to_string() }
}
