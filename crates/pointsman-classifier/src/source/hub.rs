//! Files of a repository on the Hugging Face Hub, through its cache.
//!
//! The cache is the one that the Hub's own tools use, so that a model fetched by either is there for both. A file that is
//! in the cache is not asked for again: a branch stays at the commit where it was first fetched until its folder in the
//! cache is deleted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use super::{ParseSourceError, SourceError};

const PUBLIC_ENDPOINT: &str = "https://huggingface.co";
const DEFAULT_REVISION: &str = "main";

/// A repository of models, or of data, and the branch, tag or commit to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRepository {
    id: String,
    revision: Option<String>,
    holds_data: bool,
}

/// What the environment says about the Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubEnvironment {
    /// Where downloads are kept; nothing when there is no home folder either.
    pub cache: Option<PathBuf>,
    /// The Hub's address, without a slash at the end.
    pub endpoint: String,
    /// Sent to the Hub as proof of who asks; where there is none, the `token` file beside the cache is used.
    pub token: Option<String>,
    /// Whether the network must not be used.
    pub offline: bool,
}

/// How far the download of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download<'a> {
    /// The file's name in the repository.
    pub file: &'a str,
    /// Bytes that have arrived.
    pub received: u64,
    /// Bytes there are.
    pub total: u64,
}

/// Access to the Hub.
pub struct Hub<'a> {
    environment: HubEnvironment,
    progress: Option<&'a (dyn Fn(Download<'_>) + Sync)>,
}

impl HubEnvironment {
    /// Reads `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` with the meaning that the Hub's own
    /// tools give them. `variable` looks up an environment variable; empty ones count as unset.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| set(name).map(PathBuf::from);
        let home = || {
            folder("XDG_CACHE_HOME")
                .or_else(|| folder("HOME").or_else(|| folder("USERPROFILE")).map(|home| home.join(".cache")))
                .map(|cache| cache.join("huggingface"))
        };
        Self {
            cache: folder("HF_HUB_CACHE")
                .or_else(|| folder("HF_HOME").or_else(home).map(|home| home.join("hub"))),
            endpoint: set("HF_ENDPOINT")
                .map_or_else(|| PUBLIC_ENDPOINT.to_owned(), |url| url.trim_end_matches('/').to_owned()),
            token: set("HF_TOKEN").map(|token| token.trim().to_owned()),
            offline: set("HF_HUB_OFFLINE").is_some_and(|value| {
                matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
            }),
        }
    }
}

impl<'a> Hub<'a> {
    /// Access with what `environment` says.
    #[must_use]
    pub fn new(environment: HubEnvironment) -> Self {
        Self { environment, progress: None }
    }

    /// Tells `progress` how downloads go.
    #[must_use]
    pub fn with_progress(self, progress: &'a (dyn Fn(Download<'_>) + Sync)) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// The local path of `file` of `repository`, downloaded if it is not in the cache.
    ///
    /// # Errors
    /// When the file is not in the cache and the network must not be used, or the Hub does not give it.
    pub fn fetch(&self, repository: &HubRepository, file: &str) -> Result<PathBuf, SourceError> {
        if let Some(path) = self.cached(repository, file) {
            return Ok(path);
        }
        let folder = self.environment.cache.clone().ok_or(SourceError::NoCache)?;
        let cache = Cache::new(folder.clone());
        if self.environment.offline {
            return Err(SourceError::Offline {
                repository: repository.clone(),
                file: file.to_owned(),
                cache: folder,
            });
        }
        self.download(cache, repository, file).map_err(|cause| self.failed(repository, file, cause))
    }

    /// The local path of `file` of `repository`, if it is in the cache.
    #[must_use]
    pub fn cached(&self, repository: &HubRepository, file: &str) -> Option<PathBuf> {
        cached(&Cache::new(self.environment.cache.clone()?), repository, file)
    }

    fn download(&self, cache: Cache, repository: &HubRepository, file: &str) -> Result<PathBuf, ApiError> {
        let mut builder = ApiBuilder::from_cache(cache)
            .with_endpoint(self.environment.endpoint.clone())
            .with_user_agent("pointsman", env!("CARGO_PKG_VERSION"));
        if let Some(token) = &self.environment.token {
            builder = builder.with_token(Some(token.clone()));
        }
        let reporter = Reporter { report: self.progress, file: String::new(), received: 0, total: 0 };
        builder.build()?.repo(repository.on_hub()).download_with_progress(file, reporter)
    }

    fn failed(&self, repository: &HubRepository, file: &str, cause: ApiError) -> SourceError {
        let (repository, file) = (repository.clone(), file.to_owned());
        let endpoint = self.environment.endpoint.clone();
        match &cause {
            ApiError::RequestError(error) => match **error {
                ureq::Error::StatusCode(status @ (401 | 403 | 404)) => {
                    SourceError::NotOnHub { repository, file, endpoint, status }
                }
                _ => SourceError::Download { repository, file, endpoint, cause: Box::new(cause) },
            },
            _ => SourceError::Download { repository, file, endpoint, cause: Box::new(cause) },
        }
    }
}

/// The file in the cache, by the branch or tag as last resolved, or by the commit itself.
fn cached(cache: &Cache, repository: &HubRepository, file: &str) -> Option<PathBuf> {
    let in_cache = cache.repo(repository.on_hub());
    in_cache.get(file).or_else(|| {
        let path = in_cache.pointer_path(repository.revision()).join(file);
        Path::exists(&path).then_some(path)
    })
}

impl HubRepository {
    /// `ORG/NAME`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The branch, tag or commit; `main` where none is named.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    /// The data set of this name, where a name alone stands for a model.
    #[must_use]
    pub fn of_data_set(self) -> Self {
        Self { holds_data: true, ..self }
    }

    fn on_hub(&self) -> Repo {
        let kind = if self.holds_data { RepoType::Dataset } else { RepoType::Model };
        Repo::with_revision(self.id.clone(), kind, self.revision().to_owned())
    }
}

impl fmt::Display for HubRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "@{revision}"))
    }
}

impl FromStr for HubRepository {
    type Err = ParseSourceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (id, revision) = match name.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (name, None),
        };
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        // A tag or branch may have slashes; it becomes a path in the cache, so every part must be a plain name.
        let well_formed =
            id.split_once('/').is_some_and(|(organisation, name)| part(organisation) && part(name))
                && revision.is_none_or(|revision| revision.split('/').all(part));
        if well_formed {
            Ok(Self { id: id.to_owned(), revision: revision.map(str::to_owned), holds_data: false })
        } else {
            Err(ParseSourceError::Repository { name: name.to_owned() })
        }
    }
}

/// Passes `hf-hub`'s progress on.
struct Reporter<'a> {
    report: Option<&'a (dyn Fn(Download<'_>) + Sync)>,
    file: String,
    received: u64,
    total: u64,
}

impl Reporter<'_> {
    fn report(&self) {
        if let Some(report) = self.report {
            report(Download { file: &self.file, received: self.received, total: self.total });
        }
    }
}

impl Progress for Reporter<'_> {
    fn init(&mut self, size: usize, filename: &str) {
        filename.clone_into(&mut self.file);
        (self.received, self.total) = (0, size as u64);
        self.report();
    }

    fn update(&mut self, size: usize) {
        self.received += size as u64;
        self.report();
    }

    fn finish(&mut self) {
        self.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> HubEnvironment {
        HubEnvironment::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_mean_what_they_mean_to_the_hubs_tools() {
        let cache = |variables| environment(variables).cache;
        assert_eq!(cache(&[]), None);
        assert_eq!(cache(&[("HOME", "/h")]), Some("/h/.cache/huggingface/hub".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/huggingface/hub".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]), Some("/f/hub".into()));
        assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]), Some("/c".into()));

        let bare = environment(&[("HF_ENDPOINT", ""), ("HF_TOKEN", " "), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!((bare.endpoint.as_str(), bare.token, bare.offline), (PUBLIC_ENDPOINT, None, false));
        let full =
            environment(&[("HF_ENDPOINT", "http://m:1/"), ("HF_TOKEN", "t\n"), ("HF_HUB_OFFLINE", "True")]);
        assert_eq!(
            (full.endpoint.as_str(), full.token.as_deref(), full.offline),
            ("http://m:1", Some("t"), true)
        );
    }
}
