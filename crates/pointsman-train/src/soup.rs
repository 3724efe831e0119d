//! Several fits from one start, averaged.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;

use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::fit::{Fit, Run};
use crate::network::Network;
use crate::progress::Progress;

/// Fits `network`, once or as often as the recipe says; then its weights are the mean over the runs.
///
/// `fresh` gives further networks with the same start. Every run ends with a checkpoint, so that one that was cut short
/// costs no more than itself.
pub(crate) fn fit(
    fit: &Fit<'_>,
    checkpoints: &Path,
    network: &mut Network,
    fresh: impl Fn() -> Result<Network, TrainError>,
    progress: &mut dyn Progress,
) -> Result<(), TrainError> {
    let runs = fit.recipe.fit.runs;
    let mut sum: HashMap<String, Tensor> = HashMap::new();
    for run in 0..runs {
        let folder = folder(checkpoints, run, runs);
        let place =
            Run { seed: fit.recipe.seed.wrapping_add(run as u64), checkpoints: &folder, keep: runs > 1 };
        if runs > 1 {
            progress.note(&format!("run {} of {runs}", run + 1));
        }
        if run > 0 {
            *network = fresh()?;
        }
        fit.run(network, place, progress)?;
        add(&mut sum, network)?;
    }
    for tensor in sum.values_mut() {
        *tensor = (&*tensor / runs as f64)?;
    }
    network.replace(&sum)
}

/// Removes the checkpoints of all runs.
pub(crate) fn clean(checkpoints: &Path, runs: usize) -> Result<(), TrainError> {
    for run in 0..runs {
        Checkpoint::remove(&folder(checkpoints, run, runs))?;
    }
    Checkpoint::remove(checkpoints)
}

/// Where a run keeps its checkpoint.
fn folder(checkpoints: &Path, run: usize, runs: usize) -> Cow<'_, Path> {
    if runs == 1 { checkpoints.into() } else { checkpoints.join(format!("run-{run}")).into() }
}

/// Adds the weights of `network` to `sum`.
fn add(sum: &mut HashMap<String, Tensor>, network: &Network) -> Result<(), TrainError> {
    for (name, tensor) in network.weights() {
        let total = match sum.remove(&name) {
            Some(before) => (before + &tensor)?,
            None => tensor.copy()?,
        };
        sum.insert(name, total);
    }
    Ok(())
}
