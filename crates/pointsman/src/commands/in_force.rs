//! The versions of the configuration that were in force while records were written.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pointsman_domain::ProviderName;
use pointsman_eval::replay::{Version, Versions};
use pointsman_policy::Policy;

use crate::cli::Global;
use crate::config::Config;
use crate::model;
use crate::terminal::{ERROR, styled};

/// Configurations with their tables: one that a command goes by, and those of `--table`.
#[derive(Debug)]
pub(super) struct InForce {
    first: ReadVersion,
    further: Vec<ReadVersion>,
}

#[derive(Debug)]
struct ReadVersion {
    config: Config,
    policy: Policy,
}

impl InForce {
    /// `config`, and what the files `further` hold.
    pub(super) fn read(config: Config, further: &[PathBuf], global: &Global) -> Result<Self> {
        let first = ReadVersion::read(config, global)?;
        let read = |path: &PathBuf| ReadVersion::read(Config::load(Some(path))?, global);
        Ok(Self { first, further: further.iter().map(read).collect::<Result<_>>()? })
    }

    /// All of them, to take decisions again with.
    pub(super) fn versions(&self) -> Versions<'_> {
        Versions::new(self.first.version(), self.further.iter().map(ReadVersion::version).collect())
    }

    /// Whether one of them has a provider of that name.
    pub(super) fn has_provider(&self, name: &ProviderName) -> bool {
        std::iter::once(&self.first).chain(&self.further).any(|read| read.config.providers.contains_key(name))
    }
}

impl ReadVersion {
    fn read(config: Config, global: &Global) -> Result<Self> {
        let (policy, _) = config.policy(&model::card(global, &config)?.vocabulary)?;
        Ok(Self { config, policy })
    }

    fn version(&self) -> Version<'_> {
        Version { policy: &self.policy, abilities: &self.config.abilities }
    }
}

/// What is said where there is no record.
pub(super) const NO_RECORDS: &str = "there are no records, so nothing was checked";

/// Tells on standard error that the tables of `missing` records of `all` are not at hand, and what to do about that.
pub(super) fn say_missing(missing: impl Display, all: impl Display) {
    anstream::eprintln!(
        "{} {missing} of {all} records are of tables that are not at hand; name each version of the configuration that was in \
         force with --table FILE",
        styled(ERROR, "unchecked:")
    );
}

/// Tells on standard error that `count` records of the file at `path` cannot be read, so that they were not checked.
pub(super) fn say_unreadable(count: usize, path: &Path) {
    anstream::eprintln!(
        "{} {count} records of {} cannot be read, so nothing can be said of all of them",
        styled(ERROR, "unchecked:"),
        path.display()
    );
}
