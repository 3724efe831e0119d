//! What is put through the encoder.

use pointsman_classifier::{EncoderConfig, TokenIds};

/// A batch of prompts of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// Tokens of each row.
    pub(super) tokens: usize,
}

impl Shape {
    /// Ids that look like text to an encoder with this many tokens in its vocabulary. Other programs that are measured beside
    /// this one make the same.
    pub(super) fn ids(self, vocab: usize) -> Vec<TokenIds> {
        (0..self.rows).map(|row| row_of(row, self.tokens, vocab)).collect()
    }

    /// Additions and multiplications of the encoder's matrix products.
    #[expect(clippy::cast_precision_loss, reason = "shapes are far below 2^52")]
    pub(super) fn operations(self, encoder: &EncoderConfig) -> f64 {
        let [rows, tokens, layers, hidden, intermediate] =
            [self.rows, self.tokens, encoder.layers, encoder.hidden, encoder.intermediate].map(|n| n as f64);
        let weights = 4.0 * hidden * hidden + 2.0 * hidden * intermediate;
        let attention = 2.0 * tokens * hidden;
        2.0 * rows * tokens * layers * (weights + attention)
    }
}

fn row_of(row: usize, tokens: usize, vocab: usize) -> TokenIds {
    let id = |at: usize| match at {
        0 => 101,
        _ if at + 1 == tokens => 102,
        _ => 1000 + (at * 7919 + row * 104_729) % 28_000,
    };
    let ids = (0..tokens).map(|at| u32::try_from(id(at) % vocab.max(1)).unwrap_or(0)).collect();
    TokenIds { ids, type_ids: vec![0; tokens] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_protocol() {
        let rows = Shape { rows: 2, tokens: 4 }.ids(30_522);
        assert_eq!(rows[0].ids, [101, 8919, 16838, 102]);
        assert_eq!(
            rows[1].ids,
            [101, 1000 + (7919 + 104_729) % 28_000, 1000 + (2 * 7919 + 104_729) % 28_000, 102]
        );
        assert!(Shape { rows: 1, tokens: 9 }.ids(50)[0].ids.iter().all(|id| *id < 50));
    }

    #[test]
    fn operations_are_those_of_the_products() {
        let encoder = EncoderConfig {
            vocab: 9,
            hidden: 2,
            layers: 3,
            heads: 1,
            intermediate: 8,
            max_positions: 9,
            type_vocab: 1,
            layer_norm_eps: 1e-12,
        };
        // A token takes 4 · 2 · 2 + 2 · 2 · 8 multiplications with weights, and 2 · 5 · 2 in the attention.
        assert_eq!(Shape { rows: 2, tokens: 5 }.operations(&encoder), 2.0 * 10.0 * 3.0 * (48.0 + 20.0));
    }
}
