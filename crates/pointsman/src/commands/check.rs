//! `pointsman check`: what is wrong with the table, and what it says.

use anyhow::Result;
use pointsman_domain::Band;
use pointsman_policy::config::{Diagnostic, Severity};
use pointsman_policy::{Cell, Matrix, Policy, Table};
use serde_json::json;

use super::Outcome;
use crate::cli::Global;
use crate::config::{self, Config};
use crate::model;
use crate::terminal::{ASIDE, ERROR, GOOD, NAME, WARNING, styled};

pub(crate) fn run(global: &Global) -> Result<Outcome> {
    let (config, _) = Config::read(config::find(global.config.as_deref())?);
    let vocabulary = model::card(global, &config)?.vocabulary;
    let (policy, diagnostics) = config.check(&vocabulary);
    let matrices: Vec<Matrix> = policy.iter().flat_map(Policy::tables).map(Table::matrix).collect();
    if global.json {
        let report = json!({
            "file": config.origin(), "ok": policy.is_some(), "diagnostics": diagnostics, "tables": matrices,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&config, &diagnostics, &matrices);
    }
    Ok(if policy.is_some() { Outcome::Done } else { Outcome::No })
}

fn print(config: &Config, diagnostics: &[Diagnostic], matrices: &[Matrix]) {
    for diagnostic in diagnostics {
        let style = if diagnostic.severity == Severity::Error { ERROR } else { WARNING };
        let text = format!("{diagnostic:#}");
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        anstream::println!("{}\n{rest}", styled(style, first));
    }
    for matrix in matrices {
        anstream::println!("{} {}", styled(NAME, &matrix.table), styled(ASIDE, "(dim: the default row)"));
        draw(matrix);
        anstream::println!();
    }
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = if errors > 0 { styled(ERROR, "not usable") } else { styled(GOOD, "ok") };
    anstream::println!("{}: {verdict}, {errors} errors, {warnings} warnings", config.origin());
}

/// A line for each task, a column for each band.
fn draw(matrix: &Matrix) {
    let tasks = matrix.tasks.iter().map(|row| row.task.as_str().len());
    let first = tasks.max().unwrap_or(0);
    let width = matrix
        .tasks
        .iter()
        .flat_map(|row| &row.cells)
        .map(|cell| cell.model.as_str().chars().count())
        .chain(Band::ALL.map(|band| band.as_str().len()))
        .max()
        .unwrap_or(0);
    let bands: Vec<String> = Band::ALL.iter().map(|band| format!("{:width$}", band.as_str())).collect();
    anstream::println!("  {:first$}  {}", "", styled(ASIDE, bands.join("  ")));
    for row in &matrix.tasks {
        let cells: Vec<String> = row.cells.iter().map(|cell| paint(cell, width)).collect();
        anstream::println!("  {:first$}  {}", row.task, cells.join("  "));
    }
    anstream::println!("  {:first$}  {}", "unsure", paint(&matrix.unsure, width));
    anstream::println!("  {:first$}  {}", "default", paint(&matrix.default, width));
}

fn paint(cell: &Cell, width: usize) -> String {
    let text = format!("{:width$}", cell.model.as_str());
    if cell.is_default() { styled(ASIDE, text) } else { text }
}
