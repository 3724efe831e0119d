//! `pointsman records`: what was decided, one by one, summed up, or as a file for other programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use pointsman_record::{ColumnsWriter, Entry, Filter, Record};

use super::record_file::{RecordFile, say_left_aside};
use super::{Outcome, stats};
use crate::cli::{ExportFormat, Global, RecordsArgs, RecordsCommand};
use crate::config::Config;
use crate::terminal::{ASIDE, NAME, styled};
use crate::time;

pub(crate) fn run(command: &RecordsCommand, global: &Global) -> Result<Outcome> {
    match command {
        RecordsCommand::List { records, limit } => list(records, *limit, global),
        RecordsCommand::Stats(args) => stats::run(args, global),
        RecordsCommand::Export { records, format, out } => export(records, *format, out, global),
    }
}

fn open(args: &RecordsArgs, global: &Global) -> Result<(RecordFile, Filter)> {
    RecordFile::wanted(args, &Config::load(global.config.as_deref())?)
}

fn list(args: &RecordsArgs, limit: usize, global: &Global) -> Result<Outcome> {
    let (file, filter) = open(args, global)?;
    let filter = Filter { newest: Some(limit), ..filter };
    if global.json {
        let mut records = Vec::new();
        file.decisions(filter, |record| {
            records.push(record);
            Ok(())
        })?;
        anstream::println!("{}", serde_json::to_string_pretty(&records)?);
        return Ok(Outcome::Done);
    }
    file.decisions(filter, |record| {
        anstream::println!("{}", line(&record));
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// A record in a line.
fn line(record: &Record) -> String {
    let Record { labels, decision, .. } = record;
    let judged = match labels.abstained {
        Some(reason) => reason.to_string(),
        None => format!("{}.{} {:.2}", labels.task, labels.band, labels.task_confidence),
    };
    let mut line = format!(
        "{}  {}  {judged}  {} → {}",
        styled(ASIDE, time::utc(record.time_us)),
        record.id,
        decision.rule,
        styled(NAME, &decision.model),
    );
    if let Some(answered) = &record.answered {
        let by = answered.by().map(|attempt| &attempt.model).filter(|by| **by != decision.model);
        if let Some(by) = by {
            line += &format!(" → {by}");
        }
        line += &format!("  {} {} ms", answered.end.as_str(), answered.total_us / 1000);
        if let Some(usage) = answered.usage {
            line += &format!("  {}+{} tokens", usage.input, usage.output);
        }
        if let Some(cost) = answered.cost {
            line += &format!("  {cost}");
        }
    }
    if let Some(feedback) = record.feedback {
        line += &format!("  score {}", feedback.score);
    }
    line
}

fn export(args: &RecordsArgs, format: ExportFormat, out: &Path, global: &Global) -> Result<Outcome> {
    let (file, filter) = open(args, global)?;
    let to_file = out.as_os_str() != "-";
    let place = || format!("{}: cannot be written", out.display());
    let writer: Box<dyn Write + Send> =
        if to_file { Box::new(File::create(out).with_context(place)?) } else { Box::new(std::io::stdout()) };
    let mut writer = BufWriter::new(writer);
    let mut written = 0_usize;
    match format {
        ExportFormat::Jsonl => {
            file.each(filter, |entry| {
                written += 1;
                let result = match entry {
                    Entry::Decided(record) => pointsman_record::write(&mut writer, &record),
                    Entry::Named(record) => pointsman_record::write_named(&mut writer, &record),
                };
                result.with_context(place)
            })?;
        }
        ExportFormat::Parquet => {
            let mut columns = ColumnsWriter::new(&mut writer).with_context(place)?;
            let beside = file.decisions(filter, |record| {
                written += 1;
                columns.add(record).with_context(place)
            })?;
            columns.finish().with_context(place)?;
            say_left_aside(beside.named);
        }
    }
    writer.flush().with_context(place)?;
    if to_file {
        anstream::eprintln!("{written} records written to {}", out.display());
    }
    Ok(Outcome::Done)
}
