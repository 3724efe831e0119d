//! Quantities whose unit is part of the type.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// A number of tokens, as counted by the tokenizer that the context names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenCount(pub u32);

impl fmt::Display for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for TokenCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Tokens of one call as a provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// All that was read, cached or not.
    pub input: TokenCount,
    /// What of it came from the provider's cache.
    #[serde(default)]
    pub cache_read: TokenCount,
    /// What of it was written to the provider's cache.
    #[serde(default)]
    pub cache_write: TokenCount,
    /// All that was written, reasoning included.
    pub output: TokenCount,
}

/// An amount of money in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(pub f64);

impl Usd {
    /// What `tokens` cost at a price given in dollars per million tokens, the unit of public price lists.
    #[must_use]
    pub fn per_million(self, tokens: TokenCount) -> Self {
        Self(self.0 * f64::from(tokens.0) / 1e6)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.6}", self.0)
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_per_million_tokens() {
        assert_eq!(Usd(15.0).per_million(TokenCount(2_000)), Usd(0.03));
    }

    #[test]
    fn token_counts_saturate_instead_of_wrapping() {
        assert_eq!(TokenCount(u32::MAX) + TokenCount(1), TokenCount(u32::MAX));
    }
}
