//! Sources from a publisher on this machine, end to end.

mod fetch;
mod server;
mod verify;

use std::path::{Path, PathBuf};

use pointsman_classifier::{Hub, HubEnvironment};
use pointsman_data::{Catalogue, DataError, Fetched, Fetcher};
use tempfile::TempDir;

use server::Server;

/// A publisher, a `datasets` folder and a data folder.
pub(crate) struct World {
    pub(crate) server: Server,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let world = Self { server: Server::start(), folder };
        std::fs::create_dir_all(world.datasets().join("sources")).expect("made");
        world
    }

    pub(crate) fn datasets(&self) -> PathBuf {
        self.folder.path().join("datasets")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file of the `datasets` folder.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.datasets().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    /// Writes the manifest of a source of questions that are published as `/NAME.jsonl`.
    pub(crate) fn source(&self, name: &str, more: &str) {
        let address = &self.server.address;
        let manifest = format!(
            "name = \"{name}\"\nhome = \"{address}\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 2\n\
             [[file]]\nurl = \"{address}/{name}.jsonl\"\nformat = \"jsonl\"\nid = \"{name}-{{row}}\"\ntext = [\"q\"]\n{more}"
        );
        self.write(&format!("sources/{name}.toml"), &manifest);
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue::read(&self.datasets()).expect("usable")
    }

    pub(crate) fn fetch(&self, name: &str) -> Result<Fetched, DataError> {
        let (catalogue, hub) = (self.catalogue(), self.hub());
        Fetcher::new(&catalogue, &self.data(), &hub).fetch(name)
    }

    pub(crate) fn hub(&self) -> Hub<'static> {
        Hub::new(HubEnvironment::from_variables(|name| match name {
            "HF_HOME" => self.folder.path().join("hub").to_str().map(str::to_owned),
            "HF_ENDPOINT" => Some(self.server.address.clone()),
            _ => None,
        }))
    }

    /// A message without what differs from run to run.
    pub(crate) fn shown(&self, error: &impl std::fmt::Display) -> String {
        let folder = self.folder.path().display().to_string();
        error.to_string().replace(&folder, "DIR").replace(&self.server.address, "HOST")
    }
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
