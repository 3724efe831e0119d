//! Everything that `datasets/` says about public data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pointsman_domain::nearest;
use serde::Deserialize;

use crate::error::DataError;
use crate::manifest::Source;

/// The manifests of a `datasets` folder, and where the lists beside them are.
#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    sources: Vec<Source>,
    extracts: Vec<Extract>,
}

/// A file of prepared rows of several sources, as a shipped model was trained on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// Path in the data folder.
    pub path: String,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExtracts {
    extracts: BTreeMap<String, String>,
}

impl Catalogue {
    /// Reads `folder`: a manifest for each source in `sources/`, and `extracts.toml`.
    ///
    /// # Errors
    /// When a file cannot be read or is not usable.
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let sources = folder.join("sources");
        let paths = files(&sources, "toml")?;
        let extracts = folder.join("extracts.toml");
        Ok(Self {
            folder: folder.to_owned(),
            sources: paths.iter().map(|path| Source::read(path)).collect::<Result<_, _>>()?,
            extracts: if extracts.exists() { read_extracts(&extracts)? } else { Vec::new() },
        })
    }

    /// All sources, by name.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Files of prepared rows whose hashes are known.
    #[must_use]
    pub fn extracts(&self) -> &[Extract] {
        &self.extracts
    }

    /// The source `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn source(&self, name: &str) -> Result<&Source, DataError> {
        self.sources.iter().find(|source| source.name == name).ok_or_else(|| DataError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.sources.iter().map(|source| source.name.as_str())).map(str::to_owned),
        })
    }

    /// The manifest of `source`.
    #[must_use]
    pub fn manifest(&self, source: &str) -> PathBuf {
        self.folder.join("sources").join(format!("{source}.toml"))
    }

    /// The list of the rows of `source` that the project uses; there need not be one.
    #[must_use]
    pub fn fingerprints(&self, source: &str) -> PathBuf {
        self.folder.join("fingerprints").join(format!("{source}.tsv"))
    }

    /// The labels of rows of `source`; there need not be any.
    #[must_use]
    pub fn labels(&self, source: &str) -> PathBuf {
        self.folder.join("public-labels").join(format!("{source}.jsonl"))
    }

    /// The list of prompts that must not be trained on.
    #[must_use]
    pub fn kept_out(&self) -> PathBuf {
        self.folder.join("kept-out.tsv")
    }

    /// The files of prompts written for the project.
    ///
    /// # Errors
    /// When their folder is there and cannot be read.
    pub fn own_prompts(&self) -> Result<Vec<PathBuf>, DataError> {
        let folder = self.folder.join("pointsman-prompts");
        if folder.exists() { files(&folder, "jsonl") } else { Ok(Vec::new()) }
    }
}

fn read_extracts(path: &Path) -> Result<Vec<Extract>, DataError> {
    let text = std::fs::read_to_string(path).map_err(|error| DataError::io(path, error))?;
    let raw: RawExtracts =
        toml::from_str(&text).map_err(|error| DataError::manifest(path, error.to_string()))?;
    Ok(raw.extracts.into_iter().map(|(path, sha256)| Extract { path, sha256 }).collect())
}

/// The files in `folder` with the extension, in alphabetical order.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(folder).map_err(|error| DataError::io(folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    Ok(paths)
}
