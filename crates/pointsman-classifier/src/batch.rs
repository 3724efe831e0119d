//! Token ids as the encoder takes them: rows of different length, packed end to end.

use candle_core::{Device, Result, Tensor};

/// One prompt as ids and token types, special tokens included. Both have the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenIds {
    /// Index of each token in the vocabulary.
    pub ids: Vec<u32>,
    /// 0 for the text to be labelled, 1 for its context.
    pub type_ids: Vec<u8>,
}

/// Rows of tokens, packed without padding.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// (tokens): ids of all rows.
    pub(crate) ids: Tensor,
    /// (tokens): place of each token in its row.
    pub(crate) positions: Tensor,
    /// (tokens): token types.
    pub(crate) types: Tensor,
    /// Length of each row in tokens.
    pub(crate) lengths: Vec<usize>,
    /// The largest id and the largest type.
    pub(crate) largest: (u32, u8),
}

impl TokenBatch {
    /// Packs `rows`; a row without tokens is not allowed.
    ///
    /// # Errors
    /// When there is no row, a row is empty, or the device fails.
    pub fn new(rows: &[TokenIds], device: &Device) -> Result<Self> {
        if rows.is_empty() || rows.iter().any(|row| row.ids.is_empty() || row.ids.len() != row.type_ids.len())
        {
            candle_core::bail!("a batch needs rows, and each row at least one token with its type");
        }
        let each = |of: &dyn Fn(&TokenIds) -> Vec<u32>| {
            let values: Vec<u32> = rows.iter().flat_map(of).collect();
            Tensor::new(values, device)
        };
        let ids = rows.iter().flat_map(|row| &row.ids);
        let types = rows.iter().flat_map(|row| &row.type_ids);
        Ok(Self {
            largest: (ids.copied().max().unwrap_or(0), types.copied().max().unwrap_or(0)),
            ids: each(&|row| row.ids.clone())?,
            positions: each(&|row| (0..row.ids.len()).map(|at| at as u32).collect())?,
            types: each(&|row| row.type_ids.iter().map(|kind| u32::from(*kind)).collect())?,
            lengths: rows.iter().map(|row| row.ids.len()).collect(),
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Number of tokens of all rows.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}
