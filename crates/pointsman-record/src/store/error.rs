//! What can be wrong with a file of records.

use std::io;

use super::schema::VERSION;

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file or its folder cannot be made.
    #[error("the file cannot be made: {0}")]
    Create(#[source] io::Error),
    /// The file is a database of something else.
    #[error("the file is not a database of pointsman's records; name another")]
    Foreign,
    /// The file is from a newer program.
    #[error(
        "the file has form {version}, which is newer than this program, which knows up to {VERSION}; update pointsman"
    )]
    Newer {
        /// Its version.
        version: i32,
    },
    /// What was written cannot be brought to the disk.
    #[error("what was written cannot be brought to the disk: {0}")]
    Sync(#[source] io::Error),
    /// A record cannot be read or written as JSON.
    #[error("record {id}: {detail}")]
    Record {
        /// Its id.
        id: String,
        /// What is wrong.
        detail: String,
    },
    /// SQLite says no: the disk is full, the file is locked, damaged, or cannot be written.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}
