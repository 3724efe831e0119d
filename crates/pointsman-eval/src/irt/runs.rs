//! One model on one source: does it do there what it does elsewhere?

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use super::part::{Answer, Normal, ability};
use super::scale::robust;

/// A model on a source, parts of the source taken together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// Canonical name.
    pub model: String,
    /// The source without its part.
    pub source: String,
}

impl RunId {
    /// The run of `model` on `source`.
    #[must_use]
    pub fn new(model: &str, source: &str) -> Self {
        Self { model: model.to_owned(), source: source.to_owned() }
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.model, self.source)
    }
}

/// What a model did on a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Model and source.
    #[serde(flatten)]
    pub id: RunId,
    /// Outcomes.
    pub items: usize,
    /// Mean score.
    pub score: f64,
    /// Mean chance of success that the model's ability gives.
    pub expected: f64,
    /// Ability on this source alone.
    pub ability: f64,
    /// Ability on all other sources; none if there is no other.
    pub elsewhere: Option<f64>,
    /// `ability − elsewhere` in standard deviations of what is usual between sources, errors included; where there is
    /// no other source, the distance from the median model in robust standard deviations of all models.
    pub z: f64,
}

impl Run {
    /// Whether the model is so far below what it can do elsewhere, or if it was seen nowhere else so far below all
    /// others, that the run itself must be at fault, for instance by a wrong format of prompt or answer.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        match self.elsewhere {
            Some(elsewhere) => self.z < -BROKEN_Z && self.ability - elsewhere < -BROKEN_GAP,
            None => self.z < -BROKEN_ALONE_Z,
        }
    }
}

/// How many standard deviations below its ability elsewhere a broken run is, …
pub const BROKEN_Z: f64 = 3.0;
/// … and how far on the scale.
pub const BROKEN_GAP: f64 = 1.0;
/// How many robust standard deviations below the median model a broken run of a model with one source is.
pub const BROKEN_ALONE_Z: f64 = 5.0;

/// Least standard deviation between a model's abilities on two sources that is taken for usual.
const LEAST_SD: f64 = 0.25;
/// Variance of the prior of an ability on part of the outcomes around that on all: weak, so that it is finite.
const WEAK: f64 = 20.0;

/// All runs, by model and source, and the usual standard deviation of a model's ability between sources.
pub(super) fn runs(matrix: &Matrix, theta: &[f64], answers: &[Vec<Answer>]) -> (Vec<Run>, f64) {
    let mut found = Vec::new();
    for ((name, theta), answers) in matrix.models.iter().zip(theta).zip(answers) {
        let prior = Normal { mean: *theta, variance: WEAK };
        for (family, source) in matrix.families.iter().enumerate() {
            let is_here = move |answer: &&Answer| matrix.blocks[answer.block].family == family;
            let here = || answers.iter().filter(is_here);
            let rest = || answers.iter().filter(move |answer| !is_here(answer));
            let items = here().count();
            if items == 0 {
                continue;
            }
            let mean = |sum: f64| sum / items as f64;
            let own = ability(&here(), prior);
            let elsewhere = rest().next().map(|_| ability(&rest(), prior));
            let run = Run {
                id: RunId::new(name, source),
                items,
                score: mean(here().map(|answer| answer.score).sum()),
                expected: mean(here().map(|answer| answer.expected).sum()),
                ability: own.mean,
                elsewhere: elsewhere.map(|elsewhere| elsewhere.mean),
                z: 0.0,
            };
            found.push((run, elsewhere.map(|elsewhere| own.variance + elsewhere.variance)));
        }
    }
    let usual = usual_sd(found.iter().map(|(run, _)| run));
    let (median, sd) = robust(theta.to_vec());
    let with_z = |(run, variance): (Run, Option<f64>)| {
        let z = match run.elsewhere.zip(variance) {
            Some((elsewhere, variance)) => (run.ability - elsewhere) / (usual * usual + variance).sqrt(),
            None => (run.ability - median) / sd,
        };
        Run { z, ..run }
    };
    (found.into_iter().map(with_z).collect(), usual)
}

/// `1.4826 × median |gap|`, the robust standard deviation of the gaps around 0.
fn usual_sd<'a>(runs: impl Iterator<Item = &'a Run>) -> f64 {
    let gap = |run: &Run| run.elsewhere.map(|elsewhere| (run.ability - elsewhere).abs());
    let mut gaps: Vec<f64> = runs.filter_map(gap).collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).map_or(LEAST_SD, |median| (1.4826 * median).max(LEAST_SD))
}
