//! Reading records.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::{StoreError, schema};
use crate::named::{NAMED_VERSION, NamedRecord};
use crate::record::{Feedback, Record, VERSION};

/// A file of records, open for reading.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Whether the file's form has requests that named their model.
    has_named: bool,
}

/// Which records are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not older than this, in microseconds since 1970-01-01T00:00Z.
    pub since_us: u64,
    /// The newest of them only, so many.
    pub newest: Option<usize>,
}

/// All columns of `records` in the order of [`read_row`].
const COLUMNS: &str = "id, decision, answered, score, score_us";

/// The columns of `named` in the order of [`read_named`].
const NAMED_COLUMNS: &str = "id, request";

impl Store {
    /// Opens the file at `path`, which may be written to at the same time.
    ///
    /// # Errors
    /// When there is no such file, or it is not one of records.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let has_named = schema::version(&connection)? >= schema::WITH_NAMED;
        Ok(Self { connection, has_named })
    }

    /// Hands over the wanted decisions, oldest first. One that cannot be read is an error in its place, and reading goes
    /// on after it until `each` itself fails.
    ///
    /// # Errors
    /// When the file cannot be read, and whatever `each` returns.
    pub fn each<E: From<StoreError>>(
        &self,
        filter: Filter,
        mut each: impl FnMut(Result<Record, StoreError>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.rows("records", COLUMNS, filter, |row| each(read_row(row)))
    }

    /// Hands over the wanted requests that named their model, in the order in which their answers ended, or with
    /// [`Filter::newest`] oldest first; none of a file that is older than such records. One that cannot be read is an error in
    /// its place, as with [`Store::each`].
    ///
    /// # Errors
    /// When the file cannot be read, and whatever `each` returns.
    pub fn each_named<E: From<StoreError>>(
        &self,
        filter: Filter,
        mut each: impl FnMut(Result<NamedRecord, StoreError>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.has_named {
            return Ok(());
        }
        self.rows("named", NAMED_COLUMNS, filter, |row| each(read_named(row)))
    }

    /// The wanted rows of a table.
    fn rows<E: From<StoreError>>(
        &self,
        table: &str,
        columns: &str,
        filter: Filter,
        mut each: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = filter.newest.map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
        let since = i64::try_from(filter.since_us).unwrap_or(i64::MAX);
        let sql = if filter.newest.is_some() {
            format!(
                "SELECT {columns} FROM (SELECT * FROM {table} WHERE time_us >= ?1 ORDER BY time_us DESC, id DESC LIMIT ?2) \
                 ORDER BY time_us, id"
            )
        } else {
            // In the order of the rows, which is that of writing: sorting a million rows would cost more than reading.
            format!("SELECT {columns} FROM {table} WHERE time_us >= ?1 LIMIT ?2")
        };
        let mut statement = self.connection.prepare(&sql).map_err(StoreError::from)?;
        let mut rows = statement.query(params![since, newest]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            each(row)?;
        }
        Ok(())
    }

    /// The record of a decision, if there is one.
    ///
    /// # Errors
    /// When the file or the record cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM records WHERE id = ?1");
        let found = self.connection.query_row(&sql, params![id], |row| Ok(read_row(row))).optional()?;
        found.transpose()
    }

    /// How many decisions there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count(&self) -> Result<u64, StoreError> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn read_row(row: &Row<'_>) -> Result<Record, StoreError> {
    let id: String = row.get(0)?;
    let broken = |detail: String| StoreError::Record { id: id.clone(), detail };
    let decision = row.get_ref(1)?.as_str().map_err(|error| broken(error.to_string()))?;
    let mut record: Record = serde_json::from_str(decision).map_err(|error| broken(error.to_string()))?;
    if record.version > VERSION {
        return Err(broken(format!(
            "version {} is newer than this program; update pointsman",
            record.version
        )));
    }
    if let Some(answered) = row.get_ref(2)?.as_str_or_null().map_err(|error| broken(error.to_string()))? {
        record.answered = Some(serde_json::from_str(answered).map_err(|error| broken(error.to_string()))?);
    }
    if let Some(score) = row.get::<_, Option<f64>>(3)? {
        let time_us = row.get::<_, Option<i64>>(4)?.and_then(|us| u64::try_from(us).ok()).unwrap_or_default();
        record.feedback = Some(Feedback { score, time_us });
    }
    Ok(record)
}

fn read_named(row: &Row<'_>) -> Result<NamedRecord, StoreError> {
    let id: String = row.get(0)?;
    let broken = |detail: String| StoreError::Record { id: id.clone(), detail };
    let request = row.get_ref(1)?.as_str().map_err(|error| broken(error.to_string()))?;
    let record: NamedRecord = serde_json::from_str(request).map_err(|error| broken(error.to_string()))?;
    if record.version > NAMED_VERSION {
        return Err(broken(format!(
            "version {} is newer than this program; update pointsman",
            record.version
        )));
    }
    Ok(record)
}
