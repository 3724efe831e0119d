//! How far a run is, in a file beside its output.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pointsman_classifier::Classifier;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Job, with_ending};

/// The form of the file. Files of other forms are not gone on with.
const FORM: &str = "pointsman-progress/1";

/// Files of an unfinished run.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What is written so far, and perhaps a torn piece behind it.
    pub(super) part: PathBuf,
    /// The checkpoint.
    pub(super) progress: PathBuf,
}

impl Place {
    /// Beside `output`.
    pub(super) fn of(output: &Path) -> Self {
        Self { part: with_ending(output, ".part"), progress: with_ending(output, ".progress") }
    }
}

/// What decides the bytes of the output beside the input. A run can only go on with the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    model: String,
    weights: String,
    engine: String,
    precision: String,
    device: String,
    text: String,
    messages: String,
    id: String,
    prefix: String,
    window: usize,
}

impl Identity {
    pub(super) fn new(job: &Job<'_>, classifier: &Classifier, window: usize) -> Self {
        let card = classifier.card();
        let device = classifier.device();
        Self {
            model: format!("{} {}", card.name, card.version),
            weights: card.files.weights.to_string(),
            engine: classifier.engine().to_string(),
            precision: classifier.precision().to_owned(),
            device: if device.is_cpu() { "cpu" } else { "gpu" }.to_owned(),
            text: job.fields.text().to_owned(),
            messages: job.fields.messages().to_owned(),
            id: job.fields.id().to_owned(),
            prefix: job.prefix.to_owned(),
            window,
        }
    }

    /// # Errors
    /// When `now` is to do something else than the earlier run did; the first difference is named.
    pub(super) fn check(&self, now: &Self) -> Result<()> {
        if let (Value::Object(before), Value::Object(now)) =
            (serde_json::to_value(self)?, serde_json::to_value(now)?)
        {
            for (name, before) in before {
                let now = now.get(&name).cloned().unwrap_or_default();
                if before != now {
                    bail!(
                        "--resume: the run that was cut short had {name} {before}, this one has {now}; give the same, or start anew"
                    );
                }
            }
        }
        Ok(())
    }
}

/// Everything up to here is read, labelled and written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    form: String,
    /// Rows that are answered.
    pub(super) rows: u64,
    /// Those of them that have an error in their place.
    pub(super) bad: u64,
    /// Where the input stands: lines or rows before it, and their hash.
    pub(super) lines: u64,
    pub(super) digest: String,
    /// Bytes of the part file that answer them.
    pub(super) bytes: u64,
    pub(super) identity: Identity,
}

impl Checkpoint {
    /// The beginning.
    pub(super) fn new(identity: Identity) -> Self {
        Self { form: FORM.to_owned(), rows: 0, bad: 0, lines: 0, digest: String::new(), bytes: 0, identity }
    }

    /// Replaces the file at once, so that a kill leaves the old one or the new one.
    pub(super) fn write(&self, place: &Place) -> Result<()> {
        let new = with_ending(&place.progress, ".new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_data()?;
            fs::rename(&new, &place.progress)
        };
        write().with_context(|| format!("{}: cannot be written", place.progress.display()))
    }
}

/// The checkpoint of an earlier run, if one was cut short.
pub(super) fn read(place: &Place) -> Result<Option<Checkpoint>> {
    let path = &place.progress;
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    };
    let unknown =
        || format!("{}: this is no progress of this version; remove it to start anew", path.display());
    let found: Checkpoint = serde_json::from_str(&text).with_context(unknown)?;
    anyhow::ensure!(found.form == FORM, unknown());
    Ok(Some(found))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn identity() -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            model: text("m 1"),
            weights: text("abc"),
            engine: text("int8-avx2"),
            precision: text("f32"),
            device: text("cpu"),
            text: text("text"),
            messages: text("messages"),
            id: text("id"),
            prefix: text(""),
            window: 1024,
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let place = Place::of(&folder.path().join("out.jsonl"));
        assert!(read(&place).expect("readable").is_none());
        let checkpoint = Checkpoint { rows: 7, bad: 2, ..Checkpoint::new(identity()) };
        checkpoint.write(&place).expect("written");
        assert_eq!(read(&place).expect("readable"), Some(checkpoint));
        fs::write(&place.progress, "{\"form\": \"x\"}").expect("written");
        let error = read(&place).expect_err("another form").to_string();
        assert!(error.contains("out.jsonl.progress: this is no progress of this version"), "{error}");
    }

    #[test]
    fn another_setting_is_named() {
        let now = Identity { engine: "f32-avx2".to_owned(), ..identity() };
        assert!(identity().check(&identity()).is_ok());
        insta::assert_snapshot!(identity().check(&now).expect_err("differs"), @r#"--resume: the run that was cut short had engine "int8-avx2", this one has "f32-avx2"; give the same, or start anew"#);
    }
}
