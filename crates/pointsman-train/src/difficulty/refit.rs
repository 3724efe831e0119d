//! The head of one encoder, fitted to items.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use pointsman_classifier::features::{FEATURES, features};
use pointsman_classifier::{
    AbilityCalibration, Card, CountWeights, Encoder, Engine, FileHashes, LANGUAGE_HEAD, Language, Tokenizer,
    weights,
};
use pointsman_domain::{Difficulty, Prompt};
use pointsman_eval::linear::{COUNT_PENALTY, Design, HeadFit, Linear, Target, fit_head};
use toml::{Table, Value};

use super::{DifficultyItems, embed, with_head, with_scalar_head};
use crate::card_scores::rounded;
use crate::corpus::{Corpus, Split};
use crate::error::TrainError;
use crate::fit::tokenize;
use crate::folder;
use crate::language::{self, LanguageFit};
use crate::progress::Progress;
use crate::recipe::DifficultyRecipe;
use crate::side::Side;

/// What a head is fitted on.
pub(crate) struct Refit<'a> {
    pub(crate) encoder: &'a Encoder,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) device: &'a Device,
    pub(crate) recipe: &'a DifficultyRecipe,
    pub(crate) seed: u64,
}

/// A head and how good it is.
pub(crate) struct Refitted {
    /// What it makes of the pooled layers, with the intercept.
    pub(crate) encoded: Linear,
    /// What it makes of counted figures.
    counted: CountWeights,
    fit: HeadFit,
}

/// Variance of a prior's difficulty: half a unit of ability either way.
const PRIOR_VARIANCE: f64 = 0.25;

impl Refit<'_> {
    /// The head for `items`, held in place by some of the `unmeasured` rows if there is a prior.
    pub(crate) fn run(
        &self,
        items: &DifficultyItems,
        unmeasured: &Side<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Refitted, TrainError> {
        let mut tokens = tokenize(self.tokenizer, &items.prompts)?;
        let mut prompts: Vec<&Prompt> = items.prompts.iter().collect();
        let mut targets = items.targets.clone();
        if let Some(prior) = self.recipe.prior {
            let every = unmeasured.tokens.len().div_ceil(prior.rows.max(1)).max(1);
            tokens.extend(unmeasured.tokens.iter().step_by(every).cloned());
            prompts.extend(unmeasured.rows.iter().step_by(every).map(|example| &example.prompt));
            let count = tokens.len() - targets.len();
            let target = Target {
                b: f64::from(Difficulty::new(prior.difficulty).ability().0),
                variance: PRIOR_VARIANCE,
                #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 rows")]
                weight: (count as f64).sqrt().recip(),
            };
            targets.resize(tokens.len(), target);
        }
        let pooled = embed(self.encoder, &tokens, &self.recipe.layers, self.device, progress)?;
        let counted = |prompt: &Prompt| {
            if self.recipe.counts { features(prompt.subject()).to_vec() } else { Vec::new() }
        };
        let counts: Vec<Vec<f32>> = prompts.into_iter().map(counted).collect();
        let (width, more) = (pooled.columns(), counts.first().map_or(0, Vec::len));
        let mut design = Design::new(width + more);
        for (row, counts) in counts.iter().enumerate() {
            design
                .push(pooled.row(row).iter().copied().chain(counts.iter().map(|figure| f64::from(*figure))));
        }
        let penalties = [vec![1.0; width], vec![COUNT_PENALTY; more]].concat();
        let mut fit = fit_head(&design, Some(&penalties), &targets, self.seed)
            .map_err(|error| TrainError::Model(Box::new(error)))?;
        fit.residual_sd = fit.residual_sd_of(&items.targets);
        let (weights, of_counts) = fit.model.weights.split_at(width);
        let counted = <[f64; FEATURES]>::try_from(of_counts).map(CountWeights::new).unwrap_or_default();
        Ok(Refitted {
            encoded: Linear { intercept: fit.model.intercept, weights: weights.to_vec() },
            counted,
            fit,
        })
    }

    /// Writes onto the card how the head is read and how good it was found on items that it was not fitted to.
    #[expect(clippy::cast_possible_wrap, reason = "item counts are far below 2^63")]
    pub(crate) fn note(&self, items: &DifficultyItems, head: &Refitted, card: &mut Card) {
        card.difficulty_layers.clone_from(&self.recipe.layers);
        card.difficulty_counts = head.counted.clone();
        let head = &head.fit;
        card.calibration.ability =
            AbilityCalibration { scale: 1.0, shift: 0.0, residual_sd: head.residual_sd };
        let spearman = items.correlations(&head.out_of_fold).into_iter();
        let spearman: Table = spearman.map(|(source, (_, rho))| (source, rounded(rho))).collect();
        let difficulty = Table::from_iter([
            ("items".to_owned(), Value::Integer(items.prompts.len() as i64)),
            ("penalty".to_owned(), Value::Float(head.lambda)),
            ("held_out_spearman".to_owned(), Value::Table(spearman)),
        ]);
        card.scores.insert("difficulty".to_owned(), Value::Table(difficulty));
    }
}

/// What the difficulty head of a finished model is fitted with.
#[derive(Debug)]
pub struct Refitting<'a> {
    /// The model's card.
    pub card: &'a str,
    /// Its tokenizer.
    pub tokenizer: &'a [u8],
    /// Its weights.
    pub weights: &'a [u8],
    /// How to fit.
    pub recipe: &'a DifficultyRecipe,
    /// Decides on folds.
    pub seed: u64,
    /// What the head is fitted to.
    pub items: &'a DifficultyItems,
    /// Whose training side gives the rows of the prior. A head for languages takes the rows that state theirs.
    pub corpus: &'a Corpus,
    /// The languages that a head is to tell from others; without any, the model's head for them stays if it can still be read.
    pub languages: &'a [Language],
    /// Folder in which the model's folder is made.
    pub out: &'a Path,
    /// Where to compute.
    pub device: &'a Device,
    /// How to compute.
    pub engine: Engine,
}

/// Fits the difficulty head of a finished model anew, and a head for languages if they are named, and writes the model; all
/// else stays as it is.
///
/// # Errors
/// When the model is not usable or its files are not the card's, the recipe does not fit it, rows that languages take are
/// missing, or a file cannot be written.
pub fn refit(with: &Refitting<'_>, progress: &mut dyn Progress) -> Result<Card, TrainError> {
    language::check(with.corpus, with.languages)?;
    let refuse = |error: Box<dyn std::error::Error + Send + Sync>| TrainError::Model(error);
    let mut card = Card::parse(with.card).map_err(|error| refuse(Box::new(error)))?;
    if FileHashes::of(with.weights, with.tokenizer) != card.files {
        return Err(TrainError::Data {
            message: format!("the card of `{}` belongs to other files", card.name),
        });
    }
    let tokenizer =
        Tokenizer::from_json(with.tokenizer, card.window).map_err(|error| refuse(Box::new(error)))?;
    let tensors = weights::read(with.weights, with.device).map_err(|error| refuse(Box::new(error)))?;
    let vb = VarBuilder::from_tensors(tensors, DType::F32, with.device);
    let encoder = &Encoder::with_engine(&card.encoder, with.engine, &vb)?;
    let refit =
        Refit { encoder, tokenizer: &tokenizer, device: with.device, recipe: with.recipe, seed: with.seed };
    let side = |split| Side::read(with.corpus, split, &tokenizer);
    let unmeasured = side(Split::Train)?;
    let head = refit.run(with.items, &unmeasured, progress)?;
    let layers = card.difficulty_layers.clone();
    refit.note(with.items, &head, &mut card);
    let recipe =
        Table::try_from(with.recipe).map_err(|error| TrainError::Data { message: error.to_string() })?;
    card.recipe.insert("difficulty".to_owned(), Value::Table(recipe));
    let mut bytes = with_head(with.weights, &head.encoded)?;
    if !with.languages.is_empty() {
        let fit = LanguageFit { encoder, device: with.device, languages: with.languages };
        bytes = fit.run(&bytes, &[unmeasured, side(Split::Dev)?, side(Split::Test)?], &mut card, progress)?;
        let codes = with.languages.iter().map(|language| Value::String(language.to_string()));
        card.recipe.insert("languages".to_owned(), Value::Array(codes.collect()));
    } else if card.difficulty_layers != layers {
        bytes = without_languages(&bytes, &mut card)?;
    }
    card.files = FileHashes::of(&bytes, with.tokenizer);
    // Gates speak of the head that was.
    card.gates.clear();
    folder::write(with.out, &card, with.tokenizer, &bytes)?;
    Ok(card)
}

/// The weights `bytes` without a head for languages, of which the card then knows nothing.
fn without_languages(bytes: &[u8], card: &mut Card) -> Result<Vec<u8>, TrainError> {
    card.languages.clear();
    card.recipe.remove("languages");
    card.scores.remove("language");
    with_scalar_head(bytes, LANGUAGE_HEAD, None)
}
