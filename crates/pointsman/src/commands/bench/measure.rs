//! Engines in turn on one shape, so that what else the machine does meets all of them.

use std::time::Instant;

use anyhow::Result;
use pointsman_classifier::{Classifier, TokenBatch};
use serde::Serialize;

use super::peak;
use super::shape::Shape;

/// How often each engine gets its turn.
const ROUNDS: usize = 5;

/// How fast an engine is on a shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) engine: String,
    pub(super) threads: usize,
    pub(super) batch: usize,
    /// Tokens of a prompt.
    pub(super) length: usize,
    /// Median of the wall-clock time from token ids to the encoder's output, in seconds.
    pub(super) seconds: f64,
    pub(super) tokens_per_s: f64,
    pub(super) prompts_per_s: f64,
    /// The encoder's matrix operations in a second, as a share of what its innermost loop does on operands in the first-level
    /// cache.
    pub(super) share_of_peak: f64,
    /// How many times it was run.
    pub(super) runs: usize,
}

/// Measures each classifier's encoder for about `seconds`, on the threads of the pool that this is called in.
pub(super) fn measure(classifiers: &[Classifier], shape: Shape, seconds: f64) -> Result<Vec<Figure>> {
    let mut samples = vec![Vec::new(); classifiers.len()];
    let mut peaks = vec![Vec::new(); classifiers.len()];
    let batches: Vec<TokenBatch> = classifiers
        .iter()
        .map(|classifier| {
            Ok(TokenBatch::new(&shape.ids(classifier.card().encoder.vocab), classifier.device())?)
        })
        .collect::<Result<_>>()?;
    for (classifier, batch) in classifiers.iter().zip(&batches) {
        // The first run fills buffers.
        once(classifier, batch)?;
    }
    for _ in 0..ROUNDS {
        for (at, (classifier, batch)) in classifiers.iter().zip(&batches).enumerate() {
            peaks[at].push(peak::operations_per_s(classifier.engine()));
            let share = seconds / ROUNDS as f64;
            let mut spent = 0.0;
            while spent < share {
                let took = once(classifier, batch)?;
                samples[at].push(took);
                spent += took;
            }
        }
    }
    let figures = classifiers.iter().zip(samples).zip(peaks);
    Ok(figures.map(|((classifier, samples), peaks)| figure(classifier, shape, samples, peaks)).collect())
}

/// Seconds from token ids to the encoder's output.
#[expect(clippy::disallowed_methods, reason = "measuring is what the command is for")]
fn once(classifier: &Classifier, batch: &TokenBatch) -> Result<f64> {
    let start = Instant::now();
    std::hint::black_box(classifier.model().embed(batch)?);
    Ok(start.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "shapes are far below 2^52")]
fn figure(classifier: &Classifier, shape: Shape, samples: Vec<f64>, peaks: Vec<f64>) -> Figure {
    let threads = rayon::current_num_threads();
    let runs = samples.len();
    let (seconds, peak) = (median(samples), median(peaks) * threads as f64);
    Figure {
        engine: classifier.engine().to_string(),
        threads,
        batch: shape.rows,
        length: shape.tokens,
        seconds,
        tokens_per_s: (shape.rows * shape.tokens) as f64 / seconds,
        prompts_per_s: shape.rows as f64 / seconds,
        share_of_peak: shape.operations(&classifier.card().encoder) / seconds / peak,
        runs,
    }
}

/// The middle of the samples, of an even number the upper one; not a number for none.
fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 4.0);
        assert!(median(Vec::new()).is_nan());
    }
}
