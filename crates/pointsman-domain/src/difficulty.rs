//! Difficulty: the ability that a model needs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nearest;

/// A point on the ability scale, in standard deviations of the reference pool; 0 is the pool's average model.
///
/// Of a prompt it is the item difficulty `b` of `P(success) = σ(a · (θ − b))`, the two-parameter logistic model
/// (Birnbaum 1968); of a model it is `θ`.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ability(pub f32);

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2}", self.0)
    }
}

/// The share of the reference pool that is expected to fail on a prompt, 0 to 1.
///
/// With a pool of ability `θ ~ N(0, 1)` and discrimination 1 this is `E[σ(b − θ)]`, for which we take the
/// logistic–normal approximation `σ(κ b)`, `κ = (1 + π/8)^(−1/2)` (MacKay 1992, eq. 10), a monotone map of
/// [`Ability`] with the exact inverse `b = logit(d) / κ`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Difficulty(f32);

impl Difficulty {
    /// `κ` of the type's description.
    pub const KAPPA: f32 = 0.847_366_6;

    /// Clamps to 0–1; not-a-number becomes 0.5, the difficulty of which nothing is known.
    #[must_use]
    pub fn new(share: f32) -> Self {
        Self(if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) })
    }

    /// The share of the pool that fails on an item of difficulty `b`.
    #[must_use]
    pub fn from_ability(b: Ability) -> Self {
        Self::new(1.0 / (1.0 + (-Self::KAPPA * b.0).exp()))
    }

    /// The ability `b` at which this share of the pool fails; the ends of the scale map to ±8.
    #[must_use]
    pub fn ability(self) -> Ability {
        let logit = (self.0 / (1.0 - self.0)).ln();
        Ability((logit / Self::KAPPA).clamp(-8.0, 8.0))
    }

    /// The share, 0 to 1.
    #[must_use]
    pub fn value(self) -> f32 {
        self.0
    }

    /// The band that the share falls in.
    #[must_use]
    pub fn band(self) -> Band {
        match self.0 {
            d if d < 0.25 => Band::Easy,
            d if d < 0.5 => Band::Medium,
            d if d < 0.75 => Band::Hard,
            _ => Band::Expert,
        }
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

/// Difficulty in four steps, for tables and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Below 0.25: nearly any current small model gets it right.
    Easy,
    /// 0.25–0.50: a good small or mid-size model usually does.
    Medium,
    /// 0.50–0.75: needs a strong model.
    Hard,
    /// From 0.75: only the strongest models, and not reliably.
    Expert,
}

impl Band {
    /// All bands, easiest first.
    pub const ALL: [Self; 4] = [Self::Easy, Self::Medium, Self::Hard, Self::Expert];

    /// The middle of the band: the difficulty of a typical prompt in it.
    #[must_use]
    pub fn middle(self) -> Difficulty {
        Difficulty(match self {
            Self::Easy => 0.125,
            Self::Medium => 0.375,
            Self::Hard => 0.625,
            Self::Expert => 0.875,
        })
    }

    /// The name as it appears in tables, data files and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
            Self::Expert => "expert",
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Band {
    type Err = ParseBandError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|band| band.as_str() == name).ok_or_else(|| ParseBandError {
            name: name.to_owned(),
            nearest: nearest(name, Self::ALL.map(Self::as_str)),
        })
    }
}

/// A string that names no band.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a difficulty band: use easy, medium, hard or expert")]
pub struct ParseBandError {
    name: String,
    /// The band that was probably meant.
    pub nearest: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kappa_is_what_its_formula_says() {
        let exact = (1.0 + std::f64::consts::PI / 8.0).powf(-0.5);
        assert!((f64::from(Difficulty::KAPPA) - exact).abs() < 1e-6, "{exact}");
    }

    #[test]
    fn bands_meet_at_the_quarters() {
        let band = |share| Difficulty::new(share).band();
        assert_eq!(
            [0.0, 0.2499, 0.25, 0.4999, 0.5, 0.7499, 0.75, 1.0].map(band),
            [
                Band::Easy,
                Band::Easy,
                Band::Medium,
                Band::Medium,
                Band::Hard,
                Band::Hard,
                Band::Expert,
                Band::Expert
            ]
        );
        assert_eq!(band(f32::NAN), Band::Hard);
    }

    #[test]
    fn band_names_round_trip() {
        for band in Band::ALL {
            assert_eq!(band.as_str().parse(), Ok(band));
            assert_eq!(band.middle().band(), band);
            assert_eq!(serde_json::to_string(&band).expect("serialises"), format!("\"{band}\""));
        }
        assert_eq!("exprt".parse::<Band>().expect_err("misspelt").nearest, Some("expert"));
    }

    proptest! {
        #[test]
        fn difficulty_is_a_monotone_map_of_ability(a in -6f32..6.0, b in -6f32..6.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(Difficulty::from_ability(Ability(low)) <= Difficulty::from_ability(Ability(high)));
            prop_assert!((Difficulty::from_ability(Ability(a)).ability().0 - a).abs() < 2e-3);
        }

        #[test]
        fn any_float_is_a_difficulty(share in proptest::num::f32::ANY) {
            prop_assert!((0.0..=1.0).contains(&Difficulty::new(share).value()));
        }
    }
}
