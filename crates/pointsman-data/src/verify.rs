//! Checking what is there: hashes, counts, labels that find their text, prompts that must not be trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pointsman_classifier::Hub;
use serde::Deserialize;
use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::error::DataError;
use crate::fetch::there;
use crate::fingerprint::{Fingerprint, Listed};
use crate::lock::{LOCK_FILE, Lock};
use crate::manifest::{PublishedFile, Source};
use crate::rows::{self, DataRow};

/// Names that a message gives at most.
const EXAMPLES: usize = 3;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// What was found in order, a line each.
    pub checked: Vec<String>,
    /// What rests on the first download, for lack of a hash in the manifest, a line each.
    pub trusted: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The source, file or list at fault.
    pub place: String,
    /// What is wrong with it and what to do.
    pub message: String,
}

/// A label by source and id.
#[derive(Deserialize)]
struct LabelRow {
    source: String,
    id: String,
}

/// Rows in the data folder by source and id.
type Present = BTreeMap<String, BTreeMap<String, String>>;

/// Checks everything in the folder `data`, files of its sources in the cache of `hub`, and the prompts and lists of the catalogue.
/// Nothing is downloaded.
///
/// # Errors
/// When a file cannot be read; what is merely wrong is a [`Problem`].
pub fn verify(catalogue: &Catalogue, data: &Path, hub: &Hub<'_>) -> Result<Verification, DataError> {
    let mut verification = Verification::default();
    verification.extracts(catalogue, data)?;
    let lock = Lock::read(data)?;
    for source in catalogue.sources() {
        verification.published(source, data, hub, &lock)?;
        verification.fetched(catalogue, source, data, &lock)?;
    }
    let present = verification.present(data)?;
    for source in catalogue.sources() {
        let rows = present.get(&source.name);
        verification.labels(&catalogue.labels(&source.name), source, rows)?;
        if let Some(rows) = rows {
            verification.listed(&catalogue.fingerprints(&source.name), source, rows)?;
        }
    }
    verification.kept_out(catalogue, &present)?;
    Ok(verification)
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), message: message.into() });
    }

    fn extracts(&mut self, catalogue: &Catalogue, data: &Path) -> Result<(), DataError> {
        for extract in catalogue.extracts() {
            let path = data.join(&extract.path);
            if !path.exists() {
                continue;
            }
            let (found, _) = rows::hash(&path)?;
            if found == extract.sha256 {
                self.checked.push(format!("{}: the extract that models were trained on", extract.path));
            } else {
                let message = format!(
                    "has the SHA-256 {found}; the extract that models were trained on has {}",
                    extract.sha256
                );
                self.problem(&extract.path, message);
            }
        }
        Ok(())
    }

    /// The source's published files against the hashes of manifest and lock.
    fn published(
        &mut self,
        source: &Source,
        data: &Path,
        hub: &Hub<'_>,
        lock: &Lock,
    ) -> Result<(), DataError> {
        let mut trusted: Vec<&PublishedFile> = Vec::new();
        for (i, file) in source.files.iter().enumerate() {
            let locked = lock.files.get(&file.place.to_string()).map(|file| &file.sha256);
            if file.sha256.is_none() && locked.is_some() {
                trusted.push(file);
            }
            let Some(path) = there(data, hub, source, i) else { continue };
            let Some(expected) = file.sha256.as_ref().or(locked) else {
                // What lies in the Hub's cache, or has just arrived, is no part of this folder before its rows are.
                if lock.sources.contains_key(&source.name) {
                    let message = format!(
                        "{} has a hash that neither the manifest nor {LOCK_FILE} states; fetch it again",
                        path.display()
                    );
                    self.problem(&source.name, message);
                }
                continue;
            };
            let (found, _) = rows::hash(&path)?;
            if found != *expected {
                let message =
                    format!("{} has the SHA-256 {found}, not {expected}; fetch it again", path.display());
                self.problem(&source.name, message);
            }
        }
        self.trust(source, &trusted);
        Ok(())
    }

    /// Notes which files of the source rest on their first download.
    fn trust(&mut self, source: &Source, trusted: &[&PublishedFile]) {
        if trusted.is_empty() {
            return;
        }
        let branches = trusted.iter().filter(|file| !file.place.names_commit()).count();
        let (files, all) = (trusted.len(), source.files.len());
        let mut line = format!(
            "{}: the manifest states no hash for {files} of {all} files; {LOCK_FILE} holds them to what was fetched first",
            source.name
        );
        if branches > 0 {
            line += &format!(", and {branches} of their addresses name no commit");
        }
        self.trusted.push(line);
    }

    /// The source's rows against lock and list.
    fn fetched(
        &mut self,
        catalogue: &Catalogue,
        source: &Source,
        data: &Path,
        lock: &Lock,
    ) -> Result<(), DataError> {
        let Some(locked) = lock.sources.get(&source.name) else { return Ok(()) };
        let path = rows::prepared(data, &source.name);
        let fetch = format!("run `pointsman data fetch {}`", source.name);
        if !path.exists() {
            self.problem(&source.name, format!("{} was fetched and is gone; {fetch}", path.display()));
            return Ok(());
        }
        let (found, _) = rows::hash(&path)?;
        if found != locked.sha256 {
            self.problem(
                &source.name,
                format!("{} was changed after it was fetched; {fetch}", path.display()),
            );
        }
        let listed = Listed::read_if_there(&catalogue.fingerprints(&source.name))?;
        let due = listed.map_or(source.rows, |listed| listed.len());
        if locked.rows == due {
            self.checked.push(format!("{}: {due} rows", source.name));
        } else {
            let message =
                format!("{} rows, where {due} are due; the publisher's file is another version", locked.rows);
            self.problem(&source.name, message);
        }
        Ok(())
    }

    /// All prepared rows of the data folder; an id that occurs twice with different texts is a problem.
    fn present(&mut self, data: &Path) -> Result<Present, DataError> {
        let mut present = Present::new();
        for path in row_files(&data.join("task"))? {
            for row in rows::read_rows::<DataRow>(&path)? {
                let of_source = present.entry(row.source.clone()).or_default();
                if let Some(before) = of_source.get(&row.id).filter(|before| **before != row.text) {
                    let same = Fingerprint::of(before) == Fingerprint::of(&row.text);
                    if !same {
                        self.problem(
                            &row.source,
                            format!("`{}` stands for two texts; one is in {}", row.id, path.display()),
                        );
                    }
                }
                of_source.insert(row.id, row.text);
            }
        }
        Ok(present)
    }

    /// Every label finds its row.
    fn labels(
        &mut self,
        path: &Path,
        source: &Source,
        rows: Option<&BTreeMap<String, String>>,
    ) -> Result<(), DataError> {
        if !path.exists() {
            return Ok(());
        }
        let labels: Vec<LabelRow> = rows::read_rows(path)?;
        let mut seen = BTreeSet::new();
        let twice: Vec<&str> =
            labels.iter().map(|label| label.id.as_str()).filter(|id| !seen.insert(*id)).collect();
        if !twice.is_empty() {
            self.problem(path.display().to_string(), format!("labels {} twice", some(&twice)));
        }
        if let Some(other) = labels.iter().find(|label| label.source != source.name) {
            self.problem(
                path.display().to_string(),
                format!("`{}` is a row of `{}`", other.id, other.source),
            );
        }
        let Some(rows) = rows else { return Ok(()) };
        let lost: Vec<&str> =
            labels.iter().map(|label| label.id.as_str()).filter(|id| !rows.contains_key(*id)).collect();
        if lost.is_empty() {
            self.checked.push(format!("{}: all {} labels find their text", source.name, labels.len()));
        } else {
            let message = format!("{} of {} labels find no text: {}", lost.len(), labels.len(), some(&lost));
            self.problem(&source.name, message);
        }
        Ok(())
    }

    /// Every id stands for the text that it stood for when the list was made.
    fn listed(
        &mut self,
        path: &Path,
        source: &Source,
        rows: &BTreeMap<String, String>,
    ) -> Result<(), DataError> {
        let Some(listed) = Listed::read_if_there(path)? else { return Ok(()) };
        let other = |(id, text): &(&String, &String)| {
            listed.fingerprint(id).is_some_and(|listed| *listed != Fingerprint::of(text))
        };
        let others: Vec<&str> = rows.iter().filter(other).map(|(id, _)| id.as_str()).collect();
        if others.is_empty() {
            self.checked.push(format!("{}: {} ids stand for the listed texts", source.name, rows.len()));
        } else {
            let message =
                format!("{} ids stand for other texts than listed: {}", others.len(), some(&others));
            self.problem(&source.name, message);
        }
        Ok(())
    }

    /// No row, and no prompt of our own, is on the list of what is kept out of training.
    fn kept_out(&mut self, catalogue: &Catalogue, present: &Present) -> Result<(), DataError> {
        let Some(kept_out) = Listed::read_if_there(&catalogue.kept_out())? else { return Ok(()) };
        let mut looked_at = 0;
        for (source, rows) in present {
            looked_at += rows.len();
            for (id, text) in rows {
                self.held_against(&kept_out, source, id, text);
            }
        }
        for path in catalogue.own_prompts()? {
            for row in rows::read_rows::<Value>(&path)? {
                let id = row["id"].as_str().unwrap_or_default();
                let last =
                    row["messages"].as_array().and_then(|turns| turns.last()).map(|turn| &turn["content"]);
                if let Some(text) = row["text"].as_str().or_else(|| last.and_then(Value::as_str)) {
                    looked_at += 1;
                    self.held_against(&kept_out, &path.display().to_string(), id, text);
                }
            }
        }
        self.checked.push(format!("{looked_at} prompts held against {} that are kept out", kept_out.len()));
        Ok(())
    }

    fn held_against(&mut self, kept_out: &Listed, place: &str, id: &str, text: &str) {
        if let Some(name) = kept_out.name(&Fingerprint::of(text)) {
            self.problem(
                place,
                format!("`{id}` is the prompt `{name}`, which is kept out of training; delete the row"),
            );
        }
    }
}

/// The first few of `names`, and how many more there are.
fn some(names: &[&str]) -> String {
    let shown = names.iter().take(EXAMPLES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(EXAMPLES) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn row_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(|error| DataError::io(folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(".jsonl.gz"))
        })
        .collect();
    paths.sort();
    Ok(paths)
}
