//! The classifier that a command works with.

use anyhow::{Context, Result};
use pointsman_classifier::{
    CARD_FILE, Card, Classifier, DeviceChoice, EngineChoice, FoundDevice, Hub, HubEnvironment, ModelFiles,
    ModelSource, Precision,
};

use crate::cli::Global;
use crate::config::Config;

/// The model that is built into the binary.
fn embedded() -> ModelFiles {
    ModelFiles {
        card: include_bytes!("../../../models/pointsman-small/card.toml").into(),
        tokenizer: include_bytes!("../../../models/pointsman-small/tokenizer.json").into(),
        weights: include_bytes!("../../../models/pointsman-small/model.safetensors").into(),
    }
}

/// Access to the Hub as the environment says.
pub(crate) fn hub() -> Hub<'static> {
    Hub::new(hub_environment())
}

/// What the environment says about the Hub.
#[expect(clippy::disallowed_methods, reason = "the binary is where the environment is read")]
pub(crate) fn hub_environment() -> HubEnvironment {
    HubEnvironment::from_variables(|name| std::env::var(name).ok())
}

/// The device that the command line names, else the configuration.
pub(crate) fn device(global: &Global, configured: DeviceChoice) -> Result<DeviceChoice> {
    match &global.device {
        Some(name) => name.parse().context("--device"),
        None => Ok(configured),
    }
}

/// Opens a device, and tells the log why `auto` passed others over.
fn find(choice: DeviceChoice) -> Result<FoundDevice> {
    let found = choice.find()?;
    for error in &found.passed_over {
        let (device, reason) = (error.device(), error.reason());
        tracing::info!(%device, reason, used = %found.choice, "a device is passed over");
    }
    Ok(found)
}

/// The engine that the command line names, else the configuration.
pub(crate) fn engine(global: &Global, config: &Config) -> Result<EngineChoice> {
    match &global.engine {
        Some(name) => name.parse().context("--engine"),
        None => Ok(config.classifier.engine),
    }
}

/// The precision that the command line names, else the configuration.
pub(crate) fn precision(global: &Global, config: &Config) -> Result<Precision> {
    match &global.precision {
        Some(name) => name.parse().context("--precision"),
        None => Ok(config.classifier.precision),
    }
}

/// The model that the command line names, else the configuration.
pub(crate) fn source(global: &Global, config: &Config) -> Result<ModelSource> {
    match &global.model {
        Some(name) => name.parse().context("--model"),
        None => Ok(config.classifier.model.clone()),
    }
}

/// The card of the model, for work that needs its labels alone.
pub(crate) fn card(global: &Global, config: &Config) -> Result<Card> {
    let source = source(global, config)?;
    let text = match &source {
        ModelSource::Embedded => embedded().card.into_owned(),
        other => other.read(CARD_FILE, &hub())?,
    };
    let text = String::from_utf8(text).context("the card is not UTF-8")?;
    Card::parse(&text).with_context(|| format!("the card of {source} cannot be used"))
}

/// Whether the source is a model of ours, as far as that can be said without downloading anything.
pub(crate) fn is_ours(source: &ModelSource) -> bool {
    match source {
        ModelSource::Embedded => true,
        ModelSource::Folder(folder) => folder.join(CARD_FILE).exists(),
        ModelSource::Hub(_) => false,
    }
}

/// The files of the model.
pub(crate) fn files(source: &ModelSource) -> Result<ModelFiles> {
    Ok(source.open(Some(embedded()), &hub())?)
}

/// Loads the model that the command line names, else the configuration, onto its device.
pub(crate) fn load(global: &Global, config: &Config) -> Result<Classifier> {
    let source = source(global, config)?;
    let found = find(device(global, config.classifier.device)?)?;
    let engine = engine(global, config)?;
    let files = files(&source)?;
    Classifier::load_in(&files, &found.device, engine, precision(global, config)?)
        .with_context(|| format!("the model {source} cannot be used"))
}

/// Limits the threads that tokenising and arithmetic share; it must be called before they are first used.
pub(crate) fn set_threads(threads: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("--threads: the thread pool is already running")
}
