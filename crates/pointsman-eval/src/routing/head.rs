//! A head that is fitted to a few outcomes on top of the frozen encoder.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::linear::{ClusterMeans, Design, Kernel, KernelRidge, LinearError};

/// What is known of a prompt before anybody answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The encoder's pooled representation.
    pub embedding: Vec<f32>,
    /// What can be counted in its text.
    pub features: Vec<f32>,
}

/// How much all columns of a kind count beside the embedding in a distance over everything, and in the groups.
const EVERYTHING: Factors = Factors { embedding: 1.0, features: 1.0 };
const GROUPED: Factors = Factors { embedding: 1.0, features: 0.25 };
const FIGURES: Factors = Factors { embedding: 0.0, features: 1.0 };

/// Readings that nearness is taken to; the time grows with the cube of their number.
const MOST: usize = 2000;

/// The mean of three ways to learn from like prompts: nearness in embedding and counted figures, nearness in the figures
/// alone, and means of groups. Each is wrong in its own way; on the public outcomes their mean orders held-out prompts
/// better than any of them, and better than a regression on the same columns.
#[derive(Debug, Clone)]
pub struct Head {
    near: KernelRidge,
    alike: KernelRidge,
    groups: ClusterMeans,
}

/// How much the columns of each kind count together, as a share of a squared distance.
struct Factors {
    embedding: f64,
    features: f64,
}

impl Factors {
    /// One factor for each column of [`plain`].
    fn columns(&self, reading: &Reading) -> Vec<f64> {
        let kinds = [(self.embedding, reading.embedding.len()), (self.features, reading.features.len())];
        kinds
            .into_iter()
            .flat_map(|(share, columns)| vec![(share / columns.max(1) as f64).sqrt(); columns])
            .collect()
    }
}

impl Head {
    /// Fits one output for each of `targets`, each with one value for each of `readings`; of more than 2,000 readings
    /// nearness is taken to the first 2,000.
    ///
    /// # Errors
    /// When there are no readings, or a value is not finite.
    pub fn fit(readings: &[&Reading], targets: &[&[f64]], seed: u64) -> Result<Self, LinearError> {
        let first = readings.first().ok_or(LinearError::NoRows)?;
        let all = plain(readings);
        let few = plain(&readings[..readings.len().min(MOST)]);
        let of_few: Vec<&[f64]> = targets.iter().map(|target| &target[..target.len().min(MOST)]).collect();
        Ok(Self {
            near: KernelRidge::fit(&few, &EVERYTHING.columns(first), Kernel::Laplace, &of_few, seed)?,
            alike: KernelRidge::fit(&few, &FIGURES.columns(first), Kernel::Gaussian, &of_few, seed)?,
            groups: ClusterMeans::fit(&all, &GROUPED.columns(first), targets, seed)?,
        })
    }

    /// The outputs for each reading: one list for each target.
    #[must_use]
    pub fn predict(&self, readings: &[&Reading]) -> Vec<Vec<f64>> {
        let design = plain(readings);
        let mut outputs = vec![Vec::with_capacity(readings.len()); self.near.penalties().count()];
        for row in 0..design.rows() {
            let row = design.row(row);
            let said = [self.near.predict(row), self.alike.predict(row), self.groups.predict(row)];
            for (target, output) in outputs.iter_mut().enumerate() {
                output.push(said.iter().map(|values| values[target]).sum::<f64>() / said.len() as f64);
            }
        }
        outputs
    }
}

/// Embedding and features side by side.
fn plain(readings: &[&Reading]) -> Design {
    let parts = |reading: &&Reading| -> Vec<f64> {
        let all = reading.embedding.iter().chain(&reading.features);
        all.map(|value| f64::from(*value)).collect()
    };
    let rows: Vec<Vec<f64>> = readings.iter().map(parts).collect();
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
                Reading { embedding: draw(12), features: draw(3) }
            })
            .collect();
        let truth: Vec<f64> =
            readings.iter().map(|r| f64::from(r.embedding[0] - 2.0 * r.features[1])).collect();
        let all: Vec<&Reading> = readings.iter().collect();
        let head = Head::fit(&all[..90], &[&truth[..90]], 1).expect("fits");
        let predicted = &head.predict(&all[90..])[0];
        let spearman = crate::difficulty::spearman(predicted, &truth[90..]).expect("varies");
        assert!(spearman > 0.8, "{spearman}");
        assert_eq!(
            head.predict(&all),
            Head::fit(&all[..90], &[&truth[..90]], 1).expect("fits").predict(&all)
        );
        assert!(head.predict(&[])[0].is_empty());
        assert!(matches!(Head::fit(&[], &[&[]], 1), Err(LinearError::NoRows)));
    }
}
