//! A head that is fitted to a few outcomes on top of the frozen encoder.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::linear::{Chosen, Design, Linear, LinearError, Problem, Radial, Validation, ridge_by_validation};

/// What is known of a prompt before anybody answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The encoder's pooled representation.
    pub embedding: Vec<f32>,
    /// What can be counted in its text.
    pub features: Vec<f32>,
    /// What the classifier's own heads say: chances of the tasks, and the zero-shot score.
    pub opinions: Vec<f32>,
}

/// How much a counted feature counts in a distance beside a dimension of the embedding, which there are many more of.
const FEATURE_FACTOR: f64 = 4.0;

/// Prompts that distances are taken to.
const LANDMARKS: usize = 300;

/// Ridge regression on embedding, features and opinions, and on the nearness to some of the prompts that it is fitted to.
#[derive(Debug, Clone)]
pub struct Head {
    radial: Radial,
    targets: Vec<Chosen>,
}

impl Head {
    /// Fits one output for each of `targets`, each with one value for each of `readings`. The penalty is chosen by
    /// five-fold cross-validation within these rows.
    ///
    /// # Errors
    /// When there are no readings, or a value is not finite.
    pub fn fit(readings: &[&Reading], targets: &[&[f64]], seed: u64) -> Result<Self, LinearError> {
        let plain = plain(readings);
        let first = readings.first().ok_or(LinearError::NoRows)?;
        let factors = [(&first.embedding, 1.0), (&first.features, FEATURE_FACTOR), (&first.opinions, 0.0)];
        let factors: Vec<f64> =
            factors.into_iter().flat_map(|(part, factor)| vec![factor; part.len()]).collect();
        let radial = Radial::new(&plain, &factors, LANDMARKS);
        let design = bent(&plain, &radial);
        let lambdas = (0..8).map(|step| 10f64.powf(1.5 - 0.5 * f64::from(step))).collect();
        let validation = Validation { lambdas, ..Validation::new(seed) };
        let targets = ridge_by_validation(&Problem::new(&design), targets, &validation)?;
        Ok(Self { radial, targets })
    }

    /// The outputs for each reading: one list for each target.
    #[must_use]
    pub fn predict(&self, readings: &[&Reading]) -> Vec<Vec<f64>> {
        let design = bent(&plain(readings), &self.radial);
        self.models().map(|model| model.predict_all(&design)).collect()
    }

    /// The penalty that was chosen for each target.
    pub fn penalties(&self) -> impl Iterator<Item = f64> {
        self.targets.iter().map(|chosen| chosen.lambda)
    }

    fn models(&self) -> impl Iterator<Item = &Linear> {
        self.targets.iter().map(|chosen| &chosen.model)
    }
}

/// Embedding, features and opinions side by side.
fn plain(readings: &[&Reading]) -> Design {
    let parts = |reading: &&Reading| -> Vec<f64> {
        let all = reading.embedding.iter().chain(&reading.features).chain(&reading.opinions);
        all.map(|value| f64::from(*value)).collect()
    };
    let rows: Vec<Vec<f64>> = readings.iter().map(parts).collect();
    Design::from_rows(rows.first().map_or(0, Vec::len), rows)
}

/// The plain columns, then the nearness to each landmark.
fn bent(plain: &Design, radial: &Radial) -> Design {
    let row = |row: usize| [plain.row(row).to_vec(), radial.columns(plain.row(row))].concat();
    let rows: Vec<Vec<f64>> = (0..plain.rows()).map(row).collect();
    Design::from_rows(rows.first().map_or(0, Vec::len), rows)
}

/// Sets `learnt` of `count` prompts apart by chance: their indices, then those of the others, each in order.
#[must_use]
pub fn split(count: usize, learnt: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut others = order.split_off(learnt.min(count));
    order.sort_unstable();
    others.sort_unstable();
    (order, others)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn a_split_holds_every_prompt_once() {
        let (learnt, routed) = split(10, 4, 2);
        let mut all = [learnt.clone(), routed.clone()].concat();
        all.sort_unstable();
        assert_eq!((learnt.len(), all), (4, (0..10).collect::<Vec<_>>()));
        assert_eq!(split(10, 4, 2), (learnt, routed));
        assert_eq!(split(3, 9, 0).1.len(), 0);
    }

    #[test]
    fn what_embedding_and_features_tell_is_learnt() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let readings: Vec<Reading> = (0..140)
            .map(|_| {
                let mut draw = |count: usize| (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
                Reading { embedding: draw(12), features: draw(3), opinions: draw(2) }
            })
            .collect();
        let truth: Vec<f64> = readings
            .iter()
            .map(|r| f64::from(r.embedding[0] - 2.0 * r.features[1] + r.opinions[0]))
            .collect();
        let all: Vec<&Reading> = readings.iter().collect();
        let head = Head::fit(&all[..90], &[&truth[..90]], 1).expect("fits");
        let predicted = &head.predict(&all[90..])[0];
        let error: f64 =
            predicted.iter().zip(&truth[90..]).map(|(p, y)| (p - y) * (p - y)).sum::<f64>() / 50.0;
        assert!(error < 0.2, "{error}");
        assert_eq!(
            head.predict(&all),
            Head::fit(&all[..90], &[&truth[..90]], 1).expect("fits").predict(&all)
        );
        assert!(head.predict(&[])[0].is_empty());
        assert!(matches!(Head::fit(&[], &[&[]], 1), Err(LinearError::NoRows)));
    }
}
