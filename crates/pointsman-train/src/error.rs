//! What can go wrong on the way to a model.

use std::path::{Path, PathBuf};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The recipe is not usable.
    #[error("{}: {message}", path.display())]
    Recipe {
        /// The recipe file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A source of the recipe stands for no file.
    #[error("`{pattern}`: {message}")]
    NoFile {
        /// The recipe's pattern.
        pattern: String,
        /// Why.
        message: String,
    },
    /// A row of training data is unusable.
    #[error("{}:{line}: {message}", path.display())]
    Row {
        /// The data file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// There is nothing to learn from.
    #[error("{message}")]
    Data {
        /// What is missing.
        message: String,
    },
    /// A checkpoint belongs to another run.
    #[error("{}: {message}", path.display())]
    Checkpoint {
        /// The checkpoint file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
    /// The loss is no longer a number.
    #[error("the loss became {loss} at step {step}: lower `fit.learning_rate` or `fit.clip_norm`")]
    Diverged {
        /// The step.
        step: usize,
        /// The loss.
        loss: f32,
    },
    /// The backbone or the model could not be used.
    #[error(transparent)]
    Model(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// Tensor arithmetic failed.
    #[error("tensor: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl TrainError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
