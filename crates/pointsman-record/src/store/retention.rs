//! Old records make way.

use rusqlite::{Connection, params};

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

/// Deletes some of what is not to be kept. Returns whether there may be more.
pub(super) fn prune(
    connection: &Connection,
    retention: Retention,
    now_unix_us: u64,
) -> Result<bool, StoreError> {
    let oldest = now_unix_us.saturating_sub(u64::from(retention.days) * US_PER_DAY);
    let too_old = connection.execute(
        "DELETE FROM records WHERE rowid IN \
         (SELECT rowid FROM records WHERE time_us < ?1 ORDER BY time_us LIMIT ?2)",
        params![i64::try_from(oldest).unwrap_or(i64::MAX), AT_A_TIME],
    )?;
    let too_many = if bytes_in_use(connection)? > u64::from(retention.mebibytes) << 20 {
        let count: i64 = connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
        connection.execute(
            "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records ORDER BY time_us LIMIT ?1)",
            params![AT_A_TIME.min(count / 20 + 1)],
        )?
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

/// Bytes of the database that hold something.
fn bytes_in_use(connection: &Connection) -> Result<u64, StoreError> {
    let pragma = |name: &str| -> Result<u64, StoreError> {
        let value: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    Ok((pragma("page_count")?.saturating_sub(pragma("freelist_count")?)) * pragma("page_size")?)
}
