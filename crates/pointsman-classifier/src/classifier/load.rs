//! From the files of a model to a [`Classifier`], refusing files that contradict one another.

use candle_core::{DType, Device, Error};
use candle_nn::VarBuilder;

use super::Classifier;
use super::batching::Budget;
use crate::card::{Card, CardError, FileHash};
use crate::engine::{Engine, EngineChoice};
use crate::model::{DIFFICULTY_HEAD, LANGUAGE_HEAD, Model, TASK_HEAD};
use crate::precision::Precision;
use crate::source::{ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
use crate::tokenize::{TokenizeError, Tokenizer};
use crate::weights::{StoredWeights, WeightsError};

impl Classifier {
    /// Loads a model onto `device`, to be run by the fastest engine that is accurate by its card.
    ///
    /// # Errors
    /// As [`Self::load_with`].
    pub fn load(files: &ModelFiles, device: &Device) -> Result<Self, LoadError> {
        Self::load_with(files, device, EngineChoice::Auto)
    }

    /// Loads a model onto `device`, to be run by the engine that `engine` chooses.
    ///
    /// # Errors
    /// When the card is faulty, a file is not the one that the card names, or weights and tokenizer do not have the shape
    /// that the card says, or the engine does not run on the device.
    pub fn load_with(files: &ModelFiles, device: &Device, engine: EngineChoice) -> Result<Self, LoadError> {
        Self::load_in(files, device, engine, Precision::Auto)
    }

    /// As [`Self::load_with`], with the layers in `precision` where the engine is candle.
    ///
    /// # Errors
    /// As [`Self::load_with`], and when another engine than candle is to compute in anything but f32.
    pub fn load_in(
        files: &ModelFiles,
        device: &Device,
        engine: EngineChoice,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let text = std::str::from_utf8(&files.card)
            .map_err(|_| CardError::new("", "it is not UTF-8", "fetch the model anew"))?;
        let card = Card::parse(text)?;
        let engine = engine.choose(device, &card.encoder, &card.gates);
        if !engine.runs_on(device) {
            return Err(LoadError::Engine { engine });
        }
        let layers = precision.on(device);
        if engine != Engine::Candle && layers != DType::F32 {
            return Err(LoadError::Precision { engine, precision });
        }
        let hashes = || {
            check_hash(WEIGHTS_FILE, &files.weights, card.files.weights)?;
            check_hash(TOKENIZER_FILE, &files.tokenizer, card.files.tokenizer)
        };
        // Vocabulary, hashes and weights are the three slow parts of starting up.
        let (tokenizer, (hashes, model)) = rayon::join(
            || Tokenizer::from_json(&files.tokenizer, card.window),
            || rayon::join(hashes, || build(&card, &files.weights, device, (engine, layers))),
        );
        // A wrong file is the cause of whatever else is wrong with it.
        hashes?;
        let tokenizer = tokenizer?;
        check_vocabulary(&card, &tokenizer)?;
        let budget = Budget::of(device);
        Ok(Self { tokenizer, model: model?, device: device.clone(), engine, layers, budget, card })
    }
}

fn check_hash(file: &'static str, content: &[u8], expected: FileHash) -> Result<(), LoadError> {
    let found = FileHash::of(content);
    if found == expected { Ok(()) } else { Err(LoadError::Hash { file, expected, found }) }
}

fn check_vocabulary(card: &Card, tokenizer: &Tokenizer) -> Result<(), LoadError> {
    let (known, embedded) = (tokenizer.vocabulary_size(), card.encoder.vocab);
    if known <= embedded { Ok(()) } else { Err(LoadError::TokenizerSize { known, embedded }) }
}

fn build(card: &Card, weights: &[u8], device: &Device, how: (Engine, DType)) -> Result<Model, LoadError> {
    let stored = StoredWeights::new(weights)?;
    let vb = VarBuilder::from_backend(Box::new(stored), DType::F32, device.clone());
    Model::with_layers_in(&card.encoder, card.vocabulary.len(), &card.difficulty_layers, how, &vb)
        .and_then(|model| if card.languages.is_empty() { Ok(model) } else { model.with_language_head(&vb) })
        .map_err(|error| mismatch(card, error))
}

/// Says which of the card's fields the weights contradict.
fn mismatch(card: &Card, error: Error) -> LoadError {
    match error {
        Error::WithBacktrace { inner, .. } | Error::Context { inner, .. } | Error::WithPath { inner, .. } => {
            mismatch(card, *inner)
        }
        Error::CannotFindTensor { path } => {
            let field = if is_of(LANGUAGE_HEAD, &path) { "languages" } else { "encoder" };
            LoadError::NoTensor { field, tensor: path }
        }
        Error::UnexpectedShape { msg, expected, got } => {
            let tensor = msg.rsplit(' ').next().unwrap_or_default().to_owned();
            let rows = got.dims().first().copied().unwrap_or(0);
            if is_of(TASK_HEAD, &tensor) && rows != card.vocabulary.len() {
                return LoadError::LabelCount { labels: card.vocabulary.len(), rows };
            }
            let (field, remedy) = if is_of(DIFFICULTY_HEAD, &tensor) {
                ("difficulty_layers", "name the layers that the head was trained on")
            } else if is_of(LANGUAGE_HEAD, &tensor) {
                ("languages", "fit their head to the layers that the difficulty head reads, or list none")
            } else {
                ("encoder", "copy the shape from the backbone's config.json")
            };
            LoadError::Shape {
                field,
                remedy,
                tensor,
                expected: expected.dims().to_vec(),
                found: got.dims().to_vec(),
            }
        }
        other => LoadError::Device(other),
    }
}

/// Whether `tensor` is one of those of `head`.
fn is_of(head: &str, tensor: &str) -> bool {
    tensor.strip_prefix(head).is_some_and(|rest| rest.starts_with('.'))
}

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The card is faulty.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The tokenizer cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizeError),
    /// The weights cannot be read.
    #[error("`model.safetensors`: {0}")]
    Weights(#[from] WeightsError),
    /// A file is not the one that the card was written for.
    #[error(
        "card.toml: `files.\"{file}\"` is {expected}, but the file's SHA-256 is {found}; the file and the card are of different models or one is damaged, so fetch both anew"
    )]
    Hash {
        /// The file.
        file: &'static str,
        /// What the card says.
        expected: FileHash,
        /// What the file has.
        found: FileHash,
    },
    /// The task head has another number of outputs than there are labels.
    #[error(
        "card.toml: `labels` lists {labels} labels, but the task head has {rows} rows; list the labels that the model was trained on, in their order"
    )]
    LabelCount {
        /// Labels on the card.
        labels: usize,
        /// Rows of the head.
        rows: usize,
    },
    /// A tensor has another shape than the encoder that the card describes.
    #[error(
        "card.toml: `{field}` asks for {expected:?} as the shape of `{tensor}`, but the weights have {found:?}; {remedy}"
    )]
    Shape {
        /// The card's field at odds with the weights.
        field: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// The tensor.
        tensor: String,
        /// What the card asks for.
        expected: Vec<usize>,
        /// What there is.
        found: Vec<usize>,
    },
    /// The encoder or a head that the card describes needs a tensor that is not there.
    #[error(
        "card.toml: `{field}` asks for a tensor `{tensor}`, which the weights do not have; the card describes another model, or the weights are incomplete"
    )]
    NoTensor {
        /// The card's field that asks for it.
        field: &'static str,
        /// The tensor.
        tensor: String,
    },
    /// The tokenizer makes ids that the encoder has no embedding for.
    #[error(
        "card.toml: `encoder.vocab` is {embedded}, but the tokenizer knows {known} tokens; use the tokenizer that the model was trained with"
    )]
    TokenizerSize {
        /// Tokens of the tokenizer.
        known: usize,
        /// Embeddings of the encoder.
        embedded: usize,
    },
    /// The engine runs on the processor alone.
    #[error(
        "the engine `{engine}` runs on the processor, not on this device; use engine `candle`, or device `cpu`"
    )]
    Engine {
        /// What was asked for.
        engine: Engine,
    },
    /// The engine computes in f32 alone.
    #[error(
        "the engine `{engine}` computes in f32, not in {precision}; use engine `candle`, or precision `auto`"
    )]
    Precision {
        /// What was asked for.
        engine: Engine,
        /// What was asked for.
        precision: Precision,
    },
    /// The device failed.
    #[error("the weights cannot be placed on the device: {0}; if memory ran out, use device `cpu`")]
    Device(#[source] Error),
}
