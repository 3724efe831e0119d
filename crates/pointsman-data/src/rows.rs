//! Rows as the project keeps them: gzipped JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;

/// A prompt of a public source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRow {
    /// Its id, which starts with a word for the source.
    pub id: String,
    /// The prompt.
    pub text: String,
    /// The source's name.
    pub source: String,
    /// Licence of the text.
    pub license: String,
    /// The source's own category as a label; coarse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak_label: Option<String>,
}

/// Where the rows of `source` are kept in the data folder.
#[must_use]
pub fn prepared(data: &Path, source: &str) -> PathBuf {
    data.join("task").join(format!("{source}.jsonl.gz"))
}

/// A reader over the text of `path`; gzip is known by its first two bytes.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, DataError> {
    let failed = |error| DataError::io(path, error);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let gzipped = reader.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    Ok(Box::new(BufReader::new(text)))
}

/// Reads all rows of a JSON-lines file, gzipped or not, whose objects are `T`s. Blank lines are no rows.
///
/// # Errors
/// When the file cannot be read or a row is not what is expected.
pub fn read_rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, DataError> {
    let mut rows = Vec::new();
    for (row, line) in open(path)?.lines().enumerate() {
        let line = line.map_err(|error| DataError::io(path, error))?;
        if !line.trim().is_empty() {
            rows.push(serde_json::from_str(&line).map_err(|error| DataError::Layout {
                path: path.to_owned(),
                row,
                message: error.to_string(),
            })?);
        }
    }
    Ok(rows)
}

/// Replaces `path` by a gzipped file of `rows`; a crash leaves the old one or the new.
pub(crate) fn write_rows(path: &Path, rows: &[DataRow]) -> Result<(), DataError> {
    let draft = path.with_extension("draft");
    let failed = |error| DataError::io(&draft, error);
    make_parent(path)?;
    let file = BufWriter::new(File::create(&draft).map_err(failed)?);
    let mut encoder = GzEncoder::new(file, flate2::Compression::default());
    for row in rows {
        serde_json::to_writer(&mut encoder, row).map_err(|error| failed(error.into()))?;
        encoder.write_all(b"\n").map_err(failed)?;
    }
    encoder.finish().and_then(|mut file| file.flush()).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(|error| DataError::io(path, error))
}

/// Makes the folder that `path` is to be in.
pub(crate) fn make_parent(path: &Path) -> Result<(), DataError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| DataError::io(folder, error))
}

/// SHA-256 of a file in hexadecimal, and its length in bytes.
pub(crate) fn hash(path: &Path) -> Result<(String, u64), DataError> {
    let failed = |error| DataError::io(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok((hexadecimal(&hasher.finalize()), bytes)),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_written_and_the_bytes_repeat() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let row = |id: &str, weak_label: Option<&str>| DataRow {
            id: id.to_owned(),
            text: "a\n\"b\" ü".to_owned(),
            source: "s".to_owned(),
            license: "MIT".to_owned(),
            weak_label: weak_label.map(str::to_owned),
        };
        let rows = [row("1", None), row("2", Some("math"))];
        let path = prepared(folder.path(), "s");
        write_rows(&path, &rows).expect("written");
        let first = hash(&path).expect("readable");
        write_rows(&path, &rows).expect("written");
        assert_eq!(hash(&path).expect("readable"), first);
        assert_eq!(read_rows::<DataRow>(&path).expect("readable"), rows);
        assert_eq!(
            std::fs::read_dir(folder.path().join("task")).expect("there").count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("written");
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(&path).expect("readable"), (expected.to_owned(), 3));
    }
}
