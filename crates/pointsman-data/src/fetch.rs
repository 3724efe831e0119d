//! Fetching a source: download, check, adapt, record.

use std::path::{Path, PathBuf};

use pointsman_classifier::{Download, Hub};
use ureq::Agent;

use crate::catalogue::Catalogue;
use crate::download::{agent, download};
use crate::error::DataError;
use crate::fingerprint::{Fingerprint, Listed};
use crate::lock::{Lock, LockedFile, LockedSource};
use crate::manifest::{Place, PublishedFile, Source};
use crate::{adapt, rows};

/// Fetches sources into a data folder.
pub struct Fetcher<'a> {
    catalogue: &'a Catalogue,
    data: &'a Path,
    hub: &'a Hub<'a>,
    offline: bool,
    progress: &'a dyn Fn(Download<'_>),
    agent: Agent,
}

/// What came of fetching a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The source.
    pub name: String,
    /// Its published files.
    pub files: Vec<FetchedFile>,
    /// Where its rows are.
    pub path: PathBuf,
    /// How many rows were made.
    pub rows: usize,
    /// How many rows the project uses, where a list says which.
    pub listed: Option<usize>,
}

/// A published file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// Its address.
    pub address: String,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Whether it was there before.
    pub cached: bool,
    /// Whether its hash was known before; else this download is the one that is trusted.
    pub known: bool,
    /// Whether its address names a commit, see [`Place::names_commit`].
    pub names_commit: bool,
}

/// A hash and the file that states it.
struct Expected {
    sha256: String,
    origin: PathBuf,
}

impl std::fmt::Debug for Fetcher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("data", &self.data)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl<'a> Fetcher<'a> {
    /// Fetches into `data` what `catalogue` names.
    #[must_use]
    pub fn new(catalogue: &'a Catalogue, data: &'a Path, hub: &'a Hub<'a>) -> Self {
        Self { catalogue, data, hub, offline: false, progress: &|_| (), agent: agent() }
    }

    /// Uses the network or not.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Tells `progress` how downloads from plain addresses go.
    #[must_use]
    pub fn with_progress(self, progress: &'a dyn Fn(Download<'_>)) -> Self {
        Self { progress, ..self }
    }

    /// Makes the file of rows of the source `name`, downloading what is not there.
    ///
    /// # Errors
    /// When there is no such source, a file cannot be had or is not the expected one, or its layout is another.
    pub fn fetch(&self, name: &str) -> Result<Fetched, DataError> {
        let source = self.catalogue.source(name)?;
        if let Some(reason) = &source.unavailable {
            return Err(DataError::Unavailable {
                name: source.name.clone(),
                reason: reason.clone(),
                home: source.home.clone(),
            });
        }
        let mut listed = Listed::read_if_there(&self.catalogue.fingerprints(name))?;
        let kept_out = Listed::read_if_there(&self.catalogue.kept_out())?.unwrap_or_default();
        let count = listed.as_ref().map(Listed::len);
        let (mut files, mut all) = (Vec::new(), Vec::new());
        for (i, file) in source.files.iter().enumerate() {
            let (path, fetched) = self.file(source, i, file)?;
            all.extend(adapt::rows(source, file, &path, listed.as_mut())?);
            files.push(fetched);
        }
        all.retain(|row| kept_out.name(&Fingerprint::of(&row.text)).is_none());
        let path = rows::prepared(self.data, name);
        rows::write_rows(&path, &all)?;
        let mut lock = Lock::read(self.data)?;
        let (sha256, _) = rows::hash(&path)?;
        lock.sources.insert(name.to_owned(), LockedSource { sha256, rows: all.len() });
        lock.write(self.data)?;
        Ok(Fetched { name: name.to_owned(), files, path, rows: all.len(), listed: count })
    }

    /// Has one file, and records its hash if it is new.
    fn file(
        &self,
        source: &Source,
        number: usize,
        file: &PublishedFile,
    ) -> Result<(PathBuf, FetchedFile), DataError> {
        let address = file.place.to_string();
        let mut lock = Lock::read(self.data)?;
        let expected = match (&file.sha256, lock.files.get(&address)) {
            (Some(sha256), _) => {
                Some(Expected { sha256: sha256.clone(), origin: self.catalogue.manifest(&source.name) })
            }
            (None, Some(locked)) => {
                Some(Expected { sha256: locked.sha256.clone(), origin: Lock::path(self.data) })
            }
            (None, None) => None,
        };
        let (path, cached) = match &file.place {
            Place::Hub { repository, path } => (self.hub.fetch(repository, path)?, false),
            Place::Url(url) => self.plain(source, number, url, expected.as_ref())?,
        };
        let (sha256, bytes) = check(&address, &path, expected.as_ref())?;
        lock.files.insert(address.clone(), LockedFile { sha256: sha256.clone(), bytes });
        lock.write(self.data)?;
        let (known, names_commit) = (expected.is_some(), file.place.names_commit());
        Ok((path, FetchedFile { address, sha256, bytes, cached, known, names_commit }))
    }

    /// The local path of a file at a plain address, and whether it was there before.
    fn plain(
        &self,
        source: &Source,
        number: usize,
        url: &str,
        expected: Option<&Expected>,
    ) -> Result<(PathBuf, bool), DataError> {
        let path = raw(self.data, source, number, url);
        if path.exists() && check(url, &path, expected).is_ok() {
            return Ok((path, true));
        }
        if self.offline {
            return Err(DataError::Offline { address: url.to_owned() });
        }
        let accept = |arrived: &Path| check(url, arrived, expected).map(|_| ());
        download(&self.agent, url, &path, self.progress, accept)?;
        Ok((path, false))
    }
}

/// The local path of the file `number` of `source`, if it is there.
pub(crate) fn there(data: &Path, hub: &Hub<'_>, source: &Source, number: usize) -> Option<PathBuf> {
    match &source.files.get(number)?.place {
        Place::Url(url) => Some(raw(data, source, number, url)).filter(|path| path.exists()),
        Place::Hub { repository, path } => hub.cached(repository, path),
    }
}

/// Where the file `number` of `source` is kept as it was published. The number keeps files of one name apart.
fn raw(data: &Path, source: &Source, number: usize, url: &str) -> PathBuf {
    let name = url.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    data.join("raw").join(&source.name).join(format!("{number}-{name}"))
}

/// Hash and length of the file at `path`, if it is the expected one.
fn check(address: &str, path: &Path, expected: Option<&Expected>) -> Result<(String, u64), DataError> {
    let (found, bytes) = rows::hash(path)?;
    match expected {
        Some(Expected { sha256, origin }) if *sha256 != found => Err(DataError::Changed {
            address: address.to_owned(),
            found,
            expected: sha256.clone(),
            origin: origin.clone(),
        }),
        _ => Ok((found, bytes)),
    }
}
