//! `pointsman check`: what is wrong with the table, and what it says.

use std::collections::BTreeMap;

use anyhow::Result;
use pointsman_domain::Band;
use pointsman_policy::config::{Diagnostic, Severity};
use pointsman_policy::{Cell, Matrix, Policy};
use serde_json::json;

use super::Outcome;
use crate::cli::Global;
use crate::config::{self, Config};
use crate::model;
use crate::terminal::{ASIDE, ERROR, GOOD, NAME, WARNING, styled};
use crate::upstream;

pub(crate) fn run(global: &Global) -> Result<Outcome> {
    let (config, _) = Config::read(config::find(global.config.as_deref())?);
    let card = model::card(global, &config)?;
    let (policy, diagnostics) = config.check(&card.vocabulary);
    #[expect(clippy::cast_possible_truncation, reason = "abilities are f32")]
    let ability_sd = card.calibration.ability.residual_sd as f32;
    let tables = policy.iter().flat_map(Policy::tables);
    let matrices: Vec<Matrix> = tables.map(|table| table.matrix(ability_sd)).collect();
    let missing = missing(&config, policy.as_ref())?;
    if global.json {
        let report = json!({
            "file": config.origin(), "ok": policy.is_some(), "diagnostics": diagnostics, "tables": matrices,
            "cannot_answer": missing,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&config, &diagnostics, &matrices, &missing);
    }
    Ok(if policy.is_some() { Outcome::Done } else { Outcome::No })
}

/// Providers that cannot answer as things are, with the remedy. The file is sound all the same: it may be meant for
/// another machine.
fn missing(config: &Config, policy: Option<&Policy>) -> Result<BTreeMap<String, String>> {
    let Some(policy) = policy else {
        return Ok(BTreeMap::new());
    };
    Ok(upstream::missing(policy, &upstream::client(config, &config.server)?))
}

fn print(
    config: &Config,
    diagnostics: &[Diagnostic],
    matrices: &[Matrix],
    missing: &BTreeMap<String, String>,
) {
    for diagnostic in diagnostics {
        let style = if diagnostic.severity == Severity::Error { ERROR } else { WARNING };
        let text = format!("{diagnostic:#}");
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        anstream::println!("{}\n{rest}", styled(style, first));
    }
    for matrix in matrices {
        anstream::println!("{} {}", styled(NAME, &matrix.table), styled(ASIDE, legend(config, matrix)));
        draw(matrix);
        anstream::println!();
    }
    for (provider, missing) in missing {
        let what = styled(WARNING, format!("models at `{provider}` cannot answer here"));
        anstream::println!("{what}: {missing}");
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
        .map(|cell| matrix.answer(cell).chars().count())
        .chain(Band::ALL.map(|band| band.as_str().len()))
        .max()
        .unwrap_or(0);
    let bands: Vec<String> = Band::ALL.iter().map(|band| format!("{:width$}", band.as_str())).collect();
    anstream::println!("  {:first$}  {}", "", styled(ASIDE, bands.join("  ")));
    for row in &matrix.tasks {
        let cells: Vec<String> = row.cells.iter().map(|cell| paint(matrix, cell, width)).collect();
        anstream::println!("  {:first$}  {}", row.task, cells.join("  "));
    }
    anstream::println!("  {:first$}  {}", "unsure", paint(matrix, &matrix.unsure, width));
    anstream::println!("  {:first$}  {}", "default", paint(matrix, &matrix.default, width));
}

/// What the cells of `matrix` say.
fn legend(config: &Config, matrix: &Matrix) -> String {
    match matrix.quality {
        None => "(mode table; dim: the default row)".to_owned(),
        Some(quality) => format!(
            "(mode target: the cheapest whose chance reaches {quality:.2}, with its chance for a typical prompt, `!` where \
             none does; abilities of {})",
            config.abilities.date
        ),
    }
}

fn paint(matrix: &Matrix, cell: &Cell, width: usize) -> String {
    let text = format!("{:width$}", matrix.answer(cell));
    if cell.is_default() { styled(ASIDE, text) } else { text }
}
