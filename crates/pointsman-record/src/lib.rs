//! Decisions, written down so that they can be replayed.
//!
//! A [`Record`] holds what the policy was given and what it answered: with the table whose hash it names, the decision
//! can be recomputed without the classifier. The prompt itself is kept only as [`PromptPolicy`] allows. A [`NamedRecord`] is of
//! a request that named its model, so that nothing was decided.
//!
//! A [`Recorder`] writes records to a file of SQLite behind a queue; a [`Store`] reads them back; [`read`] and [`write()`]
//! are the same as JSON lines, a [`ColumnsWriter`] makes a file of Parquet. Clocks come from outside ([`Clock`]).

mod columns;
mod jsonl;
mod named;
mod prompt;
mod record;
mod recorder;
mod store;
mod utc;

pub use columns::{ColumnsError, ColumnsWriter};
pub use jsonl::{ReadError, read, read_all, write, write_named};
pub use named::{Entry, NAMED_VERSION, NamedRecord};
pub use pointsman_domain::TokenUsage;
pub use prompt::{PromptPolicy, StoredPrompt};
pub use record::{Answered, Attempt, End, Feedback, Record, VERSION};
pub use recorder::{Clock, Counts, Known, Options, Recorder, Report};
pub use store::{Filter, Retention, Store, StoreError};
pub use utc::utc;
