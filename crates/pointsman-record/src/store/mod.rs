//! Records in a file of SQLite.
//!
//! A writer and any number of readers, in this process or others, can use a file at the same time (write-ahead log). What
//! was committed survives the death of the process, and that of the machine once [`Disk::sync`] has returned.

mod disk;
mod error;
mod reader;
mod retention;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use disk::{CHECKPOINT_BYTES, Disk};
pub use error::StoreError;
pub use reader::{Filter, Store};
pub use retention::Retention;
pub(crate) use writer::{Batch, Writer};
