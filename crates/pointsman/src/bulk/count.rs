//! What a complete output holds: its rows, and how many of them have an error in their place.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use arrow_array::Array;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::format::{Format, unpack};

/// Rows of an output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) rows: u64,
    /// Those of them that have an error in their place.
    pub(super) bad: u64,
}

/// Counts the rows of `output`, whose label columns begin with `prefix` if it is a table. Memory does not grow with it.
///
/// # Errors
/// When it cannot be read, or something else than labels is in it.
pub(super) fn count(output: &Path, prefix: &str) -> Result<Count> {
    let file = File::open(output).with_context(|| format!("{}: cannot be read", output.display()))?;
    let counted = match Format::of(output) {
        Format::Parquet => of_table(file, prefix),
        Format::Lines(_) => of_lines(file),
    };
    counted.with_context(|| {
        format!(
            "{}: it is there and has no labels that can be read; give another name, or remove it",
            output.display()
        )
    })
}

/// An answer as far as it has to be known to be counted.
#[derive(Deserialize)]
struct Answer {
    task: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

fn of_lines(file: File) -> Result<Count> {
    let mut count = Count::default();
    for line in unpack(file)?.lines() {
        count.rows += 1;
        let answer: Answer =
            serde_json::from_str(&line?).with_context(|| format!("line {} is no answer", count.rows))?;
        ensure!(
            answer.task.is_some() || answer.error.is_some(),
            "line {} has neither a task nor an error",
            count.rows
        );
        count.bad += u64::from(answer.error.is_some());
    }
    Ok(count)
}

fn of_table(file: File, prefix: &str) -> Result<Count> {
    let name = format!("{prefix}error");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let schema = builder.parquet_schema();
    let column = schema.root_schema().get_fields().iter().position(|field| field.name() == name.as_str());
    let column = column.with_context(|| format!("there is no column `{name}`"))?;
    let errors = ProjectionMask::roots(schema, [column]);
    let mut count = Count::default();
    for batch in builder.with_projection(errors).build()? {
        let batch = batch?;
        let errors = batch.column(0);
        count.rows += errors.len() as u64;
        count.bad += (errors.len() - errors.null_count()) as u64;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_and_other_files_are_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.jsonl");
        let counted = |text: &str| {
            std::fs::write(&path, text).expect("written");
            count(&path, "").map_err(|error| format!("{error:#}"))
        };
        let answers = "{\"id\":1,\"task\":\"math\"}\n{\"id\":2,\"error\":{\"kind\":\"invalid_row\"}}\n";
        assert_eq!(counted(answers), Ok(Count { rows: 2, bad: 1 }));
        assert_eq!(counted(""), Ok(Count::default()));
        let prompts = counted("{\"id\":1,\"text\":\"hi\"}\n").expect_err("no answers");
        assert!(prompts.contains("out.jsonl: it is there and has no labels"), "{prompts}");
        assert!(prompts.ends_with("line 1 has neither a task nor an error"), "{prompts}");
        let torn = counted("{\"id\":1,\"task\":\"math\"}\n{\"id\":").expect_err("torn");
        assert!(torn.contains("line 2 is no answer"), "{torn}");
    }
}
