//! What is to be added to the present head, by penalised quasi-likelihood.

use pointsman_policy::Discrimination;

use super::abilities::{Difficulty, Fitted};
use super::observed::Observed;
use crate::linear::{Design, LinearError, Target, fit_head, sigmoid};

/// Rounds of head and abilities in turn. Later rounds move difficulties by less than their errors.
const ROUNDS: usize = 3;

/// Farthest that a round moves a difficulty beyond the present one: a single surprising outcome says "harder", not how much.
const FARTHEST: f64 = 3.0;

/// Fits the addition to the head and the abilities in turn.
pub(super) fn refine(
    fitted: &mut Fitted,
    observed: &Observed,
    slopes: &Discrimination,
    seed: u64,
) -> Result<(), LinearError> {
    let columns = observed.prompts.first().map_or(0, |prompt| prompt.embedding.len());
    let design = Design::from_rows(columns, observed.prompts.iter().map(|prompt| &prompt.embedding));
    let before: Vec<f64> = observed.prompts.iter().map(|prompt| f64::from(prompt.labels.ability.0)).collect();
    let mut now = before.clone();
    for _ in 0..ROUNDS {
        let found = working_difficulties(fitted, observed, slopes, &now);
        let targets: Vec<Target> = found
            .iter()
            .zip(&before)
            .map(|(found, before)| Target { b: found.b - before, ..*found })
            .collect();
        let head = fit_head(&design, None, &targets, seed)?;
        // Each prompt's difficulty between what the head says without having seen it and what its outcomes say.
        let own = head.residual_sd * head.residual_sd;
        let mut difficulties = Vec::with_capacity(now.len());
        for (i, target) in found.iter().enumerate() {
            let said = before[i] + head.out_of_fold[i];
            let (of_text, of_outcomes) = (1.0 / own, 1.0 / target.variance);
            let mean = (said * of_text + target.b * of_outcomes) / (of_text + of_outcomes);
            now[i] = mean;
            difficulties.push(Difficulty { mean: said, sd: head.residual_sd });
        }
        fitted.update_at(observed, slopes, &difficulties);
        fitted.head = Some((head.model, head.residual_sd));
    }
    Ok(())
}

/// For each prompt the difficulty that its outcomes say, to first order around `now`, with the variance that the outcomes
/// leave: the working response of iteratively reweighted least squares.
fn working_difficulties(
    fitted: &Fitted,
    observed: &Observed,
    slopes: &Discrimination,
    now: &[f64],
) -> Vec<Target> {
    let mut slope_and_information = vec![(0.0, 0.0); now.len()];
    for observation in &observed.observations {
        let prompt = &observed.prompts[observation.prompt];
        let slope = slopes.at(&prompt.labels.task, prompt.group.as_ref());
        let chance = sigmoid(slope * (fitted.ability(observation.model) - now[observation.prompt]));
        let (gradient, information) = &mut slope_and_information[observation.prompt];
        *gradient += observation.trials * slope * (chance - observation.score);
        *information += observation.trials * slope * slope * chance * (1.0 - chance);
    }
    let target = |(now, (gradient, information)): (&f64, (f64, f64))| {
        let information = f64::max(information, 1e-3);
        let step = (gradient / information).clamp(-FARTHEST, FARTHEST);
        Target { b: now + step, variance: information.recip(), weight: 1.0 }
    };
    now.iter().zip(slope_and_information).map(target).collect()
}
