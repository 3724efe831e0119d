//! The part of a difficulty head that reads counted figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::{FEATURE_NAMES, FEATURES, features};

/// A weight for each of some [`FEATURE_NAMES`]; what they add up to is added to what the difficulty head says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub struct CountWeights {
    /// In the order of the names; none where no figure has a weight.
    weights: Option<Box<[f64; FEATURES]>>,
}

impl CountWeights {
    /// One weight for each figure, in the order of [`FEATURE_NAMES`].
    #[must_use]
    pub fn new(weights: [f64; FEATURES]) -> Self {
        Self { weights: weights.iter().any(|weight| *weight != 0.0).then(|| Box::new(weights)) }
    }

    /// Whether no figure has a weight, so that none need be counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_none()
    }

    /// What the figures of `text` add to the raw difficulty.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the head's output is f32")]
    pub fn read(&self, text: &str) -> f32 {
        let Some(weights) = &self.weights else { return 0.0 };
        let products = features(text).into_iter().zip(weights.iter());
        products.map(|(figure, weight)| f64::from(figure) * weight).sum::<f64>() as f32
    }

    /// Each weight times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let weights = self.weights.as_ref().map(|weights| weights.map(|weight| weight * factor));
        weights.map_or_else(Self::default, Self::new)
    }
}

impl TryFrom<BTreeMap<String, f64>> for CountWeights {
    type Error = String;

    fn try_from(named: BTreeMap<String, f64>) -> Result<Self, String> {
        let mut weights = [0.0; FEATURES];
        for (name, weight) in named {
            let place = FEATURE_NAMES.iter().position(|own| *own == name).ok_or_else(|| {
                format!("`{name}` is not a figure that is counted; choose from {}", FEATURE_NAMES.join(", "))
            })?;
            if !weight.is_finite() {
                return Err(format!("the weight of `{name}` is {weight}; it must be a number"));
            }
            weights[place] = weight;
        }
        Ok(Self::new(weights))
    }
}

impl From<CountWeights> for BTreeMap<String, f64> {
    fn from(counts: CountWeights) -> Self {
        let weights = counts.weights.map_or([0.0; FEATURES], |weights| *weights);
        let named = FEATURE_NAMES.into_iter().zip(weights).filter(|(_, weight)| *weight != 0.0);
        named.map(|(name, weight)| (name.to_owned(), weight)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(entries: &[(&str, f64)]) -> Result<CountWeights, String> {
        CountWeights::try_from(
            entries.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect::<BTreeMap<_, _>>(),
        )
    }

    #[test]
    fn weights_are_read_by_name() {
        let counts = named(&[("log_words", 2.0), ("ends_with_question", 0.5)]).expect("known");
        let expected = 2.0 * 4f32.ln() + 0.5;
        assert!((counts.read("Is this it?") - expected).abs() < 1e-6);
        assert!((counts.scaled(3.0).read("Is this it?") - 3.0 * expected).abs() < 1e-5);
        let written: BTreeMap<String, f64> = counts.clone().into();
        assert_eq!((written.len(), CountWeights::try_from(written)), (2, Ok(counts)));
        assert!(named(&[]).expect("none").is_empty() && CountWeights::default().read("Is this it?") == 0.0);
        let refused = named(&[("log_word", 1.0)]).expect_err("no such figure");
        assert!(
            refused.starts_with("`log_word` is not a figure that is counted; choose from log_chars, "),
            "{refused}"
        );
        assert_eq!(
            named(&[("log_words", f64::NAN)]),
            Err("the weight of `log_words` is NaN; it must be a number".to_owned())
        );
    }
}
