//! `[classifier]`: which model labels prompts, where, and how long a request waits for it.

use std::time::Duration;

use pointsman_classifier::{DeviceChoice, EngineChoice, ModelSource, Precision};
use pointsman_policy::config::{Diagnostics, Document, Entry};

use super::reading;

/// Settings of the classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassifierConfig {
    /// The model.
    pub(crate) model: ModelSource,
    /// What it computes on.
    pub(crate) device: DeviceChoice,
    /// The arithmetic that it computes with.
    pub(crate) engine: EngineChoice,
    /// The numbers that engine `candle` computes with.
    pub(crate) precision: Precision,
    /// How long a request waits for its labels before it takes the row `unsure`.
    pub(crate) timeout: Duration,
    /// How many prompts may wait. Requests beyond that take the row `unsure` at once.
    pub(crate) queue: usize,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self {
            model: ModelSource::Embedded,
            device: DeviceChoice::Auto,
            engine: EngineChoice::Auto,
            precision: Precision::Auto,
            timeout: Duration::from_millis(250),
            queue: 1024,
        }
    }
}

const KEYS: [&str; 6] = ["model", "device", "engine", "precision", "timeout_ms", "queue"];

impl ClassifierConfig {
    pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut config = Self::default();
        for entry in reading::entries(document, "classifier", diagnostics) {
            config.set(&entry, diagnostics);
        }
        config
    }

    fn set(&mut self, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
        match entry.name() {
            "model" => {
                if let Some(model) = reading::parsed(entry, diagnostics) {
                    self.model = model;
                }
            }
            "device" => {
                if let Some(device) = reading::parsed(entry, diagnostics) {
                    self.device = device;
                }
            }
            "engine" => {
                if let Some(engine) = reading::parsed(entry, diagnostics) {
                    self.engine = engine;
                }
            }
            "precision" => {
                if let Some(precision) = reading::parsed(entry, diagnostics) {
                    self.precision = precision;
                }
            }
            "timeout_ms" => {
                if let Some(timeout) = reading::milliseconds(entry, diagnostics) {
                    self.timeout = timeout;
                }
            }
            "queue" => {
                if let Some(prompts) = reading::number(entry, 1..=1_000_000, diagnostics) {
                    self.queue = usize::try_from(prompts).unwrap_or(usize::MAX);
                }
            }
            _ => entry.unknown(&KEYS, diagnostics),
        }
    }
}
