//! A [`DifficultyReport`] as files and text.

mod page;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use super::csv::quoted;
use super::write_files;
use crate::difficulty::{DifficultyReport, Rated};

pub use page::difficulty_page;

/// The prompts that were rated, with their ids, one of each in the same order.
#[derive(Debug, Clone, Copy)]
pub struct DifficultyRows<'a> {
    /// Ids of the prompts.
    pub ids: &'a [&'a str],
    /// What was predicted and what is true.
    pub prompts: &'a [Rated<'a>],
}

/// Writes `report.json`, `items.csv` and `index.html` into `folder`, which is made if it is not there, and returns
/// their paths. Texts of prompts are in none of them.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write_difficulty(
    folder: &Path,
    report: &DifficultyReport,
    rows: &DifficultyRows<'_>,
) -> io::Result<Vec<PathBuf>> {
    let files = [
        ("report.json", serde_json::to_string_pretty(report)? + "\n"),
        ("items.csv", items_csv(rows)),
        ("index.html", difficulty_page(report)),
    ];
    write_files(folder, files)
}

fn items_csv(rows: &DifficultyRows<'_>) -> String {
    let line = |(id, prompt): (&&str, &Rated<'_>)| {
        let fields = [quoted(id), quoted(prompt.source), quoted(prompt.own_task.unwrap_or_default())];
        format!("{},{},{:.4},{:.4}\n", fields.join(","), prompt.length, prompt.predicted.0, prompt.truth)
    };
    let lines = rows.ids.iter().zip(rows.prompts).map(line);
    std::iter::once("id,source,task,chars,predicted_ability,share_that_fails\n".to_owned())
        .chain(lines)
        .collect()
}
