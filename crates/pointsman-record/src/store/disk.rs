//! Bringing to the disk what was committed.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Bytes committed after which the log is copied into the file itself; with what SQLite adds, a log of some MiB.
pub(crate) const CHECKPOINT_BYTES: usize = 2 << 20;

/// Commits after which the log is copied, however little they wrote.
const CHECKPOINT_COMMITS: usize = 64;

/// Waits for the disk in place of the [`Writer`](super::Writer), which does not (`synchronous = NORMAL`, no automatic
/// checkpoints).
#[derive(Debug)]
pub(crate) struct Disk {
    log: PathBuf,
    connection: Connection,
    /// Since the last checkpoint.
    bytes: usize,
    commits: usize,
}

impl Disk {
    /// Opens the file at `path`, which a writer has made.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut log = OsString::from(path);
        log.push("-wal");
        Ok(Self { log: log.into(), connection, bytes: 0, commits: 0 })
    }

    /// Returns when what was committed so far is on the disk. `bytes` tells how much has been committed since the last call.
    pub(crate) fn sync(&mut self, bytes: usize) -> Result<(), StoreError> {
        match OpenOptions::new().write(true).open(&self.log) {
            Ok(log) => log.sync_data().map_err(StoreError::Sync)?,
            // The log is gone when all of it is in the file.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::Sync(error)),
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.commits += 1;
        if self.bytes >= CHECKPOINT_BYTES || self.commits >= CHECKPOINT_COMMITS {
            // What a reader still needs of the log stays there until the next time.
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            (self.bytes, self.commits) = (0, 0);
        }
        Ok(())
    }
}
