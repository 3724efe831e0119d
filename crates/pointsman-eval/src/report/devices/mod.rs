//! A [`DevicesReport`] as files and text.

mod page;
mod plot;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use super::write_files;
use crate::devices::DevicesReport;

pub use page::devices_page;

/// Writes `report.json` and `index.html` into `folder`, which is made if it is not there, and returns their paths.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write_devices(folder: &Path, report: &DevicesReport) -> io::Result<Vec<PathBuf>> {
    let files =
        [("report.json", serde_json::to_string_pretty(report)? + "\n"), ("index.html", devices_page(report))];
    write_files(folder, files)
}
