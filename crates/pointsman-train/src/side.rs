//! One side of the split, as the network reads it.

use candle_core::Tensor;
use pointsman_classifier::{TokenIds, Tokenizer};

use crate::corpus::{Corpus, Example, Split};
use crate::error::TrainError;
use crate::fit::tokenize;
use crate::network::Network;
use crate::scores::Output;

/// Examples with their tokens.
pub(crate) struct Side<'a> {
    pub(crate) rows: Vec<&'a Example>,
    pub(crate) tokens: Vec<TokenIds>,
    /// Pooled representations (rows, width), if the encoder is frozen.
    pub(crate) pooled: Option<Tensor>,
}

impl<'a> Side<'a> {
    pub(crate) fn read(corpus: &'a Corpus, split: Split, tokenizer: &Tokenizer) -> Result<Self, TrainError> {
        let rows: Vec<&Example> = corpus.side(split).collect();
        let tokens = tokenize(tokenizer, rows.iter().map(|row| &row.prompt))?;
        Ok(Self { rows, tokens, pooled: None })
    }

    /// What the heads say of the rows, in order.
    pub(crate) fn outputs(&self, network: &Network) -> Result<Vec<Output>, TrainError> {
        match &self.pooled {
            Some(pooled) => network.outputs_from(pooled),
            None => network.outputs(&self.tokens),
        }
    }
}
