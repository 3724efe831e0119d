//! Labelled prompts from JSON lines, read one at a time; a row that cannot be used does not stop the rest.

mod lines;
mod mapping;
pub(crate) mod row;

use std::io::{self, Read};

use pointsman_domain::{Prompt, Task};

pub(crate) use lines::Lines;
pub use mapping::Mapping;
pub use row::{RowError, RowErrorKind};

/// A prompt with what its data set says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Line of the file, from 1.
    pub line: usize,
    /// The row's `id`; rows without one are named `line-N`.
    pub id: String,
    /// From `messages`, else from `text`.
    pub prompt: Prompt,
    /// The one label of `task`, if the annotators agreed on one.
    pub task: Option<Task>,
    /// Every label that counts as right: `task`, then those of `tasks` and `also`, each once.
    pub accepted: Vec<Task>,
    /// BCP 47 tag, such as `en`.
    pub language: Option<String>,
    /// Where the prompt comes from: `source`, else `batch`.
    pub source: Option<String>,
    /// Which part of the data set it belongs to, such as `test`.
    pub split: Option<String>,
}

impl Item {
    /// Whether `task` counts as right.
    #[must_use]
    pub fn accepts(&self, task: &Task) -> bool {
        self.accepted.contains(task)
    }
}

/// Reads rows from JSON lines, gzipped (known by the first two bytes) or not.
///
/// Blank lines are no rows. A row is `{"id", "text" | "messages", "task", "tasks", "also", "language",
/// "source" | "batch", "split"}`, of which only the prompt is needed; other keys are ignored. `messages` may have
/// contents of text or of parts, as in OpenAI's API.
pub struct Reader<'r> {
    lines: Lines<'r>,
    mapping: Option<&'r Mapping>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("line", &self.lines.number()).finish_non_exhaustive()
    }
}

impl<'r> Reader<'r> {
    /// Reads from `input`, a file or standard input.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(input: impl Read + 'r) -> io::Result<Self> {
        Ok(Self { lines: Lines::new(input)?, mapping: None })
    }

    /// Takes labels from `mapping` in place of the rows' own, and sources of rows without one from the mapped column.
    #[must_use]
    pub fn with_mapping(self, mapping: &'r Mapping) -> Self {
        Self { mapping: Some(mapping), ..self }
    }

    /// The next row, or what is wrong with it; `None` after the last.
    ///
    /// # Errors
    /// When the input cannot be read on.
    pub fn next_row(&mut self) -> io::Result<Option<Result<Item, RowError>>> {
        let mapping = self.mapping;
        Ok(self.lines.next_filled()?.map(|(line, bytes)| row::parse(bytes, line, mapping)))
    }
}

/// A whole data set in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The rows that can be used, in order.
    pub items: Vec<Item>,
    /// The rows that cannot, in order.
    pub errors: Vec<RowError>,
}

impl Dataset {
    /// Reads everything.
    ///
    /// # Errors
    /// When `input` cannot be read to its end.
    pub fn read(input: impl Read) -> io::Result<Self> {
        Self::read_all(Reader::new(input)?)
    }

    /// Reads everything, with labels from `mapping`.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read_mapped(input: impl Read, mapping: &Mapping) -> io::Result<Self> {
        Self::read_all(Reader::new(input)?.with_mapping(mapping))
    }

    fn read_all(mut reader: Reader<'_>) -> io::Result<Self> {
        let mut dataset = Self::default();
        while let Some(row) = reader.next_row()? {
            match row {
                Ok(item) => dataset.items.push(item),
                Err(error) => dataset.errors.push(error),
            }
        }
        Ok(dataset)
    }

    /// Keeps only the items of `split`.
    #[must_use]
    pub fn only_split(mut self, split: &str) -> Self {
        self.items.retain(|item| item.split.as_deref() == Some(split));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ROWS: &str = "\u{feff}{\"id\":\"a\",\"text\":\"hi\",\"task\":\"chat\",\"batch\":\"b1\",\"split\":\"test\"}\r\n\
                        \n  \n\
                        {\"text\":\"2+2\",\"tasks\":[\"math\",\"reasoning\"],\"task\":null,\"source\":\"s\"}\n\
                        {\"text\":";

    #[test]
    fn blank_lines_are_counted_but_are_no_rows() {
        let dataset = Dataset::read(ROWS.as_bytes()).expect("readable");
        let seen: Vec<_> = dataset.items.iter().map(|item| (item.line, item.id.as_str())).collect();
        assert_eq!(seen, [(1, "a"), (4, "line-4")]);
        assert_eq!(dataset.items[1].accepted.len(), 2);
        assert_eq!(dataset.items[0].source.as_deref(), Some("b1"));
        assert_eq!(dataset.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [5]);
        assert_eq!(dataset.only_split("test").items.len(), 1);
    }

    #[test]
    fn gzip_is_read_like_plain_text() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(ROWS.as_bytes()).expect("written");
        let packed = encoder.finish().expect("written");
        let read = |bytes: &[u8]| Dataset::read(bytes).expect("readable");
        assert_eq!(read(&packed), read(ROWS.as_bytes()));
        assert!(Dataset::read(&packed[..packed.len() / 2]).is_err(), "cut short");
    }

    #[test]
    fn an_empty_input_is_an_empty_data_set() {
        assert_eq!(Dataset::read(&b""[..]).expect("readable"), Dataset::default());
        assert_eq!(Dataset::read(&b"{"[..]).expect("readable").errors.len(), 1);
    }

    #[test]
    fn invalid_utf8_is_an_error_of_its_row_only() {
        let rows = [b"{\"id\":\"x\",\"text\":\"\xff\"}\n".as_slice(), b"{\"text\":\"ok\"}\n"].concat();
        let dataset = Dataset::read(&rows[..]).expect("readable");
        assert_eq!(dataset.errors[0].kind, RowErrorKind::InvalidUtf8);
        assert_eq!(dataset.items.len(), 1);
    }
}
