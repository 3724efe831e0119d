//! Rows from JSON lines.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::format;
use super::row::{BadRow, Fields, Key, Row, parse};
use super::window::{Limits, Position, Source, Window};

/// The longest line that is read. A longer one is a bad row and is never in memory as a whole.
const LINE_BYTES: usize = 32 << 20;

/// Lines of a file or of standard input, packed or not.
pub(super) struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    fields: Fields,
    limits: Limits,
    /// Bytes that were read of the file, and how many it has.
    read: Arc<AtomicU64>,
    size: Option<u64>,
    number: u64,
    digest: Sha256,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn open(path: &Path, fields: &Fields, limits: Limits) -> Result<Self> {
        if path == Path::new("-") {
            return Self::new(path, io::stdin(), None, fields, limits);
        }
        let unreadable = || format!("{}: cannot be read", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let metadata = file.metadata().with_context(unreadable)?;
        ensure!(!metadata.is_dir(), "{}: this is a folder; give a file", path.display());
        Self::new(path, file, metadata.is_file().then_some(metadata.len()), fields, limits)
    }

    fn new(
        path: &Path,
        input: impl Read + Send + 'static,
        size: Option<u64>,
        fields: &Fields,
        limits: Limits,
    ) -> Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { input, read: Arc::clone(&read) };
        let input = format::unpack(counted).with_context(|| format!("{}: cannot be read", path.display()))?;
        let (fields, path) = (fields.clone(), path.to_owned());
        Ok(Self { path, input, fields, limits, read, size, number: 0, digest: Sha256::new(), line: vec![] })
    }

    /// Reads the next line into `self.line`, as far as it is not too long, and says how many bytes it has; 0 at the end.
    fn next_line(&mut self) -> Result<usize> {
        self.line.clear();
        let mut length = 0;
        loop {
            let number = self.number + 1;
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!("{}: line {number} cannot be read; is the file whole?", self.path.display())
                    });
                }
            };
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            if taken == 0 {
                break;
            }
            self.digest.update(&bytes[..taken]);
            let room = (LINE_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&bytes[..taken.min(room)]);
            self.input.consume(taken);
            length += taken;
            if end.is_some() {
                break;
            }
        }
        self.number += u64::from(length > 0);
        Ok(length)
    }

    /// The line's content: no byte-order mark, no blanks around it.
    fn content(&self) -> &[u8] {
        let line = match self.number {
            1 => self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line),
            _ => &self.line,
        };
        line.trim_ascii()
    }

    fn row(&self, length: usize) -> Result<Row, BadRow> {
        if length > LINE_BYTES {
            let message = format!("the line has {length} bytes; {LINE_BYTES} is the most");
            return Err(Key { id: Value::Null, line: self.number }.bad("too_long", message));
        }
        parse(self.content(), &self.fields, self.number)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    fn position(&self) -> Position {
        let read = self.read.load(Ordering::Relaxed);
        let share = self.size.filter(|size| *size > 0).map(|size| read as f64 / size as f64);
        Position { lines: self.number, digest: hex(&self.digest), share }
    }
}

/// The hash of what went into `digest` so far.
pub(super) fn hex(digest: &Sha256) -> String {
    use std::fmt::Write as _;
    digest.clone().finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Source for Lines {
    fn next(&mut self) -> Result<Option<Window>> {
        let mut window = Window::default();
        let mut bytes = 0;
        while window.rows.len() < self.limits.rows && bytes < self.limits.bytes {
            let length = self.next_line()?;
            if length == 0 {
                break;
            }
            if !self.content().is_empty() {
                window.rows.push(self.row(length));
                bytes += length.min(LINE_BYTES);
            }
        }
        // A single very long line is not kept for the shorter ones that follow.
        self.line.shrink_to(1 << 20);
        window.end = self.position();
        Ok((!window.rows.is_empty()).then_some(window))
    }

    fn skip(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        while self.number < checkpoint.lines {
            let length = self.next_line()?;
            ensure!(
                length > 0,
                "the file has {} lines, but {} of them were labelled before; give the file that the earlier run read",
                self.number,
                checkpoint.lines
            );
        }
        ensure!(
            hex(&self.digest) == checkpoint.digest,
            "the {} lines that were labelled before have changed since; start anew without --resume",
            checkpoint.lines
        );
        Ok(())
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Fields = Fields { text: None, messages: None, id: None };

    fn lines(text: &'static [u8], rows: usize, bytes: usize) -> Lines {
        let limits = Limits { rows, bytes };
        Lines::new(Path::new("in.jsonl"), text, Some(text.len() as u64), &USUAL, limits).expect("readable")
    }

    fn sizes(mut lines: Lines) -> Vec<usize> {
        std::iter::from_fn(|| lines.next().expect("readable")).map(|window| window.rows.len()).collect()
    }

    #[test]
    fn windows_end_with_rows_bytes_or_the_input_and_skip_blank_lines() {
        let text = b"{\"text\":\"a\"}\n\n  \n{\"text\":\"b\"}\r\n{\"text\":\"c\"}";
        assert_eq!(sizes(lines(text, 2, 1000)), [2, 1]);
        assert_eq!(sizes(lines(text, 3, 1000)), [3]);
        assert_eq!(sizes(lines(text, 9, 13)), [1, 1, 1]);
        assert_eq!(sizes(lines(b"\n\n", 9, 13)), [0; 0]);
    }

    #[test]
    fn a_position_has_the_lines_and_bytes_before_it() {
        let mut lines = lines(b"\xef\xbb\xbf{\"text\":\"a\"}\n\n{\"text\":\"b\"}\n", 1, 1000);
        let first = lines.next().expect("readable").expect("a row");
        assert!(first.rows[0].is_ok());
        assert_eq!((first.end.lines, first.end.share), (1, Some(1.0)));
        let second = lines.next().expect("readable").expect("a row");
        assert_eq!(second.end.lines, 3);
        assert_ne!(first.end.digest, second.end.digest);
    }
}
