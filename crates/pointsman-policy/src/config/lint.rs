//! Tables that can be used but do not say what was meant: rows that nothing reaches, cells that nothing is said about.

use std::collections::BTreeSet;
use std::ops::Range;

use pointsman_domain::Band;

use super::resolve::Places;
use super::{Diagnostics, Severity};
use crate::matrix::{Matrix, MatrixRow};
use crate::selector::Selector;
use crate::table::Table;

/// Checks a table that has no errors.
pub(super) fn check(table: &Table, places: &Places, diagnostics: &mut Diagnostics) {
    let matrix = table.matrix(0.0);
    let place = |rule: &str| places.rows.get(rule).cloned().unwrap_or_default();
    let key = |rule: &str| format!("{}.{rule}", places.section);
    for selector in table.rows().keys() {
        let winners = winners(&matrix, selector, table);
        let rule = selector.to_string();
        if winners.contains(rule.as_str()) {
            continue;
        }
        let verb = if winners.len() == 1 { "comes" } else { "come" };
        let winners: Vec<String> = winners.iter().map(|winner| format!("`{winner}`")).collect();
        let message = format!("row `{rule}` is never reached: {} {verb} first", winners.join(", "));
        diagnostics
            .warning(place(&rule), key(&rule), message)
            .help("remove it, unless it is there for requests that none of those models can take");
    }
    match table.target() {
        Some(target) => {
            check_target(&matrix, &target.rule().0, place("default"), key("default"), diagnostics);
        }
        None => check_default(&matrix, place("default"), key("default"), diagnostics),
    }
}

fn check_target(
    matrix: &Matrix,
    rule: &str,
    place: Range<usize>,
    key: String,
    diagnostics: &mut Diagnostics,
) {
    if !matrix.tasks.iter().flat_map(|row| &row.cells).any(|cell| cell.rule.0 == rule) {
        let message =
            format!("mode `target` decides nothing in table `{}`: rows are for every label", matrix.table);
        diagnostics
            .warning(place, key, message)
            .help("remove the rows for which the chance of success should decide: a row comes before it");
    }
}

/// The rows that decide where `selector` could.
fn winners<'m>(matrix: &'m Matrix, selector: &Selector, table: &Table) -> BTreeSet<&'m str> {
    let cells = matrix.tasks.iter().flat_map(|row| row.cells.iter().map(move |cell| (&row.task, cell)));
    cells
        .filter(|(task, cell)| cell.band.is_some_and(|band| selector.meets(task, band, table.vocabulary())))
        .map(|(_, cell)| cell.rule.0.as_str())
        .collect()
}

fn check_default(matrix: &Matrix, place: Range<usize>, key: String, diagnostics: &mut Diagnostics) {
    let cells = matrix.tasks.len() * Band::ALL.len();
    let fallen = matrix.tasks.iter().flat_map(|row| &row.cells).filter(|cell| cell.is_default()).count();
    if fallen > 0 {
        let list = fallen_cells(&matrix.tasks);
        diagnostics
            .warning(place, key, format!("{fallen} of {cells} cells fall to `default`: {list}"))
            .help("add a row for what should not go there");
    } else if !matrix.unsure.is_default() {
        let message = "row `default` is never the first choice: other rows are for every label";
        diagnostics
            .push(Severity::Note, place, key, message)
            .help("keep it: it is asked when no model of the other rows can take a request");
    }
}

/// Tasks with the bands that fall to the default, those with the same bands together, in the vocabulary's order:
/// "talk, closed_qa; math (easy, medium)".
fn fallen_cells(rows: &[MatrixRow]) -> String {
    let mut by_bands: Vec<(Vec<Band>, Vec<&MatrixRow>)> = Vec::new();
    for row in rows {
        let bands: Vec<Band> =
            row.cells.iter().filter(|cell| cell.is_default()).filter_map(|cell| cell.band).collect();
        match by_bands.iter_mut().find(|(same, _)| *same == bands) {
            _ if bands.is_empty() => {}
            Some((_, tasks)) => tasks.push(row),
            None => by_bands.push((bands, vec![row])),
        }
    }
    let text = |(bands, tasks): &(Vec<Band>, Vec<&MatrixRow>)| {
        let names = names(tasks, rows).join(", ");
        if bands.len() == Band::ALL.len() {
            return names;
        }
        let bands: Vec<&str> = bands.iter().map(|band| band.as_str()).collect();
        format!("{names} ({})", bands.join(", "))
    };
    by_bands.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// The names of `tasks`; of a group that is there with all its tasks of `all`, the group's.
fn names<'m>(tasks: &[&'m MatrixRow], all: &'m [MatrixRow]) -> Vec<&'m str> {
    if tasks.len() == all.len() {
        return vec!["every task"];
    }
    let mut names = Vec::new();
    for row in tasks {
        let members =
            |rows: &mut dyn Iterator<Item = &MatrixRow>| rows.filter(|r| r.group == row.group).count();
        let whole = members(&mut tasks.iter().copied()) == members(&mut all.iter());
        let name = match &row.group {
            Some(group) if whole => group.as_str(),
            _ => row.task.as_str(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
