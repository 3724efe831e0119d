//! `pointsman.toml`: found, read, checked.
//!
//! The sections `[server]`, `[classifier]`, `[record]`, `[failures]`, `[keys]`, `[dashboard]`, `[telemetry]`, `[audit]` and `[providers]` are read here, those about routing by the policy
//! crate, which needs to know the classifier's vocabulary, the providers and the models' abilities first.

mod abilities;
mod audit;
mod classifier;
mod dashboard;
mod failures;
mod keys;
mod models;
mod providers;
mod reading;
mod record;
pub(crate) mod schema;
mod server;
mod telemetry;
mod written;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pointsman_domain::{ProviderName, Vocabulary};
use pointsman_eval::adapt::NamedModel;
use pointsman_policy::config::{self as policy, Diagnostic, Diagnostics, Document, Known, Severity, Source};
use pointsman_policy::{Abilities, Catalogue, Policy};
use pointsman_upstream::{FailurePolicies, Provider};

pub(crate) use classifier::ClassifierConfig;
pub(crate) use dashboard::DashboardConfig;
pub(crate) use keys::{ClientKey, KeyHash};
pub(crate) use server::{ServerConfig, TlsFiles};
pub(crate) use telemetry::TelemetryConfig;
pub(crate) use written::Written;

/// The file that is read when none is named.
const FILE: &str = "pointsman.toml";

/// What is read when there is no file.
const BUILT_IN: &str = include_str!("../default.toml");

/// What that is called.
const BUILT_IN_NAME: &str = "built-in configuration";

/// The sections that are read here.
const OWN_SECTIONS: [&str; 9] =
    ["audit", "classifier", "dashboard", "failures", "keys", "providers", "record", "server", "telemetry"];

/// Everything that a configuration file says beside routing, with the file for [`Config::policy`].
#[derive(Debug, Clone)]
pub(crate) struct Config {
    source: Source,
    /// The file that was read, if it was one.
    file: Option<PathBuf>,
    /// What was found to be worth saying about the sections below.
    warnings: Diagnostics,
    /// `[server]`
    pub(crate) server: ServerConfig,
    /// `[classifier]`
    pub(crate) classifier: ClassifierConfig,
    /// `[record]`; nothing is recorded without it.
    pub(crate) record: Option<pointsman_record::Options>,
    /// `[telemetry]`
    pub(crate) telemetry: TelemetryConfig,
    /// `[dashboard]`
    pub(crate) dashboard: DashboardConfig,
    /// `[failures]`
    pub(crate) failures: FailurePolicies,
    /// `[keys]`; without any, everybody may ask.
    pub(crate) keys: Vec<ClientKey>,
    /// `[providers]` and those that are built in.
    pub(crate) providers: BTreeMap<ProviderName, Provider>,
    /// How long connections to some of them may take to be made; those to others as `[server]` says.
    pub(crate) connect_timeouts: BTreeMap<ProviderName, Duration>,
    /// How able models are, by `[policy]`.
    pub(crate) abilities: Arc<Abilities>,
    /// The text of the file that they come from, if the configuration names one.
    abilities_text: Option<String>,
    /// Providers in which whoever runs the router has an interest, by `[audit]`.
    pub(crate) first_party: Vec<ProviderName>,
    /// What models charge where the file does not say.
    pub(crate) catalogue: Arc<Catalogue>,
}

impl Config {
    /// Reads the file at `path`; without one `./pointsman.toml` if it is there, else the built-in configuration.
    ///
    /// Errors in the sections about routing are left to [`Config::policy`].
    pub(crate) fn load(path: Option<&Path>) -> Result<Self> {
        let source = find(path)?;
        let file = (source.name() != BUILT_IN_NAME).then(|| path.unwrap_or(FILE.as_ref()).to_owned());
        Ok(Self { file, ..Self::without_errors(source)? })
    }

    /// Reads `text`, which is that of the file at `path`, as [`Config::load`] does.
    pub(crate) fn of_file(path: &Path, text: String) -> Result<Self> {
        let source = Source::new(path.display().to_string(), text);
        Ok(Self { file: Some(path.to_owned()), ..Self::without_errors(source)? })
    }

    fn without_errors(source: Source) -> Result<Self> {
        let (config, diagnostics) = Self::read(source);
        if diagnostics.has_errors() {
            return Err(cannot_be_used(diagnostics));
        }
        Ok(config)
    }

    /// What `source` says, with everything that is wrong with the sections that are read here. What is wrong has its
    /// default.
    pub(crate) fn read(source: Source) -> (Self, Diagnostics) {
        let document = Document::parse(&source);
        let mut diagnostics = document.syntax().clone();
        let sections: Vec<&str> = OWN_SECTIONS.into_iter().chain(policy::SECTIONS).collect();
        document.check_sections(&sections, &mut diagnostics);
        let keys = keys::read(&document, &mut diagnostics);
        let server = ServerConfig::read(&document, !keys.is_empty(), &mut diagnostics);
        let classifier = ClassifierConfig::read(&document, &mut diagnostics);
        let record = record::read(&document, &mut diagnostics);
        let telemetry = TelemetryConfig::read(&document, &mut diagnostics);
        let dashboard = DashboardConfig::read(&document, &mut diagnostics);
        let failures = failures::read(&document, &mut diagnostics);
        let (providers, connect_timeouts) = providers::read(&document, &mut diagnostics);
        let first_party = audit::read(&document, &providers, &mut diagnostics);
        let (abilities, abilities_text) = abilities::read(&document, &mut diagnostics);
        let warnings = diagnostics.clone();
        let config = Self {
            source,
            file: None,
            warnings,
            server,
            classifier,
            record,
            telemetry,
            dashboard,
            failures,
            keys,
            providers,
            connect_timeouts,
            abilities: Arc::new(abilities),
            abilities_text,
            first_party,
            catalogue: Arc::new(Catalogue::shipped()),
        };
        (config, diagnostics)
    }

    /// The providers that the catalogue lists, with their names there.
    pub(crate) fn listed(&self) -> BTreeMap<ProviderName, String> {
        let providers = self.providers.iter();
        providers.filter_map(|(name, own)| Some((name.clone(), own.listed_as()?.to_owned()))).collect()
    }

    /// The same for a server that listens elsewhere.
    pub(crate) fn listening_on(&self, listen: SocketAddr) -> Self {
        Self { server: ServerConfig { listen, ..self.server.clone() }, ..self.clone() }
    }

    /// The file that was read; nothing for the built-in configuration.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        self.source.text()
    }

    /// The models that the file names, as far as they can be read: whoever measures models needs no table that can be used. Those
    /// of the built-in configuration stand for nobody's models and are left out.
    pub(crate) fn named_models(&self) -> Vec<NamedModel> {
        if self.file.is_some() { models::read(&Document::parse(&self.source)) } else { Vec::new() }
    }

    /// What stood in its files when they were read.
    pub(crate) fn written(&self) -> Written {
        Written { text: self.text().to_owned(), abilities: self.abilities_text.clone() }
    }

    /// Where the configuration comes from, for people.
    pub(crate) fn origin(&self) -> &str {
        self.source.name()
    }

    /// Reads the sections about routing, with everything that was found in the whole file. There is a policy exactly if
    /// nothing found is an error.
    pub(crate) fn check(&self, vocabulary: &Vocabulary) -> (Option<Policy>, Vec<Diagnostic>) {
        let (policy, diagnostics) = self.read_policy(vocabulary);
        (policy, diagnostics.into_sorted())
    }

    /// Reads the sections about routing, for work that needs them; also returns what is worth saying.
    pub(crate) fn policy(&self, vocabulary: &Vocabulary) -> Result<(Policy, Vec<Diagnostic>)> {
        let (policy, diagnostics) = self.read_policy(vocabulary);
        match policy {
            Some(policy) => Ok((policy, diagnostics.into_sorted())),
            None => Err(cannot_be_used(diagnostics)),
        }
    }

    fn read_policy(&self, vocabulary: &Vocabulary) -> (Option<Policy>, Diagnostics) {
        let document = Document::parse(&self.source);
        let known = Known {
            vocabulary: Arc::new(vocabulary.clone()),
            providers: self.providers.keys().cloned().collect(),
            abilities: Arc::clone(&self.abilities),
            catalogue: Arc::clone(&self.catalogue),
            listed: self.listed(),
        };
        let (policy, found) = Policy::read(&document, &known);
        let mut diagnostics = self.warnings.clone();
        diagnostics.extend(found);
        (policy.filter(|_| !diagnostics.has_errors()), diagnostics)
    }
}

/// The text of the configuration.
pub(crate) fn find(path: Option<&Path>) -> Result<Source> {
    let (path, named) = path.map_or((Path::new(FILE), false), |path| (path, true));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Source::new(path.display().to_string(), text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
            Ok(Source::new(BUILT_IN_NAME, BUILT_IN))
        }
        Err(error) => {
            Err(error).with_context(|| format!("{}: the configuration cannot be read", path.display()))
        }
    }
}

/// All that is wrong, in full, as one error.
fn cannot_be_used(diagnostics: Diagnostics) -> anyhow::Error {
    let name = diagnostics.source().name().to_owned();
    let mut message = format!("{name} cannot be used");
    for diagnostic in diagnostics.into_sorted() {
        if diagnostic.severity == Severity::Error {
            let _ = write!(message, "\n{diagnostic:#}");
        }
    }
    anyhow::anyhow!(message)
}

#[cfg(test)]
mod tests;
