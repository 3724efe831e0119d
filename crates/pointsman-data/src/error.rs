//! What can go wrong on the way from a publisher to a file of rows.

use std::io;
use std::path::{Path, PathBuf};

use pointsman_classifier::SourceError;

/// Why data cannot be had or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room for a file.
    #[error("{}: the disk is full; make room or give another folder with --data DIR, and run this again: what has arrived is kept", path.display())]
    Full {
        /// The file that was being written.
        path: PathBuf,
    },
    /// A manifest, lock or list is not usable.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// There is no such source.
    #[error("there is no data set `{name}`{}; `pointsman data list` names all", nearest.as_ref().map_or(String::new(), |near| format!(", did you mean `{near}`?")))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// The manifest says that there is no way to fetch the source.
    #[error("`{name}` cannot be fetched: {reason}; it is published at {home}")]
    Unavailable {
        /// The source.
        name: String,
        /// Why.
        reason: String,
        /// Where to read about it.
        home: String,
    },
    /// The network must not be used.
    #[error("{address} is not in the data folder and HF_HUB_OFFLINE is set; unset it once to download")]
    Offline {
        /// The file's address.
        address: String,
    },
    /// The publisher does not have the file, or does not show it.
    #[error(
        "{address} answers {status}: the file was moved or is not public; look for it at the source's home and correct the manifest"
    )]
    Gone {
        /// The file's address.
        address: String,
        /// The HTTP status.
        status: u16,
    },
    /// The download failed for another reason.
    #[error(
        "{address} cannot be downloaded: {message}; check the network and the proxy settings and run this again, which goes on where it stopped"
    )]
    Network {
        /// The file's address.
        address: String,
        /// What went wrong.
        message: String,
    },
    /// A file on the Hub cannot be had.
    #[error(transparent)]
    Hub(#[from] SourceError),
    /// The file is not the one that is expected.
    #[error("{address} has the SHA-256 {found}, but {} says {expected}; the publisher changed it or the download was tampered with. To accept it, correct that hash", origin.display())]
    Changed {
        /// The file's address.
        address: String,
        /// The hash of what arrived.
        found: String,
        /// The hash that is known.
        expected: String,
        /// The manifest or lock that knows it.
        origin: PathBuf,
    },
    /// The file does not have the layout that the manifest describes.
    #[error("{}: row {row}: {message}; the published layout and the manifest's adapter disagree", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The row, counted from 0.
        row: usize,
        /// What is wrong with it.
        message: String,
    },
}

impl DataError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: path.to_owned() },
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    pub(crate) fn manifest(path: &Path, message: impl Into<String>) -> Self {
        Self::Manifest { path: path.to_owned(), message: message.into() }
    }
}
