//! Why a model cannot be had.

use std::io;
use std::path::PathBuf;

use hf_hub::api::sync::ApiError;

use super::HubRepository;

/// A string that names no model source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSourceError {
    /// Nothing was given.
    #[error("no model is named; use `embedded`, a folder, or hf:ORG/NAME[@REVISION]")]
    Empty,
    /// What follows `hf:` is no repository.
    #[error("`{name}` is not a repository on the Hub; write hf:ORG/NAME or hf:ORG/NAME@REVISION")]
    Repository {
        /// What was given after `hf:`.
        name: String,
    },
}

/// Why the files of a model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The binary was built without a model.
    #[error("this program was built without a model; name a folder or hf:ORG/NAME instead of `embedded`")]
    NoneEmbedded,
    /// A file was asked for that the binary does not hold.
    #[error("the embedded model has no file `{file}`; name a folder or hf:ORG/NAME")]
    EmbeddedFile {
        /// The file.
        file: String,
    },
    /// There is no such folder.
    #[error("there is no folder `{}`; for a model on the Hub write hf:ORG/NAME", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder lacks a file.
    #[error("folder `{}` has no `{file}`; a model folder holds card.toml, tokenizer.json and model.safetensors", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: String,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Nothing says where downloads are kept.
    #[error("there is no folder to keep downloads in; set HF_HOME")]
    NoCache,
    /// The file is not in the cache, and the network must not be used.
    #[error("`{file}` of hf:{repository} is not in the cache `{}` and HF_HUB_OFFLINE is set; unset it once to download", cache.display())]
    Offline {
        /// The repository.
        repository: HubRepository,
        /// The file.
        file: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The Hub does not have it, or does not show it to this user.
    #[error(
        "{endpoint} has no `{file}` in hf:{repository} ({status}); check its name and revision, and HF_TOKEN if it is private"
    )]
    NotOnHub {
        /// The repository.
        repository: HubRepository,
        /// The file.
        file: String,
        /// The Hub's address.
        endpoint: String,
        /// The HTTP status: 401, 403 or 404.
        status: u16,
    },
    /// The download failed for another reason.
    #[error(
        "`{file}` of hf:{repository} cannot be downloaded from {endpoint}: {cause}; check the network, HF_ENDPOINT and the proxy settings"
    )]
    Download {
        /// The repository.
        repository: HubRepository,
        /// The file.
        file: String,
        /// The Hub's address.
        endpoint: String,
        /// What the client says.
        cause: Box<ApiError>,
    },
}
