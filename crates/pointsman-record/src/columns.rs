//! Records as columns, in a file of Parquet.
//!
//! Each row is a record: what is asked most has a column of its own, with a type that other programs know, and `record` is
//! the whole of it as a JSON line, so that nothing is lost.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use pointsman_domain::{TokenCount, TokenUsage};

use crate::record::{Answered, Record};

/// Records that are kept in memory until they are written.
const BATCH: usize = 4096;

/// Why records cannot be written as Parquet.
#[derive(Debug, thiserror::Error)]
#[error("the records cannot be written as Parquet: {detail}")]
pub struct ColumnsError {
    detail: String,
}

impl ColumnsError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { detail: error.to_string() }
    }
}

/// A file of Parquet that records are added to.
#[derive(Debug)]
pub struct ColumnsWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    waiting: Vec<Record>,
}

impl<W: Write + Send> ColumnsWriter<W> {
    /// A file without records.
    ///
    /// # Errors
    /// When `writer` fails.
    pub fn new(writer: W) -> Result<Self, ColumnsError> {
        let schema = batch(&[])?.schema();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(writer, schema, Some(properties)).map_err(ColumnsError::new)?;
        Ok(Self { writer, waiting: Vec::new() })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn add(&mut self, record: Record) -> Result<(), ColumnsError> {
        self.waiting.push(record);
        if self.waiting.len() == BATCH { self.write() } else { Ok(()) }
    }

    /// Ends the file: without this it cannot be read.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(mut self) -> Result<W, ColumnsError> {
        self.write()?;
        self.writer.into_inner().map_err(ColumnsError::new)
    }

    fn write(&mut self) -> Result<(), ColumnsError> {
        let batch = batch(&self.waiting)?;
        self.waiting.clear();
        self.writer.write(&batch).map_err(ColumnsError::new)
    }
}

/// Columns of records, in the order of the file.
struct Columns<'a> {
    records: &'a [Record],
    columns: Vec<(&'static str, bool, ArrayRef)>,
}

/// The columns of `records`.
fn batch(records: &[Record]) -> Result<RecordBatch, ColumnsError> {
    let mut columns = Columns { records, columns: Vec::new() };
    columns.decision();
    columns.labels();
    columns.facts();
    columns.answer();
    columns.whole()?;
    let fields: Vec<Field> = columns
        .columns
        .iter()
        .map(|(name, is_nullable, column)| Field::new(*name, column.data_type().clone(), *is_nullable))
        .collect();
    let arrays = columns.columns.into_iter().map(|(_, _, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(ColumnsError::new)
}

impl<'a> Columns<'a> {
    fn decision(&mut self) {
        self.text("id", |record| record.id.clone());
        let times = self.records.iter().map(|record| i64::try_from(record.time_us).unwrap_or(i64::MAX));
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        self.columns.push(("time", false, Arc::new(times)));
        self.text("endpoint", |record| record.endpoint.to_string());
        self.text_if("key", |record| record.key.clone());
        self.text("table", |record| record.table.clone());
        self.text("table_hash", |record| record.table_hash.clone());
        self.text("classifier", |record| record.classifier.clone());
        self.text("classifier_hash", |record| record.classifier_hash.clone());
        self.text("model", |record| record.decision.model.to_string());
        self.text("target", |record| record.decision.target.to_string());
        self.text("rule", |record| record.decision.rule.to_string());
        self.text("reason", |record| record.decision.reason.as_str().to_owned());
    }

    fn labels(&mut self) {
        self.text("task", |record| record.labels.task.to_string());
        self.floats("task_confidence", |record| record.labels.task_confidence);
        self.text_if("runner_up", |record| record.labels.runner_up().map(|(task, _)| task.to_string()));
        self.floats("difficulty", |record| record.labels.difficulty.value());
        self.floats("ability", |record| record.labels.ability.0);
        self.floats("ability_sd", |record| record.labels.ability_sd);
        self.text("band", |record| record.labels.band.to_string());
        self.floats("band_confidence", |record| record.labels.band_confidence);
        self.text_if("abstained", |record| Some(record.labels.abstained?.as_str().to_owned()));
        self.tokens("prompt_tokens", |record| Some(record.labels.tokens));
        self.tokens("prompt_tokens_seen", |record| Some(record.labels.tokens_seen));
    }

    fn facts(&mut self) {
        self.tokens("request_tokens", |record| Some(record.facts.input_tokens));
        self.tokens("max_output_tokens", |record| record.facts.max_output_tokens);
        self.flag("needs_tools", |record| record.facts.needs.tools);
        self.flag("needs_vision", |record| record.facts.needs.vision);
        self.flag("needs_structured_output", |record| record.facts.needs.structured_output);
        self.count("queue_us", |record| record.queue_us);
        self.count("classify_us", |record| record.classify_us);
        self.count("overhead_us", |record| record.overhead_us);
    }

    fn answer(&mut self) {
        let answered = |record: &'a Record| record.answered.as_ref();
        let by = move |record: &'a Record| answered(record).and_then(Answered::by);
        self.text_if("answered_by", move |record| Some(by(record)?.model.to_string()));
        self.text_if("answered_target", move |record| Some(by(record)?.target.to_string()));
        let status = self.records.iter().map(|record| by(record)?.status);
        self.columns.push(("status", true, Arc::new(UInt16Array::from_iter(status))));
        let attempts = self.records.iter().map(|record| u32::try_from(answered(record)?.attempts.len()).ok());
        self.columns.push(("attempts", true, Arc::new(UInt32Array::from_iter(attempts))));
        self.text_if("end", move |record| Some(answered(record)?.end.as_str().to_owned()));
        self.count_if("first_bytes_us", move |record| answered(record)?.first_bytes_us);
        self.count_if("total_us", move |record| Some(answered(record)?.total_us));
        let usage = move |record: &'a Record| answered(record)?.usage;
        let part = move |of: fn(TokenUsage) -> TokenCount| move |record: &'a Record| usage(record).map(of);
        self.tokens("input_tokens", part(|usage| usage.input));
        self.tokens("cache_read_tokens", part(|usage| usage.cache_read));
        self.tokens("cache_write_tokens", part(|usage| usage.cache_write));
        self.tokens("output_tokens", part(|usage| usage.output));
        let cost = self.records.iter().map(|record| Some(answered(record)?.cost?.0));
        self.columns.push(("cost_usd", true, Arc::new(Float64Array::from_iter(cost))));
        let score = self.records.iter().map(|record| Some(record.feedback?.score));
        self.columns.push(("score", true, Arc::new(Float64Array::from_iter(score))));
    }

    /// The records themselves.
    fn whole(&mut self) -> Result<(), ColumnsError> {
        let lines = self.records.iter().map(serde_json::to_string);
        let lines: Vec<String> = lines.collect::<Result<_, _>>().map_err(ColumnsError::new)?;
        self.columns.push(("record", false, Arc::new(StringArray::from_iter_values(lines))));
        Ok(())
    }

    fn text(&mut self, name: &'static str, of: impl Fn(&'a Record) -> String) {
        let column = StringArray::from_iter_values(self.records.iter().map(of));
        self.columns.push((name, false, Arc::new(column)));
    }

    fn text_if(&mut self, name: &'static str, of: impl Fn(&'a Record) -> Option<String>) {
        let column = StringArray::from_iter(self.records.iter().map(of));
        self.columns.push((name, true, Arc::new(column)));
    }

    fn floats(&mut self, name: &'static str, of: impl Fn(&'a Record) -> f32) {
        let column = Float32Array::from_iter_values(self.records.iter().map(of));
        self.columns.push((name, false, Arc::new(column)));
    }

    fn tokens(&mut self, name: &'static str, of: impl Fn(&'a Record) -> Option<TokenCount>) {
        let column = UInt32Array::from_iter(self.records.iter().map(|record| Some(of(record)?.0)));
        self.columns.push((name, true, Arc::new(column)));
    }

    fn flag(&mut self, name: &'static str, of: impl Fn(&'a Record) -> bool) {
        let column: BooleanArray = self.records.iter().map(|record| Some(of(record))).collect();
        self.columns.push((name, false, Arc::new(column)));
    }

    fn count(&mut self, name: &'static str, of: impl Fn(&'a Record) -> u64) {
        let column = UInt64Array::from_iter_values(self.records.iter().map(of));
        self.columns.push((name, false, Arc::new(column)));
    }

    fn count_if(&mut self, name: &'static str, of: impl Fn(&'a Record) -> Option<u64>) {
        let column = UInt64Array::from_iter(self.records.iter().map(of));
        self.columns.push((name, true, Arc::new(column)));
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray as _};
    use arrow::datatypes::{Float64Type, TimestampMicrosecondType, UInt32Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::*;
    use crate::jsonl::tests::record;

    fn read_back(records: &[Record]) -> Vec<RecordBatch> {
        let mut writer = ColumnsWriter::new(Vec::new()).expect("writable");
        records.iter().try_for_each(|record| writer.add(record.clone())).expect("written");
        let bytes = bytes::Bytes::from(writer.finish().expect("whole"));
        let reader = ParquetRecordBatchReader::try_new(bytes, BATCH).expect("a file of Parquet");
        reader.collect::<Result<_, _>>().expect("readable")
    }

    fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
        batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"))
    }

    #[test]
    fn rows_hold_the_records_and_their_columns() {
        let bare = Record { answered: None, feedback: None, prompt: None, ..record() };
        let batches = read_back(&[record(), bare.clone()]);
        let batch = &batches[0];
        let lines = column(batch, "record").as_string::<i32>();
        let back: Vec<Record> =
            lines.iter().map(|line| serde_json::from_str(line.expect("some")).expect("a record")).collect();
        assert_eq!(back, [record(), bare]);
        let text = |name: &str, row: usize| column(batch, name).as_string::<i32>().value(row).to_owned();
        assert_eq!(
            (text("task", 0), text("band", 0), text("model", 0)),
            ("math".into(), "hard".into(), "strong".into())
        );
        assert_eq!((text("answered_by", 0), text("end", 0)), ("mid".into(), "whole".into()));
        let time = column(batch, "time").as_primitive::<TimestampMicrosecondType>();
        assert_eq!(u64::try_from(time.value(0)), Ok(record().time_us));
        assert_eq!(column(batch, "output_tokens").as_primitive::<UInt32Type>().value(0), 7);
        assert_eq!(column(batch, "cost_usd").as_primitive::<Float64Type>().value(0), 0.000_087_5);
        for name in ["answered_by", "status", "end", "total_us", "output_tokens", "cost_usd", "score"] {
            assert!(column(batch, name).is_null(1) && column(batch, name).is_valid(0), "{name}");
        }
    }

    #[test]
    fn the_columns_are_fixed() {
        let schema = batch(&[]).expect("no records").schema();
        let name =
            |field: &Arc<Field>| format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" });
        let columns: Vec<String> = schema.fields().iter().map(name).collect();
        assert_eq!(
            columns.join(" "),
            "id time endpoint key? table table_hash classifier classifier_hash model target rule reason task task_confidence \
             runner_up? difficulty ability ability_sd band band_confidence abstained? prompt_tokens? prompt_tokens_seen? \
             request_tokens? max_output_tokens? needs_tools needs_vision needs_structured_output queue_us classify_us \
             overhead_us answered_by? answered_target? status? attempts? end? first_bytes_us? total_us? input_tokens? \
             cache_read_tokens? cache_write_tokens? output_tokens? cost_usd? score? record"
        );
    }

    #[test]
    fn a_file_may_hold_nothing_or_more_than_a_batch() {
        assert_eq!(read_back(&[]).iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
        let many: Vec<Record> = (0..BATCH + 10).map(|i| Record { id: i.to_string(), ..record() }).collect();
        let batches = read_back(&many);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), BATCH + 10);
        let last = batches.last().expect("some");
        assert_eq!(column(last, "id").as_string::<i32>().value(last.num_rows() - 1), (BATCH + 9).to_string());
    }
}
