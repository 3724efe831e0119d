//! A row group, read a step of rows at a time.

use anyhow::{Context, Result, ensure};
use arrow_array::ArrayRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use pointsman_domain::Prompt;
use serde_json::Value;

use super::super::cells;
use super::super::row::{BadRow, Key, Row, conversation};

/// A row group that is being read.
pub(super) struct Group {
    pub(super) prompts: Prompts,
    pub(super) ids: Option<Cells>,
    /// Rows that are still to be read.
    pub(super) left: usize,
}

/// The column of prompts.
pub(super) enum Prompts {
    /// Strings as the file has them, which may not be UTF-8. A cell whose level is below `present` is null.
    Bytes {
        reader: Box<ColumnReaderImpl<ByteArrayType>>,
        present: i16,
        json: bool,
    },
    Cells(Cells),
}

impl Group {
    /// Reads `count` rows, of which the first has the number `first`, and says how many bytes of prompts they have.
    pub(super) fn read(
        &mut self,
        count: usize,
        first: u64,
        rows: &mut Vec<Result<Row, BadRow>>,
    ) -> Result<usize> {
        self.left -= count;
        let mut bytes = 0;
        let mut key = |at: usize| -> Result<Key> {
            let id = self.ids.as_mut().map_or(Ok(Value::Null), Cells::next)?;
            Ok(Key { id, line: first + at as u64 })
        };
        match &mut self.prompts {
            Prompts::Bytes { reader, present, json } => {
                for (at, cell) in strings(reader, *present, count)?.into_iter().enumerate() {
                    bytes += cell.as_ref().map_or(0, ByteArray::len);
                    rows.push(from_bytes(key(at)?, cell.as_ref(), *json));
                }
            }
            Prompts::Cells(cells) => {
                for at in 0..count {
                    let messages = cells.next()?;
                    bytes += length(&messages);
                    rows.push(from_messages(key(at)?, messages));
                }
            }
        }
        Ok(bytes)
    }
}

/// The next `count` cells of a column of strings.
fn strings(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    present: i16,
    count: usize,
) -> Result<Vec<Option<ByteArray>>> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (mut read, mut cells) = (0, Vec::with_capacity(count));
    while read < count {
        levels.clear();
        values.clear();
        let (records, _, _) = reader.read_records(count - read, Some(&mut levels), None, &mut values)?;
        ensure!(records > 0, "a row group has fewer cells than rows");
        read += records;
        let mut values = values.drain(..);
        if present == 0 {
            cells.extend(values.map(Some));
        } else {
            for level in &levels {
                cells.push(if *level == present { values.next() } else { None });
            }
        }
    }
    Ok(cells)
}

fn from_bytes(key: Key, cell: Option<&ByteArray>, json: bool) -> Result<Row, BadRow> {
    let Some(cell) = cell else { return Err(key.bad("invalid_row", "the prompt is null")) };
    let text = match std::str::from_utf8(cell.data()) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("byte {} of the text is not UTF-8", error.valid_up_to() + 1);
            return Err(key.bad("invalid_utf8", message));
        }
    };
    if json {
        return from_messages(key, Value::from(text));
    }
    Ok(Row { key, prompt: Prompt::from_text(text) })
}

fn from_messages(key: Key, messages: Value) -> Result<Row, BadRow> {
    if messages.is_null() {
        return Err(key.bad("invalid_row", "the conversation is null"));
    }
    match conversation(messages) {
        Ok(prompt) => Ok(Row { key, prompt }),
        Err(message) => Err(key.bad("invalid_row", format!("this is no conversation: {message}"))),
    }
}

/// Bytes of all strings in `value`.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(fields) => fields.values().map(length).sum(),
        _ => 0,
    }
}

/// Cells of one column of a row group, one after the other.
pub(super) struct Cells {
    reader: ParquetRecordBatchReader,
    batch: Option<ArrayRef>,
    at: usize,
}

impl Cells {
    pub(super) fn new(reader: ParquetRecordBatchReader) -> Self {
        Self { reader, batch: None, at: 0 }
    }

    fn next(&mut self) -> Result<Value> {
        loop {
            if let Some(batch) = &self.batch
                && self.at < batch.len()
            {
                self.at += 1;
                return Ok(cells::value(batch, self.at - 1));
            }
            let batch = self.reader.next().context("a row group has fewer cells than rows")??;
            (self.batch, self.at) = (Some(batch.column(0).clone()), 0);
        }
    }
}
