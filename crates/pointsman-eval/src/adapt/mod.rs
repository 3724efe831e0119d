//! From a user's own outcomes to abilities of their models, and a difficulty head for their prompts.
//!
//! The model is an explanatory item-response model (De Boeck & Wilson 2004): model `m` succeeds on prompt `i` with
//! `σ(a (θₘ − bᵢ))`, where `bᵢ = hᵢ + xᵢβ + εᵢ`, `hᵢ` is what the present head says, `xᵢ` the prompt's representation and
//! `εᵢ ~ N(0, τ²)` what no text says. It is fitted by penalised quasi-likelihood (Breslow & Clayton 1993). Three states are
//! compared on prompts that were held out: as before, with new abilities, and with a new head too. A state that is not
//! clearly better than a simpler one is not taken.

mod abilities;
mod difficulty;
mod names;
mod observed;
mod quality;
#[cfg(test)]
mod tests;

use pointsman_policy::{Abilities, Discrimination};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::linear::{Linear, LinearError};
use abilities::Fitted;
pub use names::{NamedModel, Names};
pub use observed::{Described, Observation, Observed};
pub use quality::Quality;

/// Fewest outcomes from which anything is fitted.
pub const LEAST_OUTCOMES: usize = 50;

/// Fewest prompts from which a head is fitted.
pub const LEAST_PROMPTS_OF_HEAD: usize = 300;

/// Share of the prompts that are held out to compare states.
const HELD_OUT: f64 = 0.25;

/// What the outcomes made better, and by how much.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    /// The state to use from now on.
    pub state: State,
    /// Abilities of the models in the outcomes beside those that were known; none if the old ones stay.
    pub abilities: Option<Abilities>,
    /// What is to be added to the present head's difficulty, as a function of the representation, and the standard deviation
    /// of prompts around the sum; none if the old head stays.
    pub head: Option<(Linear, f64)>,
    /// Held-out quality of each state that could be fitted, simplest first.
    pub compared: Vec<Compared>,
    /// Outcomes used.
    pub outcomes: usize,
    /// Prompts used.
    pub prompts: usize,
    /// Prompts that the states were compared on.
    pub held_out: usize,
}

/// What is taken from the outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing: it would not have helped.
    AsBefore,
    /// Abilities.
    Abilities,
    /// Abilities and the difficulty head.
    AbilitiesAndHead,
}

/// How well one state foretells held-out outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Compared {
    /// The state.
    pub state: State,
    /// Over all held-out outcomes.
    pub quality: Quality,
    /// How much lower the log loss is than that of the state taken so far, with its standard error over prompts.
    pub gain: f64,
    /// See `gain`.
    pub gain_se: f64,
}

/// Fits abilities and, with enough prompts, a head to what was `observed`, starting from what `known` says, which
/// [`Names::before`] gives with what models are said to be like.
///
/// # Errors
/// When there are too few outcomes, or a number is not finite.
pub fn adapt(observed: &Observed, known: &Abilities, seed: u64) -> Result<Adapted, AdaptError> {
    let outcomes = observed.observations.len();
    if outcomes < LEAST_OUTCOMES {
        return Err(AdaptError::TooFew { outcomes });
    }
    let (train, test) = divide(observed, seed);
    let slopes = &known.discrimination;
    let (mut taken, mut compared) = (State::AsBefore, Vec::new());
    let mut losses = Vec::new();
    for state in states(observed, train.prompts.len()) {
        let fitted = fit(state, &train, known, seed)?;
        let (quality, by_prompt) = quality::of(&test, &fitted, slopes);
        let (gain, gain_se) = quality::gain(&losses, &by_prompt);
        compared.push(Compared { state, quality, gain, gain_se });
        // The one-standard-error rule (Breiman et al. 1984).
        if state == State::AsBefore || gain > gain_se {
            (taken, losses) = (state, by_prompt);
        }
    }
    let last = fit(taken, observed, known, seed)?;
    let abilities = (taken != State::AsBefore).then(|| last.merged(observed, known));
    let head = last.head.filter(|_| taken == State::AbilitiesAndHead);
    let (prompts, held_out) = (observed.prompts.len(), test.prompts.len());
    Ok(Adapted { state: taken, abilities, head, compared, outcomes, prompts, held_out })
}

/// The states that can be fitted to `prompts` of what was observed.
fn states(observed: &Observed, prompts: usize) -> impl Iterator<Item = State> {
    let has_head = prompts >= LEAST_PROMPTS_OF_HEAD && observed.has_representations();
    let head = has_head.then_some(State::AbilitiesAndHead);
    [State::AsBefore, State::Abilities].into_iter().chain(head)
}

fn fit(state: State, observed: &Observed, known: &Abilities, seed: u64) -> Result<Fitted, LinearError> {
    let slopes: &Discrimination = &known.discrimination;
    let mut fitted = Fitted::before(observed, known);
    match state {
        State::AsBefore => {}
        State::Abilities => fitted.update(observed, slopes),
        State::AbilitiesAndHead => {
            fitted.update(observed, slopes);
            difficulty::refine(&mut fitted, observed, slopes, seed)?;
        }
    }
    Ok(fitted)
}

/// Divides by prompts, so that none is on both sides.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count"
)]
fn divide(observed: &Observed, seed: u64) -> (Observed, Observed) {
    let mut order: Vec<usize> = (0..observed.prompts.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let held_out = ((order.len() as f64 * HELD_OUT) as usize).clamp(1, order.len().saturating_sub(1).max(1));
    let (test, train) = order.split_at(held_out);
    (observed.select(train), observed.select(test))
}

/// Why nothing could be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdaptError {
    /// There are too few outcomes.
    #[error(
        "there are {outcomes} usable outcomes; {LEAST_OUTCOMES} are needed, so collect more and try again"
    )]
    TooFew {
        /// How many there are.
        outcomes: usize,
    },
    /// The arithmetic failed.
    #[error(transparent)]
    Linear(#[from] LinearError),
}
