//! Rows that are labelled and written together.

use anyhow::Result;

use super::checkpoint::Checkpoint;
use super::row::{BadRow, Row};

/// Text of a window at most, unless a single row has more.
const BYTES: usize = 8 << 20;

/// Rows that follow one another.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Good and bad ones, in the order of the input.
    pub(super) rows: Vec<Result<Row, BadRow>>,
    /// Where the input stands behind them.
    pub(super) end: Position,
}

/// A place in the input, between two rows.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Position {
    /// Lines or rows before it, blank lines included.
    pub(super) lines: u64,
    /// A hash of the input before it, or of what identifies the whole input.
    pub(super) digest: String,
    /// The share of the input before it, 0 to 1, if that can be told.
    pub(super) share: Option<f64>,
}

/// How large windows are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Limits {
    pub(super) fn of_rows(rows: usize) -> Self {
        Self { rows, bytes: BYTES }
    }
}

/// Where rows come from.
pub(super) trait Source: Send {
    /// The next rows; none at the end. Where windows end follows from the input and the limits alone.
    ///
    /// # Errors
    /// When the input cannot be read on. Rows that cannot be used are in the window.
    fn next(&mut self) -> Result<Option<Window>>;

    /// Goes to where an earlier run got to, before the first window is read.
    ///
    /// # Errors
    /// When the input is not the one that the earlier run read.
    fn skip(&mut self, checkpoint: &Checkpoint) -> Result<()>;

    /// Sees to it that columns of these names can be added.
    ///
    /// # Errors
    /// When the input has one of them already.
    fn check_columns(&self, _names: &[String]) -> Result<()> {
        Ok(())
    }
}
