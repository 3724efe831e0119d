//! From a prompt to labels: task, difficulty, and how far to trust them.
//!
//! ```text
//! ModelSource ──open──▶ ModelFiles ──load──▶ Classifier            once
//! Prompt ──tokenize──▶ TokenIds ──batch──▶ TokenBatch ──model──▶ Logits ──calibration──▶ Labels
//! ```
//!
//! [`Classifier::classify`] does the second line for a slice of prompts; a [`Queue`] does it off the async threads for
//! prompts that arrive one by one. Training uses the same [`Tokenizer`], [`Model`] and [`Card`].

pub mod abstain;
mod batch;
mod calibration;
mod card;
mod classifier;
mod counts;
mod device;
mod encoder;
mod engine;
pub mod features;
mod gate;
mod language;
mod model;
mod ops;
mod precision;
mod queue;
mod row;
mod script;
mod source;
mod tokenize;
pub mod weights;

pub use batch::{TokenBatch, TokenIds};
pub use calibration::{AbilityCalibration, Calibration, Placement};
pub use card::{Backbone, Card, CardError, FileHash, FileHashes, ParseHashError, Pooling, Tagging};
pub use classifier::{Classifier, ClassifyError, Embedded, LoadError, Prepared};
pub use counts::CountWeights;
pub use device::{DeviceChoice, DeviceError, FoundDevice, ParseDeviceError};
pub use encoder::{Encoder, EncoderConfig};
pub use engine::{Arithmetic, Engine, EngineChoice, ParseEngineError};
pub use features::features;
pub use gate::Gate;
pub use language::{Language, ParseLanguageError};
pub use model::{DIFFICULTY_HEAD, LANGUAGE_HEAD, Logits, Model, TASK_HEAD};
pub use precision::{ParsePrecisionError, Precision};
pub use queue::{Labeller, Pace, Pending, Queue, QueueError, QueueLimits};
pub use row::LabelsRow;
pub use script::{ParseScriptError, Script};
pub use source::{
    CARD_FILE, Download, Hub, HubEnvironment, HubRepository, ModelFiles, ModelSource, ParseSourceError,
    SourceError, TOKENIZER_FILE, WEIGHTS_FILE,
};
pub use tokenize::{SpecialIds, TokenizeError, Tokenized, Tokenizer};
