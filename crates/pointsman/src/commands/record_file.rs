//! Records as commands are given them: a file of SQLite, or JSON lines.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pointsman_record::{Entry, Filter, Record, Store, StoreError};

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

/// What a file has beside the decisions that were handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beside {
    /// Records that cannot be read.
    pub(super) unreadable: usize,
    /// Requests that named their model.
    pub(super) named: u64,
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

    /// Hands over the wanted decisions, oldest first, and leaves aside the requests that named their model. What cannot be read
    /// is named on standard error.
    pub(super) fn decisions(
        &self,
        filter: Filter,
        mut each: impl FnMut(Record) -> Result<()>,
    ) -> Result<Beside> {
        let mut named = 0;
        let unreadable = self.each(filter, |entry| match entry {
            Entry::Decided(record) => each(*record),
            Entry::Named(_) => {
                named += 1;
                Ok(())
            }
        })?;
        Ok(Beside { unreadable, named })
    }

    /// Hands over the wanted records, of JSON lines in their order, of a database all decisions first, and returns how many
    /// others cannot be read. Those are named on standard error. The newest are those of decisions.
    pub(super) fn each(&self, filter: Filter, mut each: impl FnMut(Entry) -> Result<()>) -> Result<usize> {
        let mut unreadable = 0;
        let mut skip = |error: &dyn std::fmt::Display| {
            unreadable += 1;
            anstream::eprintln!("{} {}: {error}", styled(WARNING, "skipped:"), self.path.display());
        };
        match &self.content {
            Content::Database(store) => {
                let mut hand_over = |entry: Result<Entry, StoreError>| match entry {
                    Ok(entry) => each(entry),
                    Err(error @ StoreError::Record { .. }) => {
                        skip(&error);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                };
                store.each(filter, |record| hand_over(record.map(Entry::from)))?;
                if filter.newest.is_none() {
                    store.each_named(filter, |record| hand_over(record.map(Entry::from)))?;
                }
            }
            Content::Lines => {
                let file = BufReader::new(File::open(&self.path)?);
                let entries = pointsman_record::read_all(file).filter_map(|entry| match entry {
                    Ok(entry) => (entry.time_us() >= filter.since_us).then_some(entry),
                    Err(error) => {
                        skip(&error);
                        None
                    }
                });
                match filter.newest {
                    None => entries.into_iter().try_for_each(each)?,
                    Some(newest) => last(entries, newest).into_iter().try_for_each(each)?,
                }
            }
        }
        Ok(unreadable)
    }
}

/// Tells on standard error of requests that named their model, if there are any.
pub(super) fn say_left_aside(named: u64) {
    if named > 0 {
        anstream::eprintln!("{named} requests named their model and are left aside");
    }
}

/// The last `count` decisions among `entries`.
fn last(entries: impl Iterator<Item = Entry>, count: usize) -> VecDeque<Entry> {
    let mut kept = VecDeque::new();
    for entry in entries.filter(|entry| matches!(entry, Entry::Decided(_))) {
        kept.push_back(entry);
        if kept.len() > count {
            kept.pop_front();
        }
    }
    kept
}
