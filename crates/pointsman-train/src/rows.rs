//! Strict reading of training data: a row that cannot be used stops the run, with its place.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use pointsman_domain::{Prompt, Turn};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::TrainError;

/// The columns that training knows; a source's own label column is found in `rest`.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: Option<String>,
    text: Option<String>,
    messages: Option<Vec<Turn>>,
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) source: Option<String>,
    pub(crate) batch: Option<String>,
    pub(crate) split: Option<String>,
    pub(crate) opinion_band: Option<String>,
    pub(crate) difficulty: Option<f32>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Row {
    /// The string in `column`.
    pub(crate) fn label(&self, column: &str) -> Option<&str> {
        self.rest.get(column).and_then(Value::as_str)
    }

    /// The prompt of the row, from `messages` if there are any, else from `text`.
    pub(crate) fn take_prompt(&mut self) -> Option<Prompt> {
        self.messages.take().map(Prompt::from_turns).or_else(|| self.text.take().map(Prompt::from_text))
    }
}

/// Reads a JSON-lines file, gzipped or not, and hands each row with its line number to `each`.
///
/// Empty lines are skipped.
pub(crate) fn read(
    path: &Path,
    mut each: impl FnMut(usize, Row) -> Result<(), String>,
) -> Result<(), TrainError> {
    let reader = open(path).map_err(|source| TrainError::io(path, source))?;
    for (i, line) in reader.lines().enumerate() {
        let line = line.map_err(|source| TrainError::io(path, source))?;
        if line.trim().is_empty() {
            continue;
        }
        serde_json::from_str(&line)
            .map_err(|error| error.to_string())
            .and_then(|row| each(i + 1, row))
            .map_err(|message| TrainError::Row { path: path.to_owned(), line: i + 1, message })?;
    }
    Ok(())
}

/// A reader over the file's text; gzip is known by its first two bytes.
fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut reader = BufReader::new(File::open(path)?);
    let gzipped = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    Ok(Box::new(BufReader::new(text)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gzip_is_read_like_plain_text() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let rows = "{\"id\":\"1\",\"text\":\"a\",\"weak_label\":\"math\"}\n\n{\"text\":\"b\"}\n";
        let plain = folder.path().join("a.jsonl");
        std::fs::write(&plain, rows).expect("written");
        let packed = folder.path().join("a.jsonl.gz");
        let mut encoder = flate2::write::GzEncoder::new(
            File::create(&packed).expect("created"),
            flate2::Compression::fast(),
        );
        encoder.write_all(rows.as_bytes()).and_then(|()| encoder.finish().map(|_| ())).expect("written");
        for path in [plain, packed] {
            let mut seen = Vec::new();
            read(&path, |line, mut row| {
                let label = row.label("weak_label").map(str::to_owned);
                seen.push((line, label, row.take_prompt().map(|p| p.subject().to_owned())));
                Ok(())
            })
            .expect("readable");
            assert_eq!(
                seen,
                [(1, Some("math".to_owned()), Some("a".to_owned())), (3, None, Some("b".to_owned()))]
            );
        }
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("bad.jsonl");
        std::fs::write(&path, "{\"text\":\"a\"}\n{\"text\":").expect("written");
        let error = read(&path, |_, _| Ok(())).expect_err("malformed");
        assert!(error.to_string().contains("bad.jsonl:2: EOF"), "{error}");
    }
}
