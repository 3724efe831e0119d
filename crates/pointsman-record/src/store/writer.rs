//! Writing records, many in one transaction.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{Retention, StoreError, retention, schema};
use crate::named::NamedRecord;
use crate::record::{Answered, Feedback, Record};

/// How long a commit waits for another process that writes. What is to be written meanwhile is kept in memory.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// A file of records, open for writing.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
}

/// What is to be written. What is told of a record that is itself still to be written goes with it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    decided: Vec<Row>,
    named: Vec<NamedRow>,
    places: HashMap<String, usize>,
    answered: Vec<(String, Box<Answered>)>,
    feedback: Vec<(String, Feedback)>,
    bytes: usize,
}

/// A row that is not in the file yet.
#[derive(Debug)]
struct Row {
    id: String,
    time_us: u64,
    decision: String,
    answered: Option<Box<Answered>>,
    feedback: Option<Feedback>,
}

/// A request that named its model and is not in the file yet.
#[derive(Debug)]
struct NamedRow {
    id: String,
    time_us: u64,
    request: String,
}

impl Batch {
    /// How many things are to be written.
    pub(crate) fn len(&self) -> usize {
        self.records() + self.answered.len() + self.feedback.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the records, prompts included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many decisions and requests that named their model there are.
    pub(crate) fn records(&self) -> usize {
        self.decided.len() + self.named.len()
    }

    /// Adds a decision of which nothing more is known yet.
    pub(crate) fn decided(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record { id, time_us, .. } = record;
        let decision = json(id, record)?;
        self.bytes += decision.len();
        self.places.insert(id.clone(), self.decided.len());
        let (id, time_us) = (id.clone(), *time_us);
        self.decided.push(Row { id, time_us, decision, answered: None, feedback: None });
        Ok(())
    }

    /// Adds a request that named its model.
    pub(crate) fn named(&mut self, record: &NamedRecord) -> Result<(), StoreError> {
        let NamedRecord { id, time_us, .. } = record;
        let request = json(id, record)?;
        self.bytes += request.len();
        self.named.push(NamedRow { id: id.clone(), time_us: *time_us, request });
        Ok(())
    }

    pub(crate) fn answered(&mut self, id: String, answered: Box<Answered>) {
        match self.row(&id) {
            Some(row) => row.answered = Some(answered),
            None => self.answered.push((id, answered)),
        }
    }

    pub(crate) fn feedback(&mut self, id: String, feedback: Feedback) {
        match self.row(&id) {
            Some(row) => row.feedback = Some(feedback),
            None => self.feedback.push((id, feedback)),
        }
    }

    /// Whether a decision is among those to be written.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    fn row(&mut self, id: &str) -> Option<&mut Row> {
        let place = *self.places.get(id)?;
        self.decided.get_mut(place)
    }
}

impl Writer {
    /// Opens the file at `path`, makes it if there is none, and brings it up to date. On Unix a new file is for its
    /// owner alone.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path).map_err(StoreError::Create)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A new file only; it has to come before the first table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        // Asked first: nothing is changed in a file that is not ours.
        schema::version(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // `Disk` waits for the disk and copies the log.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection })
    }

    /// Writes everything or nothing.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction, &batch.decided)?;
        insert_named(&transaction, &batch.named)?;
        let mut answer = transaction.prepare("UPDATE records SET answered = ?2 WHERE id = ?1")?;
        for (id, answered) in &batch.answered {
            answer.execute(params![id, json(id, answered)?])?;
        }
        let mut score = transaction.prepare("UPDATE records SET score = ?2, score_us = ?3 WHERE id = ?1")?;
        for (id, feedback) in &batch.feedback {
            score.execute(params![id, feedback.score, stored(feedback.time_us)])?;
        }
        drop((answer, score));
        transaction.commit()?;
        Ok(())
    }

    /// Whether the record of a decision has been written.
    pub(crate) fn has(&self, id: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = self
            .connection
            .query_row("SELECT 1 FROM records WHERE id = ?1", params![id], |row| row.get(0))
            .optional()?;
        Ok(found.is_some())
    }

    /// Deletes some of what is not to be kept. Returns whether there may be more.
    pub(crate) fn prune(&self, retention: Retention, now_unix_us: u64) -> Result<bool, StoreError> {
        retention::prune(&self.connection, retention, now_unix_us)
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn insert(transaction: &Transaction<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let mut insert = transaction.prepare(
        "INSERT OR IGNORE INTO records (id, time_us, decision, answered, score, score_us) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for Row { id, time_us, decision, answered, feedback } in rows {
        let answered = answered.as_ref().map(|answered| json(id, answered)).transpose()?;
        let (score, score_us) = feedback.map(|told| (told.score, stored(told.time_us))).unzip();
        insert.execute(params![id, stored(*time_us), decision, answered, score, score_us])?;
    }
    Ok(())
}

fn insert_named(transaction: &Transaction<'_>, rows: &[NamedRow]) -> Result<(), StoreError> {
    let mut insert =
        transaction.prepare("INSERT OR IGNORE INTO named (id, time_us, request) VALUES (?1, ?2, ?3)")?;
    for NamedRow { id, time_us, request } in rows {
        insert.execute(params![id, stored(*time_us), request])?;
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn json(id: &str, value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Record { id: id.to_owned(), detail: error.to_string() })
}

/// A time as SQLite stores it.
fn stored(time_us: u64) -> i64 {
    i64::try_from(time_us).unwrap_or(i64::MAX)
}
