//! Old records make way.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Records that are older go, in days.
    pub days: u32,
    /// The oldest go when the records take more than this, in MiB.
    pub mebibytes: u32,
}

/// Records that are deleted at a time, so that no deletion holds up the writing of new ones for long.
const AT_A_TIME: i64 = 4096;

const US_PER_DAY: u64 = 86_400_000_000;

/// What grows: decisions, and requests that named their model.
const TABLES: [&str; 2] = ["records", "named"];

/// Deletes some of what is not to be kept. Returns whether there may be more.
pub(super) fn prune(
    connection: &Connection,
    retention: Retention,
    now_unix_us: u64,
) -> Result<bool, StoreError> {
    let oldest = now_unix_us.saturating_sub(u64::from(retention.days) * US_PER_DAY);
    let too_old = delete_before(connection, i64::try_from(oldest).unwrap_or(i64::MAX))?;
    let too_many = if bytes_in_use(connection)? > u64::from(retention.mebibytes) << 20 {
        match end_of_the_oldest(connection)? {
            Some(end) => delete_before(connection, end.saturating_add(1))?,
            None => 0,
        }
    } else {
        0
    };
    if too_old + too_many > 0 {
        // Gives the space back to the file system, a page with every step.
        let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok(too_old + too_many > 0)
}

/// Deletes the oldest of what is older than `end_us`. Returns how many.
fn delete_before(connection: &Connection, end_us: i64) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for table in TABLES {
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE time_us < ?1 ORDER BY time_us LIMIT ?2)"
        );
        deleted += connection.execute(&sql, params![end_us, AT_A_TIME])?;
    }
    Ok(deleted)
}

/// When the oldest twentieth of all records ends; nothing if there are none.
fn end_of_the_oldest(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let count = "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM named)";
    let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
    let nth = "SELECT time_us FROM (SELECT time_us FROM records UNION ALL SELECT time_us FROM named) \
               ORDER BY time_us LIMIT 1 OFFSET ?1";
    let others = (count / 20).min(AT_A_TIME - 1);
    Ok(connection.query_row(nth, params![others], |row| row.get(0)).optional()?)
}

/// Bytes of the database that hold something.
fn bytes_in_use(connection: &Connection) -> Result<u64, StoreError> {
    let pragma = |name: &str| -> Result<u64, StoreError> {
        let value: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    Ok((pragma("page_count")?.saturating_sub(pragma("freelist_count")?)) * pragma("page_size")?)
}
