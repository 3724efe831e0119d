//! The pre-trained encoder that a fit starts from.

use candle_core::Device;
use pointsman_classifier::weights::{self, Tensors};
use pointsman_classifier::{
    Card, CountWeights, DIFFICULTY_HEAD, EncoderConfig, FileHash, FileHashes, LANGUAGE_HEAD, TASK_HEAD,
};
use pointsman_domain::Vocabulary;
use serde::Deserialize;

use crate::error::TrainError;

/// A backbone as published: configuration, tokenizer and weights.
#[derive(Debug)]
pub struct Backbone {
    /// Shape of the encoder.
    pub config: EncoderConfig,
    /// `tokenizer.json`, as it is.
    pub tokenizer: Vec<u8>,
    /// The pooled layers that a difficulty head reads: those of the model that the backbone was taken from, else the last.
    pub difficulty_layers: Vec<usize>,
    /// What that model's difficulty head makes of counted figures.
    pub difficulty_counts: CountWeights,
    /// The encoder's tensors in f32 by their published names; pooler and position ids are left out.
    pub tensors: Tensors,
}

/// The fields of a BERT `config.json` that say what the encoder is.
#[derive(Deserialize)]
struct PublishedConfig {
    model_type: String,
    hidden_act: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
}

impl Backbone {
    /// Reads a backbone whose files `config.json`, `tokenizer.json` and `model.safetensors` are had from `read`.
    ///
    /// # Errors
    /// When a file cannot be had, or the architecture is not that of BERT with erf-GELU.
    pub fn read(read: impl Fn(&str) -> Result<Vec<u8>, TrainError>) -> Result<Self, TrainError> {
        let refuse =
            |message: String| TrainError::Data { message: format!("config.json of the backbone: {message}") };
        let published: PublishedConfig =
            serde_json::from_slice(&read("config.json")?).map_err(|error| refuse(error.to_string()))?;
        if published.model_type != "bert" || published.hidden_act != "gelu" {
            return Err(refuse(format!(
                "the architecture is `{}` with `{}`; only `bert` with `gelu` can be trained",
                published.model_type, published.hidden_act
            )));
        }
        let tensors = weights::read(&read("model.safetensors")?, &Device::Cpu)
            .map_err(|error| TrainError::Model(Box::new(error)))?
            .into_iter()
            .map(|(name, tensor)| (name.strip_prefix("bert.").map(str::to_owned).unwrap_or(name), tensor))
            .filter(|(name, _)| name.starts_with("embeddings.") || name.starts_with("encoder."))
            .collect();
        let difficulty_layers = vec![published.num_hidden_layers];
        let tokenizer = read("tokenizer.json")?;
        let difficulty_counts = CountWeights::default();
        Ok(Self { config: published.into(), tokenizer, difficulty_layers, difficulty_counts, tensors })
    }

    /// The encoder of a model of ours, with its tokenizer and its difficulty head, from its files.
    ///
    /// The head's calibration is folded into its weights, so that it says calibrated abilities by itself. The task head is left
    /// out, unless it is wanted for the vocabulary `task_head`.
    ///
    /// # Errors
    /// When the card is not usable or belongs to other files, or the model has another vocabulary than is wanted.
    pub fn of_model(
        card: &str,
        tokenizer: Vec<u8>,
        weights: &[u8],
        task_head: Option<&Vocabulary>,
    ) -> Result<Self, TrainError> {
        let refuse = |error: Box<dyn std::error::Error + Send + Sync>| TrainError::Model(error);
        let card = Card::parse(card).map_err(|error| refuse(Box::new(error)))?;
        if FileHashes::of(weights, &tokenizer) != card.files {
            let message = format!("the card of the backbone `{}` belongs to other files", card.name);
            return Err(TrainError::Data { message });
        }
        let mut tensors = weights::read(weights, &Device::Cpu).map_err(|error| refuse(Box::new(error)))?;
        let ability = card.calibration.ability;
        for (part, shift) in [("weight", 0.0), ("bias", ability.shift)] {
            if let Some(tensor) = tensors.get_mut(&format!("{DIFFICULTY_HEAD}.{part}")) {
                *tensor = tensor.affine(ability.scale, shift)?;
            }
        }
        // Whoever brings rows brings their languages.
        let language = format!("{LANGUAGE_HEAD}.");
        tensors.retain(|name, _| !name.starts_with(&language));
        let task = format!("{TASK_HEAD}.");
        match task_head {
            None => tensors.retain(|name, _| !name.starts_with(&task)),
            Some(vocabulary) if *vocabulary == card.vocabulary => {}
            Some(_) => {
                let message = format!(
                    "`backbone.task_head` asks for the task head of `{}`, which has other labels than the recipe; leave it out",
                    card.name
                );
                return Err(TrainError::Data { message });
            }
        }
        let (difficulty_layers, counts) = (card.difficulty_layers, card.difficulty_counts);
        let difficulty_counts = counts.scaled(ability.scale);
        Ok(Self { config: card.encoder, tokenizer, difficulty_layers, difficulty_counts, tensors })
    }

    /// The backbone with its weights as a model folder stores them, and their hash. Without `difficulty` the head for it, if
    /// there is one, is left out.
    pub(crate) fn as_served(&self, difficulty: bool) -> Result<(Self, FileHash), TrainError> {
        let head = format!("{DIFFICULTY_HEAD}.");
        let kept = self.tensors.iter().filter(|(name, _)| difficulty || !name.starts_with(&head));
        let kept: Tensors = kept.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let refuse = |error| TrainError::Model(Box::new(error));
        let bytes = weights::quantize(&kept).map_err(refuse)?;
        let tensors = weights::read(&bytes, &Device::Cpu).map_err(refuse)?;
        let (tokenizer, difficulty_layers) = (self.tokenizer.clone(), self.difficulty_layers.clone());
        let difficulty_counts =
            if difficulty { self.difficulty_counts.clone() } else { CountWeights::default() };
        let served = Self { config: self.config, tokenizer, difficulty_layers, difficulty_counts, tensors };
        Ok((served, FileHash::of(&bytes)))
    }

    /// The backbone with about `count` pieces of its Unigram vocabulary: special ones, those of one character, and the most
    /// probable others.
    ///
    /// # Errors
    /// When the tokenizer is of another kind, or has pieces without embeddings.
    pub fn with_pieces(self, count: usize) -> Result<Self, TrainError> {
        crate::pieces::prune(self, count)
    }
}

impl From<PublishedConfig> for EncoderConfig {
    fn from(published: PublishedConfig) -> Self {
        Self {
            vocab: published.vocab_size,
            hidden: published.hidden_size,
            layers: published.num_hidden_layers,
            heads: published.num_attention_heads,
            intermediate: published.intermediate_size,
            max_positions: published.max_position_embeddings,
            type_vocab: published.type_vocab_size,
            layer_norm_eps: published.layer_norm_eps,
        }
    }
}
