//! Records as commands are given them: a file of SQLite, or JSON lines.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pointsman_record::{Filter, Record, Store, StoreError};

use crate::cli::RecordsArgs;
use crate::config::Config;
use crate::terminal::{WARNING, styled};
use crate::time;

/// How a file of SQLite begins.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Records to be read.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Database(Store),
    Lines,
}

impl RecordFile {
    /// The file that `args` name, else the one that the configuration records to, and which of its records are wanted.
    pub(super) fn wanted(args: &RecordsArgs, config: &Config) -> Result<(Self, Filter)> {
        let since_us = args.since.map_or(0, |since| since.unix_us(time::now_us()));
        Ok((Self::open(args.records.as_deref(), config)?, Filter { since_us, newest: None }))
    }

    /// The file at `path`, else the one that the configuration records to.
    pub(super) fn open(path: Option<&Path>, config: &Config) -> Result<Self> {
        let configured = config.record.as_ref().map(|record| record.path.as_path());
        let path = path.or(configured).with_context(|| {
            format!("{} has no [record]: say with --records FILE where records are", config.origin())
        })?;
        let cannot = || format!("{}: the records cannot be read", path.display());
        let mut start = Vec::new();
        File::open(path).with_context(cannot)?.take(SQLITE.len() as u64).read_to_end(&mut start)?;
        let content = if start == SQLITE {
            Content::Database(Store::open(path).with_context(cannot)?)
        } else {
            Content::Lines
        };
        Ok(Self { path: path.to_owned(), content })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Hands over the wanted records, oldest first, and returns how many others cannot be read. Those are named on
    /// standard error.
    pub(super) fn each(&self, filter: Filter, mut each: impl FnMut(Record) -> Result<()>) -> Result<usize> {
        let mut unreadable = 0;
        let mut skip = |error: &dyn std::fmt::Display| {
            unreadable += 1;
            anstream::eprintln!("{} {}: {error}", styled(WARNING, "skipped:"), self.path.display());
        };
        match &self.content {
            Content::Database(store) => store.each(filter, |record| match record {
                Ok(record) => each(record),
                Err(error @ StoreError::Record { .. }) => {
                    skip(&error);
                    Ok(())
                }
                Err(error) => Err(error.into()),
            })?,
            Content::Lines => {
                let file = BufReader::new(File::open(&self.path)?);
                let records = pointsman_record::read(file).filter_map(|record| match record {
                    Ok(record) => (record.time_us >= filter.since_us).then_some(record),
                    Err(error) => {
                        skip(&error);
                        None
                    }
                });
                match filter.newest {
                    None => records.into_iter().try_for_each(each)?,
                    Some(newest) => last(records, newest).into_iter().try_for_each(each)?,
                }
            }
        }
        Ok(unreadable)
    }
}

/// The last `count` of `records`.
fn last(records: impl Iterator<Item = Record>, count: usize) -> VecDeque<Record> {
    let mut kept = VecDeque::new();
    for record in records {
        kept.push_back(record);
        if kept.len() > count {
            kept.pop_front();
        }
    }
    kept
}
