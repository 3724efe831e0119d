//! A whole training run.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use pointsman_classifier::weights;
use pointsman_classifier::{
    AbilityCalibration, Backbone as BackboneCard, Calibration, Card, CountWeights, Encoder, EncoderConfig,
    Engine, FileHash, FileHashes, Pooling, Tagging, TokenIds, Tokenizer,
};
use pointsman_domain::{Difficulty, Vocabulary};
use toml::{Table, Value};

use crate::backbone::Backbone;
use crate::calibrate;
use crate::card_scores;
use crate::corpus::{Corpus, Example, Split};
use crate::difficulty::{DifficultyItems, Refit, with_head};
use crate::embeddings;
use crate::error::TrainError;
use crate::fit::Fit;
use crate::folder;
use crate::language::{self, LanguageFit};
use crate::network::Network;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::scores::{self, Output, Rounding, Scores};
use crate::side::Side;
use crate::soup;

/// Rows of training on which the ranges of activations are measured.
const MEASURED_ROWS: usize = 300;

/// What a run works with.
#[derive(Debug)]
pub struct Training<'a> {
    /// What to do.
    pub recipe: &'a Recipe,
    /// What to start from.
    pub backbone: &'a Backbone,
    /// What to learn from.
    pub corpus: &'a Corpus,
    /// What the difficulty head is fitted to afterwards, if the recipe says so.
    pub difficulty: Option<&'a DifficultyItems>,
    /// Folder in which the model's folder is made.
    pub out: &'a Path,
    /// Folder of the checkpoint.
    pub checkpoints: &'a Path,
    /// Where to compute.
    pub device: &'a Device,
    /// How to compute: in f32, with products in bfloat16, or with candle's own steps.
    pub engine: Engine,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model's card, as written.
    pub card: Card,
    /// Scores on the development split.
    pub dev: Scores,
    /// Scores on the test split.
    pub test: Scores,
    /// What storing the weights as 8-bit integers changed, on the development split.
    pub rounding: Rounding,
}

/// Fits a model and writes its folder: weights, tokenizer, card.
///
/// # Errors
/// When the training split is empty, rows that the recipe's `languages` take are missing, the backbone does not fit the recipe,
/// the loss diverges, or a file cannot be written.
pub fn train(training: &Training<'_>, progress: &mut dyn Progress) -> Result<Trained, TrainError> {
    let Training { recipe, backbone, corpus, .. } = training;
    language::check(corpus, &recipe.languages)?;
    let vocabulary = recipe.vocabulary().map_err(|message| TrainError::Data { message })?;
    let tokenizer = Tokenizer::from_json(&backbone.tokenizer, recipe.window)
        .map_err(|error| TrainError::Model(Box::new(error)))?;
    let side = |split| Side::read(corpus, split, &tokenizer);
    let mut sides = [side(Split::Train)?, side(Split::Dev)?, side(Split::Test)?];
    if sides[0].rows.is_empty() {
        return Err(TrainError::Data { message: "no row is on the training side of the split".to_owned() });
    }
    let new = |backbone| {
        let (device, engine) = (training.device, training.engine);
        Network::new(backbone, vocabulary.len(), &recipe.fit, recipe.seed, device, engine)
    };
    let measured = corpus.examples.iter().any(|example| example.difficulty.is_some());
    let served = recipe.fit.frozen.then(|| backbone.as_served(!measured)).transpose()?;
    let start = served.as_ref().map_or(*backbone, |(backbone, _)| backbone);
    let fresh = || new(start);
    let mut network = fresh()?;
    if let Some((_, hash)) = &served {
        embeddings::of_sides(&network, hash, &mut sides, training.checkpoints, progress)?;
    }
    let [train, dev, test] = &sides;
    let fit = Fit {
        recipe,
        labels: vocabulary.len(),
        tokenizer: &tokenizer,
        examples: &train.rows,
        others: train.rows.iter().map(|example| example.prompt.subject()).collect(),
        device: training.device,
        embeddings: train.pooled.as_ref(),
        fingerprint: &fingerprint(training),
    };
    soup::fit(&fit, training.checkpoints, &mut network, fresh, progress)?;

    let mut weights = network.weights();
    if !recipe.fit.frozen {
        weights.extend(divisors(&backbone.config, &weights, &train.tokens, training.device)?);
    }
    let bytes = weights::quantize(&weights).map_err(|error| TrainError::Model(Box::new(error)))?;
    let unrounded = dev.outputs(&network)?;
    // What is calibrated, scored and shipped is what the quantised weights say.
    network.replace(&read_back(&bytes)?)?;
    let dev_outputs = dev.outputs(&network)?;
    let calibration = calibration(&dev.rows, &dev_outputs, recipe.abstain_below);
    let rounding = Rounding::between(&unrounded, &dev_outputs);
    let test_outputs = test.outputs(&network)?;
    let curve = card_scores::risk_coverage(&test.rows, &test_outputs, &calibration);
    let (dev, test) = (scores::score(&dev.rows, &dev_outputs), scores::score(&test.rows, &test_outputs));
    let mut test_scores = card_scores::side(&test);
    test_scores.extend(curve.map(|curve| ("risk_coverage".to_owned(), curve)));
    let scores = [
        ("dev".to_owned(), Value::Table(card_scores::side(&dev))),
        ("test".to_owned(), Value::Table(test_scores)),
        ("quantization".to_owned(), Value::Table(card_scores::rounding(&rounding))),
    ];
    let mut card = card(training, vocabulary, calibration, Table::from_iter(scores))?;
    let bytes = with_later_heads(training, bytes, (&tokenizer, &sides), &mut card, progress)?;
    card.files = FileHashes::of(&bytes, &backbone.tokenizer);
    folder::write(training.out, &card, &backbone.tokenizer, &bytes)?;
    soup::clean(training.checkpoints, recipe.fit.runs)?;
    Ok(Trained { card, dev, test, rounding })
}

/// The weights `bytes` with the heads that are fitted once the encoder is done, which are noted on the card.
fn with_later_heads(
    training: &Training<'_>,
    mut bytes: Vec<u8>,
    (tokenizer, sides): (&Tokenizer, &[Side<'_>; 3]),
    card: &mut Card,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, TrainError> {
    let Training { recipe, backbone, device, .. } = training;
    if recipe.difficulty.is_none() && recipe.languages.is_empty() {
        return Ok(bytes);
    }
    let vb = VarBuilder::from_tensors(read_back(&bytes)?, DType::F32, device);
    let encoder = &Encoder::with_engine(&backbone.config, training.engine, &vb)?;
    if let (Some(items), Some(difficulty)) = (training.difficulty, &recipe.difficulty) {
        let refit = Refit { encoder, tokenizer, device, recipe: difficulty, seed: recipe.seed };
        let head = refit.run(items, &sides[0], progress)?;
        refit.note(items, &head, card);
        bytes = with_head(&bytes, &head.encoded)?;
    }
    if !recipe.languages.is_empty() {
        let fit = LanguageFit { encoder, device, languages: &recipe.languages };
        bytes = fit.run(&bytes, sides, card, progress)?;
    }
    Ok(bytes)
}

/// What activations are divided by before they are rounded to 8 bits, found on some of the rows.
fn divisors(
    config: &EncoderConfig,
    weights: &HashMap<String, Tensor>,
    rows: &[TokenIds],
    device: &Device,
) -> Result<HashMap<String, Tensor>, TrainError> {
    let weights = weights.iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect();
    let vb = VarBuilder::from_tensors(weights, DType::F32, device);
    let every = rows.len().div_ceil(MEASURED_ROWS).max(1);
    let rows: Vec<TokenIds> = rows.iter().step_by(every).cloned().collect();
    Ok(Encoder::divisors(config, &vb, &rows)?)
}

fn read_back(bytes: &[u8]) -> Result<HashMap<String, Tensor>, TrainError> {
    weights::read(bytes, &Device::Cpu).map_err(|error| TrainError::Model(Box::new(error)))
}

/// Tells runs apart whose checkpoints must not be mixed.
fn fingerprint(training: &Training<'_>) -> String {
    let Training { recipe, backbone, corpus, .. } = training;
    // What is fitted after the encoder changes none of its steps.
    let recipe = Recipe { difficulty: None, languages: Vec::new(), ..(*recipe).clone() };
    let mut text = format!("{recipe:?}\n{:?}\n{}", backbone.config, FileHash::of(&backbone.tokenizer));
    for example in &corpus.examples {
        text += &format!("\n{} {:?} {:?} {:?}", example.id, example.split, example.task, example.difficulty);
    }
    FileHash::of(text.as_bytes()).to_string()
}

fn calibration(rows: &[&Example], outputs: &[Output], abstain_below: f32) -> Calibration {
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    let (mut predicted, mut measured) = (Vec::new(), Vec::new());
    for (row, output) in rows.iter().zip(outputs) {
        if let Some(task) = &row.task {
            // A prediction that an annotator accepts is no error to be less sure of.
            let best = scores::argmax(&output.task);
            labels.push(if task.also.contains(&best) { best } else { task.label });
            logits.push(output.task.clone());
        }
        if let Some(difficulty) = row.difficulty {
            predicted.push(f64::from(output.ability));
            measured.push(f64::from(Difficulty::new(difficulty.share.clamp(0.02, 0.98)).ability().0));
        }
    }
    let line = calibrate::line(&predicted, &measured);
    Calibration {
        temperature: calibrate::temperature(&logits, &labels),
        abstain_below,
        ability: AbilityCalibration { scale: line.scale, shift: line.shift, residual_sd: line.residual_sd },
    }
}

fn card(
    training: &Training<'_>,
    vocabulary: Vocabulary,
    calibration: Calibration,
    scores: Table,
) -> Result<Card, TrainError> {
    let Training { recipe, backbone, corpus, .. } = training;
    let table = |message: toml::ser::Error| TrainError::Data { message: message.to_string() };
    let tagging = if recipe.labels.is_empty() { Tagging::Labels1 } else { Tagging::Custom };
    Ok(Card {
        name: recipe.name.clone(),
        version: recipe.version.clone(),
        tagging,
        licence: recipe.licence.clone(),
        window: recipe.window,
        encoder: backbone.config,
        pooling: Pooling::Mean,
        difficulty_layers: backbone.difficulty_layers.clone(),
        // A head that was fitted here read no figures.
        difficulty_counts: if corpus.examples.iter().any(|example| example.difficulty.is_some()) {
            CountWeights::default()
        } else {
            backbone.difficulty_counts.clone()
        },
        vocabulary,
        calibration,
        scripts: recipe.scripts.clone(),
        // Until there is a head that tells them from others.
        languages: Vec::new(),
        backbone: BackboneCard {
            name: recipe.backbone.name.clone(),
            source: recipe.backbone.source.clone(),
            licence: recipe.backbone.licence.clone(),
            attribution: recipe.backbone.attribution.clone(),
        },
        files: FileHashes::of(&[], &backbone.tokenizer),
        recipe: Table::try_from(recipe).map_err(table)?,
        data: data_table(corpus),
        scores,
        gates: Vec::new(),
    })
}

#[expect(clippy::cast_possible_wrap, reason = "row counts are far below 2^63")]
fn data_table(corpus: &Corpus) -> Table {
    let count = |split| Value::Integer(corpus.side(split).count() as i64);
    Table::from_iter([
        ("train".to_owned(), count(Split::Train)),
        ("dev".to_owned(), count(Split::Dev)),
        ("test".to_owned(), count(Split::Test)),
        ("dropped_near_duplicates".to_owned(), Value::Integer(corpus.dropped as i64)),
    ])
}
