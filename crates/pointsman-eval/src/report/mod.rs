//! Reports as files and text: JSON for programs, CSV for each item, one HTML page and a screenful for people.

mod audit;
mod csv;
mod devices;
mod difficulty;
mod fit;
mod html;
mod plot;
mod routing;
mod text;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pointsman_domain::Labels;

use crate::dataset::Item;
use crate::tasks::TaskReport;

pub use audit::{audit_markdown, audit_page};
pub use csv::items_csv;
pub use devices::{devices_page, write_devices};
pub use difficulty::{DifficultyRows, difficulty_page, write_difficulty};
pub use fit::{FitProvenance, FitReport, fit_page, write_fit};
pub use html::page;
pub use routing::{RoutingRows, routing_page, write_routing};

/// Writes `report.json`, `items.csv` and `index.html` into `folder`, which is made if it is not there, and returns
/// their paths.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write(
    folder: &Path,
    report: &TaskReport,
    items: &[Item],
    labels: &[Labels],
) -> io::Result<Vec<PathBuf>> {
    let files = [
        ("report.json", serde_json::to_string_pretty(report)? + "\n"),
        ("items.csv", items_csv(items, labels)),
        ("index.html", page(report)),
    ];
    write_files(folder, files)
}

/// Writes files into `folder`, which is made if it is not there, and returns their paths.
fn write_files<const N: usize>(folder: &Path, files: [(&str, String); N]) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    files
        .into_iter()
        .map(|(name, content)| {
            let path = folder.join(name);
            fs::write(&path, content).map(|()| path)
        })
        .collect()
}
