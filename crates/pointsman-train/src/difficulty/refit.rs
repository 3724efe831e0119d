//! The head of one encoder, fitted to items.

use candle_core::Device;
use pointsman_classifier::{AbilityCalibration, Card, Encoder, Tokenizer};
use pointsman_eval::linear::{HeadFit, fit_head};
use toml::{Table, Value};

use super::{DifficultyItems, embed};
use crate::card_scores::rounded;
use crate::error::TrainError;
use crate::fit::tokenize;
use crate::progress::Progress;

/// What a head is fitted on.
pub(crate) struct Refit<'a> {
    pub(crate) encoder: &'a Encoder,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) device: &'a Device,
    /// The pooled layers that the head reads.
    pub(crate) layers: &'a [usize],
    pub(crate) seed: u64,
}

impl Refit<'_> {
    /// The head for `items`.
    pub(crate) fn run(
        &self,
        items: &DifficultyItems,
        progress: &mut dyn Progress,
    ) -> Result<HeadFit, TrainError> {
        let tokens = tokenize(self.tokenizer, &items.prompts)?;
        let design = embed(self.encoder, &tokens, self.layers, self.device, progress)?;
        fit_head(&design, &items.targets, self.seed).map_err(|error| TrainError::Model(Box::new(error)))
    }

    /// Writes onto the card how the head is read and how good it was found on items that it was not fitted to.
    #[expect(clippy::cast_possible_wrap, reason = "item counts are far below 2^63")]
    pub(crate) fn note(&self, items: &DifficultyItems, head: &HeadFit, card: &mut Card) {
        card.difficulty_layers = self.layers.to_vec();
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
