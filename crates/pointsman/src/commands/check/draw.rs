//! The matrix of a table, a colour for each model.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use pointsman_domain::{Band, ModelName};
use pointsman_policy::{Cell, Matrix, Policy, Price};

use crate::config::Config;
use crate::terminal::{ASIDE, NAME, styled};

/// Colours from the cheapest model to the dearest; they begin again where there are more models.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Green,
    AnsiColor::Cyan,
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Red,
];

/// The colour of each model.
#[derive(Debug, Default)]
pub(super) struct Palette(BTreeMap<ModelName, Style>);

impl Palette {
    /// Colours of the models of `policy`, by their price; those without a price come last.
    pub(super) fn of(policy: Option<&Policy>) -> Self {
        let cost = |price: Option<Price>| price.map_or(f64::INFINITY, |price| price.input.0 + price.output.0);
        let mut models: Vec<_> = policy
            .iter()
            .flat_map(|policy| policy.models())
            .map(|(name, model)| (cost(model.price), name))
            .collect();
        models.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        let colours = COLOURS.iter().cycle();
        Self(
            models
                .into_iter()
                .zip(colours)
                .map(|((_, name), colour)| (name.clone(), colour.on_default()))
                .collect(),
        )
    }

    /// The colour of a model.
    pub(super) fn style(&self, model: &ModelName) -> Style {
        self.0.get(model).copied().unwrap_or_default()
    }
}

/// Prints a line for each task, a column for each band. Cells that no row but the default is for are dim and in
/// parentheses.
pub(super) fn table(config: &Config, matrix: &Matrix, palette: &Palette) {
    anstream::println!("{} {}", styled(NAME, &matrix.table), styled(ASIDE, legend(config, matrix)));
    let first = matrix.tasks.iter().map(|row| row.task.as_str().len()).max().unwrap_or(0);
    let ends = [("unsure", &matrix.unsure), ("default", &matrix.default)];
    let cells = matrix.tasks.iter().flat_map(|row| &row.cells).chain(ends.map(|(_, cell)| cell));
    let headings = Band::ALL.map(|band| band.as_str().len());
    let width = cells.map(|cell| text(matrix, cell).chars().count()).chain(headings).max().unwrap_or(0);
    let bands: Vec<String> = Band::ALL.iter().map(|band| format!("{:width$}", band.as_str())).collect();
    anstream::println!("  {:first$}  {}", "", styled(ASIDE, bands.join("  ").trim_end()));
    for row in &matrix.tasks {
        line(row.task.as_str(), first, &row.cells.iter().collect::<Vec<_>>(), matrix, width, palette);
    }
    for (name, cell) in ends {
        line(name, first, &[cell], matrix, width, palette);
    }
    anstream::println!();
}

fn line(name: &str, first: usize, cells: &[&Cell], matrix: &Matrix, width: usize, palette: &Palette) {
    let last = cells.len() - 1;
    let painted = cells.iter().enumerate().map(|(place, cell)| {
        let text = text(matrix, cell);
        let padding = if place == last { 0 } else { width - text.chars().count() };
        let style = palette.style(&cell.model);
        let style = if cell.is_default() { style.dimmed() } else { style };
        format!("{}{:padding$}", styled(style, text), "")
    });
    anstream::println!("  {name:first$}  {}", painted.collect::<Vec<_>>().join("  "));
}

fn text(matrix: &Matrix, cell: &Cell) -> String {
    let answer = matrix.answer(cell);
    if cell.is_default() { format!("({answer})") } else { answer }
}

/// What the cells of `matrix` say.
fn legend(config: &Config, matrix: &Matrix) -> String {
    match matrix.quality {
        None => "(mode table; in parentheses: no row but `default` is for it)".to_owned(),
        Some(quality) => format!(
            "(mode target: the cheapest whose chance reaches {quality:.2}, with its chance for a typical prompt, `!` where \
             none does; abilities of {})",
            config.abilities.date
        ),
    }
}
