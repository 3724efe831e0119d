//! A [`RoutingReport`] as files and text.

mod page;
mod plot;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use super::csv::quoted;
use super::write_files;
use crate::outcomes::Item;
use crate::routing::{Answers, RoutingReport};

pub use page::routing_page;

/// The prompts that were routed, one of each in the same order.
#[derive(Debug, Clone, Copy)]
pub struct RoutingRows<'a> {
    /// The prompts.
    pub items: &'a [&'a Item],
    /// What the models made of them.
    pub answers: &'a Answers,
    /// The score by which they were routed.
    pub scores: &'a [f64],
}

/// Writes `report.json`, `items.csv` and `index.html` into `folder`, which is made if it is not there, and returns
/// their paths. Texts of prompts are in none of them.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write_routing(
    folder: &Path,
    report: &RoutingReport,
    rows: &RoutingRows<'_>,
) -> io::Result<Vec<PathBuf>> {
    let files = [
        ("report.json", serde_json::to_string_pretty(report)? + "\n"),
        ("items.csv", items_csv(rows)),
        ("index.html", routing_page(report)),
    ];
    write_files(folder, files)
}

/// One line for each prompt: its score, and quality and cost of every model.
fn items_csv(rows: &RoutingRows<'_>) -> String {
    let models = rows.answers.models();
    let mut header = vec!["id".to_owned(), "source".to_owned(), "task".to_owned(), "score".to_owned()];
    header.extend(models.iter().flat_map(|name| [format!("{name} quality"), format!("{name} cost")]));
    let line = |(i, item): (usize, &&Item)| {
        let mut fields = vec![
            item.id.clone(),
            item.source.clone(),
            item.task.clone().unwrap_or_default(),
            format!("{:.6}", rows.scores[i]),
        ];
        for model in 0..models.len() {
            let spent = rows.answers.get(i, model);
            let cost = rows.answers.has_costs().then(|| spent.cost.to_string());
            fields.extend([spent.quality.to_string(), cost.unwrap_or_default()]);
        }
        fields
    };
    let lines = std::iter::once(header).chain(rows.items.iter().enumerate().map(line));
    let joined =
        |fields: Vec<String>| fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",") + "\n";
    lines.map(joined).collect()
}
