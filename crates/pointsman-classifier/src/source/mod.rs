//! Where a model comes from: the binary, a folder, or the Hub.

mod error;
mod files;
mod hub;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use error::{ParseSourceError, SourceError};
pub use files::ModelFiles;
pub use hub::{Download, Hub, HubEnvironment, HubRepository};

/// Name of the card in a model folder.
pub const CARD_FILE: &str = "card.toml";
/// Name of the tokenizer in a model folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// Name of the weights in a model folder.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// A model as a user names it: `embedded`, `hf:ORG/NAME[@REVISION]`, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The model that is built into the binary.
    Embedded,
    /// A folder with the three files of [`ModelFiles`].
    Folder(PathBuf),
    /// A repository on the Hugging Face Hub, or a mirror of it, with the same three files.
    Hub(HubRepository),
}

impl ModelSource {
    /// Reads the three files of the model. `embedded` is the model built into the binary, if there is one.
    ///
    /// # Errors
    /// When a file is missing or cannot be read or downloaded, or no model is built in and one is asked for.
    pub fn open(&self, embedded: Option<ModelFiles>, hub: &Hub<'_>) -> Result<ModelFiles, SourceError> {
        if *self == Self::Embedded {
            return embedded.ok_or(SourceError::NoneEmbedded);
        }
        // The card first: it is small, and a repository without one is no model of ours.
        Ok(ModelFiles {
            card: self.read(CARD_FILE, hub)?.into(),
            tokenizer: self.read(TOKENIZER_FILE, hub)?.into(),
            weights: self.read(WEIGHTS_FILE, hub)?.into(),
        })
    }

    /// Reads one file of a folder or repository, for models that are not ours (a backbone to train from).
    ///
    /// # Errors
    /// When the file is missing or cannot be read or downloaded, or the source is the binary.
    pub fn read(&self, file: &str, hub: &Hub<'_>) -> Result<Vec<u8>, SourceError> {
        match self {
            Self::Embedded => Err(SourceError::EmbeddedFile { file: file.to_owned() }),
            Self::Folder(folder) => read_file(folder, file),
            Self::Hub(repository) => {
                let path = hub.fetch(repository, file)?;
                std::fs::read(&path).map_err(|cause| SourceError::Read { path, cause })
            }
        }
    }
}

fn read_file(folder: &Path, file: &str) -> Result<Vec<u8>, SourceError> {
    let path = folder.join(file);
    std::fs::read(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound if folder.is_dir() => {
            SourceError::NoFile { folder: folder.to_owned(), file: file.to_owned() }
        }
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            SourceError::NoFolder { folder: folder.to_owned() }
        }
        _ => SourceError::Read { path, cause },
    })
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.pad("embedded"),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Hub(repository) => write!(f, "hf:{repository}"),
        }
    }
}

impl FromStr for ModelSource {
    type Err = ParseSourceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "" => Err(ParseSourceError::Empty),
            "embedded" => Ok(Self::Embedded),
            _ => match name.strip_prefix("hf:") {
                Some(repository) => repository.parse().map(Self::Hub),
                None => Ok(Self::Folder(PathBuf::from(name))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_round_trip() {
        for name in ["embedded", "models/pointsman-small", "hf:org/name", "hf:org/name@v1.2", "./embedded"] {
            let source: ModelSource = name.parse().expect(name);
            assert_eq!(source.to_string(), name);
        }
        assert_eq!("embedded".parse(), Ok(ModelSource::Embedded));
        assert_eq!("a/b".parse(), Ok(ModelSource::Folder(PathBuf::from("a/b"))));
    }

    #[test]
    fn malformed_sources_say_how_to_write_them() {
        let message = |name: &str| name.parse::<ModelSource>().expect_err(name).to_string();
        insta::assert_snapshot!(message(""), @"no model is named; use `embedded`, a folder, or hf:ORG/NAME[@REVISION]");
        for name in [
            "hf:",
            "hf:name",
            "hf:/name",
            "hf:org/",
            "hf:a/b/c",
            "hf:org/name@",
            "hf:../x",
            "hf:o g/n",
            "hf:o/n@../x",
        ] {
            assert!(message(name).contains("hf:ORG/NAME"), "{name}: {}", message(name));
        }
        insta::assert_snapshot!(message("hf:name"), @"`name` is not a repository on the Hub; write hf:ORG/NAME or hf:ORG/NAME@REVISION");
    }

    #[test]
    fn a_folder_is_read_and_what_lacks_is_named() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let hub = Hub::new(HubEnvironment::from_variables(|_| None));
        let source = ModelSource::Folder(folder.path().to_owned());
        let shown =
            |error: SourceError| error.to_string().replace(&folder.path().display().to_string(), "DIR");
        std::fs::write(folder.path().join(CARD_FILE), "card").expect("written");
        std::fs::write(folder.path().join(TOKENIZER_FILE), "tokenizer").expect("written");
        insta::assert_snapshot!(shown(source.open(None, &hub).expect_err("no weights")), @"folder `DIR` has no `model.safetensors`; a model folder holds card.toml, tokenizer.json and model.safetensors");
        std::fs::write(folder.path().join(WEIGHTS_FILE), "weights").expect("written");
        let files = source.open(None, &hub).expect("complete");
        assert_eq!(
            (&*files.card, &*files.tokenizer, &*files.weights),
            (&b"card"[..], &b"tokenizer"[..], &b"weights"[..])
        );

        let missing = ModelSource::Folder(folder.path().join("org/name"));
        insta::assert_snapshot!(shown(missing.open(None, &hub).expect_err("no folder")), @"there is no folder `DIR/org/name`; for a model on the Hub write hf:ORG/NAME");
        insta::assert_snapshot!(ModelSource::Embedded.open(None, &hub).expect_err("none built in"), @"this program was built without a model; name a folder or hf:ORG/NAME instead of `embedded`");
    }
}
