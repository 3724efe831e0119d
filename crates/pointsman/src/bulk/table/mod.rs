//! Rows from a Parquet file: the columns that are needed, a step of rows at a time.

mod columns;
mod group;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use sha2::{Digest, Sha256};

use self::columns::{Columns, PromptColumn};
use self::group::{Cells, Group, Prompts};
use super::checkpoint::Checkpoint;
use super::row::Fields;
use super::window::{Limits, Position, Source, Window};

/// Rows that are decoded together. A window that is full by its bytes ends with a step.
const STEP: usize = 64;

/// A Parquet file.
pub(super) struct Table {
    path: PathBuf,
    file: File,
    reader: SerializedFileReader<File>,
    arrow: ArrowReaderMetadata,
    prompt: PromptColumn,
    /// The root column with ids.
    id: Option<usize>,
    limits: Limits,
    digest: String,
    rows: u64,
    /// Rows read, and the row group that the next one is in.
    at: u64,
    group: usize,
    open: Option<Group>,
}

impl Table {
    pub(super) fn open(path: &Path, fields: &Fields, limits: Limits) -> Result<Self> {
        let unreadable = || format!("{}: cannot be read", path.display());
        let mut file = File::open(path).with_context(unreadable)?;
        let broken = || format!("{}: this is no Parquet file that can be read", path.display());
        let digest = footer_digest(&mut file).with_context(broken)?;
        let reader =
            SerializedFileReader::new(file.try_clone().with_context(unreadable)?).with_context(broken)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let arrow = ArrowReaderMetadata::load(&file, options).with_context(broken)?;
        let metadata = reader.metadata().file_metadata();
        let columns = Columns { path, schema: metadata.schema_descr(), arrow: &arrow };
        let (prompt, id) = (columns.prompt(fields)?, columns.id(fields)?);
        let rows = u64::try_from(metadata.num_rows()).context("the number of rows is negative")?;
        let path = path.to_owned();
        Ok(Self { path, file, reader, arrow, prompt, id, limits, digest, rows, at: 0, group: 0, open: None })
    }

    /// Opens the row group that the next row is in, behind its first `skipped` rows.
    fn open_group(&self, skipped: usize) -> Result<Group> {
        let group = self.reader.get_row_group(self.group)?;
        let rows = usize::try_from(group.metadata().num_rows()).context("a row group has no sound length")?;
        let prompts = match self.prompt {
            PromptColumn::Text(leaf) | PromptColumn::Json(leaf) => {
                let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(leaf)? else {
                    bail!("the column of texts has changed its type");
                };
                reader.skip_records(skipped)?;
                let optional =
                    self.reader.metadata().file_metadata().schema_descr().column(leaf).max_def_level();
                Prompts::Bytes {
                    reader: Box::new(reader),
                    present: optional,
                    json: matches!(self.prompt, PromptColumn::Json(_)),
                }
            }
            PromptColumn::Messages(root) => Prompts::Cells(self.cells(root, skipped)?),
        };
        let ids = self.id.map(|root| self.cells(root, skipped)).transpose()?;
        Ok(Group { prompts, ids, left: rows - skipped })
    }

    fn cells(&self, root: usize, skipped: usize) -> Result<Cells> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let file = self.file.try_clone()?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.arrow.clone())
            .with_projection(ProjectionMask::roots(schema, [root]))
            .with_row_groups(vec![self.group])
            .with_offset(skipped)
            .with_batch_size(STEP)
            .build()?;
        Ok(Cells::new(reader))
    }

    fn window(&mut self) -> Result<Option<Window>> {
        while self.group < self.reader.num_row_groups() {
            let mut group = match self.open.take() {
                Some(group) => group,
                None => self.open_group(0)?,
            };
            if group.left == 0 {
                self.group += 1;
                continue;
            }
            let mut window = Window::default();
            let mut bytes = 0;
            while window.rows.len() < self.limits.rows && bytes < self.limits.bytes && group.left > 0 {
                let step = STEP.min(self.limits.rows - window.rows.len()).min(group.left);
                bytes += group.read(step, self.at + 1, &mut window.rows)?;
                self.at += step as u64;
            }
            self.open = Some(group);
            window.end = self.position();
            return Ok(Some(window));
        }
        Ok(None)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    fn position(&self) -> Position {
        let share = Some(self.at as f64 / self.rows.max(1) as f64);
        Position { lines: self.at, digest: self.digest.clone(), share }
    }
}

impl Source for Table {
    fn next(&mut self) -> Result<Option<Window>> {
        let row = self.at + 1;
        self.window().with_context(|| format!("{}: it cannot be read from row {row} on", self.path.display()))
    }

    fn skip(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        ensure!(
            self.digest == checkpoint.digest,
            "the file is not the one that was labelled before; start anew without --resume"
        );
        let mut skipped = usize::try_from(checkpoint.lines)?;
        let metadata = self.reader.metadata();
        while self.group < metadata.num_row_groups() {
            let rows = usize::try_from(metadata.row_group(self.group).num_rows())?;
            if skipped < rows {
                break;
            }
            skipped -= rows;
            self.group += 1;
        }
        if skipped > 0 {
            self.open = Some(self.open_group(skipped)?);
        }
        self.at = checkpoint.lines;
        Ok(())
    }

    fn check_columns(&self, names: &[String]) -> Result<()> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let there = schema.root_schema().get_fields();
        if let Some(name) = names.iter().find(|name| there.iter().any(|field| field.name() == name.as_str()))
        {
            bail!(
                "{}: it has a column `{name}` already; give the new columns another name with --prefix",
                self.path.display()
            );
        }
        Ok(())
    }
}

/// A hash of the file's size and footer, which says where everything is and what is in it.
fn footer_digest(file: &mut File) -> Result<String> {
    let size = file.metadata()?.len();
    ensure!(size >= 12, "it has {size} bytes");
    file.seek(SeekFrom::End(-8))?;
    let mut end = [0; 8];
    file.read_exact(&mut end)?;
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    ensure!(length + 12 <= size, "its footer of {length} bytes is longer than the file");
    file.seek(SeekFrom::Start(size - 8 - length))?;
    let mut footer = vec![0; usize::try_from(length)?];
    file.read_exact(&mut footer)?;
    Ok(super::lines::hex(&Sha256::new().chain_update(size.to_le_bytes()).chain_update(footer)))
}
