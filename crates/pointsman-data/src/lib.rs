//! Public data sets that models are trained on, had from where they are published.
//!
//! A [`Catalogue`] is read from the manifests in `datasets/`. A [`Fetcher`] downloads what a manifest names, checks its
//! hash and adapts it to the project's JSON lines; [`verify()`] checks what is there. Texts stay with their publishers:
//! the repository holds manifests, labels by id, and fingerprints that tie an id to its text.

mod adapt;
mod catalogue;
mod download;
mod error;
mod fetch;
mod fingerprint;
mod lock;
mod manifest;
mod rows;
mod verify;

pub use catalogue::{Catalogue, Extract};
pub use error::DataError;
pub use fetch::{Fetched, FetchedFile, Fetcher};
pub use fingerprint::{Fingerprint, Listed};
pub use lock::{LOCK_FILE, Lock, LockedFile, LockedSource};
pub use manifest::{Adapter, Format, Labelling, Place, PublishedFile, Purpose, Source};
pub use rows::{DataRow, prepared, read_rows};
pub use verify::{Problem, Verification, verify};
