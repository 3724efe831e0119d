//! What was fetched, so that a later download is known to be the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::rows::make_parent;

/// Name of the lock in the data folder.
pub const LOCK_FILE: &str = "lock.toml";

const HEADER: &str = "# What `pointsman data fetch` fetched. Files whose hash no manifest states are trusted when they are first fetched\n\
                      # and held to this record from then on. To accept a changed file, delete its entry.\n\n";

/// The record of a data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lock {
    /// Published files by address.
    pub files: BTreeMap<String, LockedFile>,
    /// Prepared rows by source.
    pub sources: BTreeMap<String, LockedSource>,
}

/// A published file as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// Rows as they were prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// SHA-256 of the file of rows in hexadecimal.
    pub sha256: String,
    /// How many rows it has.
    pub rows: usize,
}

impl Lock {
    /// The lock of the data folder.
    #[must_use]
    pub fn path(data: &Path) -> PathBuf {
        data.join(LOCK_FILE)
    }

    /// Reads the lock of the data folder; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read or is not a lock.
    pub fn read(data: &Path) -> Result<Self, DataError> {
        let path = Self::path(data);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&path).map_err(|error| DataError::io(&path, error))?;
        toml::from_str(&text).map_err(|error| DataError::manifest(&path, error.to_string()))
    }

    /// Replaces the lock of the data folder; a crash leaves the old one or the new.
    pub(crate) fn write(&self, data: &Path) -> Result<(), DataError> {
        let path = Self::path(data);
        make_parent(&path)?;
        let text = toml::to_string(self).map_err(|error| DataError::manifest(&path, error.to_string()))?;
        let draft = path.with_extension("draft");
        std::fs::write(&draft, format!("{HEADER}{text}")).map_err(|error| DataError::io(&draft, error))?;
        std::fs::rename(&draft, &path).map_err(|error| DataError::io(&path, error))
    }
}
