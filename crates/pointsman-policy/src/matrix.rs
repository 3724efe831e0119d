//! What a table says for every task and band, as data and as text.

use std::fmt;

use pointsman_domain::{Band, Group, ModelName, RequestFacts, Rule, Task, TokenCount};
use serde::Serialize;

use crate::decide::fallbacks;
use crate::table::{Choices, Table};
use crate::target::{Target, Weighed};

/// How long the requests are, in tokens, for which a target's costs are compared in a [`Matrix`].
pub const TYPICAL_INPUT: TokenCount = TokenCount(500);

/// Every answer of a table, should all models be able to take the request.
///
/// A target's answers are those for a prompt in the middle of its band and of [`TYPICAL_INPUT`] tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matrix {
    /// The table's name.
    pub table: String,
    /// The wanted chance of success, in mode `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    /// One row for each task of the vocabulary, in its order.
    pub tasks: Vec<MatrixRow>,
    /// What a prompt gets on which the classifier abstained.
    pub unsure: Cell,
    /// What a prompt gets that no other row is for.
    pub default: Cell,
}

/// The answers for one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MatrixRow {
    /// The task.
    pub task: Task,
    /// Its group, if it has one.
    pub group: Option<Group>,
    /// One answer for each band, easiest first.
    pub cells: Vec<Cell>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The band that it is for, if it is for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// The model.
    pub model: ModelName,
    /// What is tried after it, in order.
    pub fallbacks: Vec<ModelName>,
    /// What says so.
    pub rule: Rule,
    /// The model's chance of success, where it was chosen by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<f64>,
}

impl Cell {
    fn new(band: Option<Band>, (rule, choices): (Rule, &Choices)) -> Self {
        let fallbacks = choices.rest().map(|choice| choice.name.clone()).collect();
        Self { band, model: choices.first().name.clone(), fallbacks, rule, success: None }
    }

    /// Whether no row but the default is for this cell.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.rule.0 == "default"
    }
}

impl Table {
    /// The table's answer for every task and band. `ability_sd` is the standard error of the classifier's abilities, on
    /// which a target's chances depend.
    #[must_use]
    pub fn matrix(&self, ability_sd: f32) -> Matrix {
        let row = |task: &Task| MatrixRow {
            task: task.clone(),
            group: self.vocabulary().group_of(task).cloned(),
            cells: Band::ALL.into_iter().map(|band| self.cell(task, band, ability_sd)).collect(),
        };
        Matrix {
            table: self.name().to_owned(),
            quality: self.target().map(Target::quality),
            tasks: self.vocabulary().tasks().map(row).collect(),
            unsure: Cell::new(None, first(self.matching_abstention(), self)),
            default: Cell::new(None, self.default_row()),
        }
    }
}

impl Table {
    fn cell(&self, task: &Task, band: Band, ability_sd: f32) -> Cell {
        let facts = RequestFacts { input_tokens: TYPICAL_INPUT, ..RequestFacts::default() };
        let needed = (band.middle().ability(), ability_sd);
        let prompt = Weighed { facts: &facts, task, group: self.vocabulary().group_of(task), needed };
        let step = self.steps_for(task, band).into_iter().next();
        let decided = step.and_then(|step| {
            let order = step.order(prompt, |_| true);
            let (chosen, rest) = order.choices.split_first()?;
            Some(Cell {
                band: Some(band),
                model: chosen.name.clone(),
                fallbacks: fallbacks(chosen, rest, self.after(&step)),
                rule: step.rule(),
                success: order.candidates.first().map(|best| best.success),
            })
        });
        decided.unwrap_or_else(|| Cell::new(Some(band), self.default_row()))
    }
}

fn first<'a>(rows: Vec<(Rule, &'a Choices)>, table: &'a Table) -> (Rule, &'a Choices) {
    rows.into_iter().next().unwrap_or_else(|| table.default_row())
}

/// A table of text: a line for each task, a column for each band. Answers of the default row are in parentheses; those
/// of a target have the chance of success, with `!` where it stays below the wanted one.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["task"].into_iter().chain(Band::ALL.map(Band::as_str)).map(str::to_owned);
        let mut lines: Vec<Vec<String>> = vec![header.collect()];
        for row in &self.tasks {
            let cells = row.cells.iter().map(|cell| self.text(cell));
            lines.push([row.task.to_string()].into_iter().chain(cells).collect());
        }
        lines.push(vec!["unsure".to_owned(), self.text(&self.unsure)]);
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

impl Matrix {
    fn text(&self, cell: &Cell) -> String {
        let answer = self.answer(cell);
        if cell.is_default() { format!("({answer})") } else { answer }
    }

    /// The model of a cell; of a target's cell with its chance of success, and `!` if that is below the wanted one.
    #[must_use]
    pub fn answer(&self, cell: &Cell) -> String {
        match cell.success {
            None => cell.model.to_string(),
            Some(success) => {
                let below = self.quality.is_some_and(|quality| success < quality);
                format!("{} {success:.2}{}", cell.model, if below { "!" } else { "" })
            }
        }
    }
}
