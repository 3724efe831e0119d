//! A Parquet file from labels and, where the input is one too, its columns as they are.
//!
//! Row groups stay those of the input, whose column chunks are copied byte for byte: whatever type, encoding or compression
//! they have, they are not decoded. Page indexes and Bloom filters, which lie outside of the chunks, are left out.

use std::fs::File;
use std::io::{self, BufRead, Lines};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_schema::{Field, Schema};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata,
    parquet_to_arrow_schema,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{KeyValue, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use pointsman_domain::Vocabulary;

use super::format::unpack;
use super::label_columns::{self, Answer, Columns};

/// Rows of a row group where the input has none.
const GROUP_ROWS: usize = 1 << 17;
/// Rows that are turned into arrays at a time.
const STEP: usize = 1 << 13;

/// Writes `out` from the columns of `input` and the labels in `part`.
pub(super) fn assemble(
    input: Option<&Path>,
    part: &Path,
    out: &Path,
    prefix: &str,
    vocabulary: &Vocabulary,
) -> Result<()> {
    let unwritable = || format!("{}: cannot be written", out.display());
    let file = File::create(out).with_context(unwritable)?;
    let kept = input.map(Kept::open).transpose()?;
    let schema = label_columns::schema(prefix, vocabulary, kept.is_none());
    let mut labels = Labels::new(part, schema, vocabulary, kept.is_none())?;
    let (root, properties) = match &kept {
        Some(kept) => (kept.root_with(&labels)?, kept.properties_with(&labels)?),
        None => (labels.root(), properties(Vec::new())?),
    };
    let mut writer = SerializedFileWriter::new(file, root, Arc::new(properties))?;
    match &kept {
        Some(kept) => {
            for group in kept.metadata.row_groups() {
                let rows = usize::try_from(group.num_rows())?;
                let mut row_group = writer.next_row_group()?;
                kept.copy(group, &mut row_group)?;
                ensure!(labels.write(rows, &mut row_group)? == rows, "there are fewer labels than rows");
                row_group.close()?;
            }
            ensure!(labels.at_end()?, "there are more labels than rows");
        }
        None => {
            while !labels.at_end()? {
                let mut row_group = writer.next_row_group()?;
                labels.write(GROUP_ROWS, &mut row_group)?;
                row_group.close()?;
            }
        }
    }
    writer.into_inner()?.sync_all().with_context(unwritable)
}

fn properties(metadata: Vec<KeyValue>) -> Result<WriterProperties> {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("pointsman ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata));
    Ok(properties.build())
}

/// The input, whose columns are kept.
struct Kept {
    file: File,
    metadata: ParquetMetaData,
}

impl Kept {
    fn open(path: &Path) -> Result<Self> {
        let unreadable = || format!("{}: cannot be read", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let reader = SerializedFileReader::new(file.try_clone()?).with_context(unreadable)?;
        Ok(Self { file, metadata: reader.metadata().clone() })
    }

    /// The schema with labels behind what is there.
    fn root_with(&self, labels: &Labels) -> Result<TypePtr> {
        let root = self.metadata.file_metadata().schema_descr().root_schema();
        let fields = root.get_fields().iter().chain(labels.root.get_fields()).cloned().collect();
        Ok(Arc::new(Type::group_type_builder(root.name()).with_fields(fields).build()?))
    }

    /// The file's own metadata, with labels in the Arrow schema if there is one.
    fn properties_with(&self, labels: &Labels) -> Result<WriterProperties> {
        let metadata = self.metadata.file_metadata();
        let pairs = metadata.key_value_metadata().cloned().unwrap_or_default();
        let (arrow, others): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|pair| pair.key == ARROW_SCHEMA_META_KEY);
        let mut properties = properties(others)?;
        if !arrow.is_empty() {
            let before = parquet_to_arrow_schema(metadata.schema_descr(), metadata.key_value_metadata())?;
            let fields: Vec<Arc<Field>> =
                before.fields().iter().chain(labels.schema.fields()).cloned().collect();
            let schema = Schema::new_with_metadata(fields, before.metadata().clone());
            add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        }
        Ok(properties)
    }

    /// Copies all column chunks of a row group.
    fn copy<W: io::Write + Send>(
        &self,
        group: &RowGroupMetaData,
        to: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        for column in group.columns() {
            ensure!(column.file_path().is_none(), "columns in files of their own cannot be copied");
            let chunk = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size())?,
                rows_written: u64::try_from(group.num_rows())?,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            to.append_column(&self.file, chunk)
                .with_context(|| format!("column `{}` cannot be copied", column.column_path()))?;
        }
        Ok(())
    }
}

/// The part file on its way into columns.
struct Labels {
    lines: Lines<Box<dyn BufRead + Send>>,
    next: Option<Answer>,
    columns: Columns,
    schema: Arc<Schema>,
    root: TypePtr,
    factory: ArrowRowGroupWriterFactory,
}

impl Labels {
    fn new(part: &Path, schema: Schema, vocabulary: &Vocabulary, with_id: bool) -> Result<Self> {
        let unreadable = || format!("{}: cannot be read", part.display());
        let file = File::open(part).with_context(unreadable)?;
        // Without rows the part has no frame at all.
        let input = unpack(file).with_context(unreadable)?;
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        // Encodes these columns alone; it never writes a file.
        let encoder =
            SerializedFileWriter::new(io::sink(), Arc::clone(&root), Arc::new(properties(Vec::new())?))?;
        let schema = Arc::new(schema);
        let factory = ArrowRowGroupWriterFactory::new(&encoder, Arc::clone(&schema));
        let columns = Columns::new(vocabulary, with_id);
        Ok(Self { lines: input.lines(), next: None, columns, schema, root, factory })
    }

    fn root(&self) -> TypePtr {
        Arc::clone(&self.root)
    }

    fn at_end(&mut self) -> Result<bool> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        Ok(self.next.is_none())
    }

    fn read(&mut self) -> Result<Option<Answer>> {
        if let Some(answer) = self.next.take() {
            return Ok(Some(answer));
        }
        let line = self.lines.next().transpose().context("the labels written so far cannot be read")?;
        line.map(|line| serde_json::from_str(&line).context("the labels written so far are damaged"))
            .transpose()
    }

    /// Writes the labels of up to `rows` rows, and says how many there were.
    fn write<W: io::Write + Send>(
        &mut self,
        rows: usize,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<usize> {
        let mut writers = self.factory.create_column_writers(0)?;
        let mut written = 0;
        while written < rows {
            let step = self.step(STEP.min(rows - written), &mut writers)?;
            if step == 0 {
                break;
            }
            written += step;
        }
        for writer in writers {
            let chunk: ArrowColumnChunk = writer.close()?;
            chunk.append_to_row_group(group)?;
        }
        Ok(written)
    }

    fn step(&mut self, rows: usize, writers: &mut [ArrowColumnWriter]) -> Result<usize> {
        let mut count = 0;
        while count < rows {
            let Some(answer) = self.read()? else { break };
            self.columns.push(answer);
            count += 1;
        }
        let mut writers = writers.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(self.columns.take()) {
            for leaf in compute_leaves(field, &array)? {
                writers.next().context("there are more columns than were declared")?.write(&leaf)?;
            }
        }
        Ok(count)
    }
}
