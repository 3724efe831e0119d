//! Varying texts, so that labels do not hang on case, spelling or a phrase around the request.

use pointsman_domain::Prompt;
use pointsman_eval::perturb::Perturbation;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::recipe::AugmentRecipe;

/// `prompt` as the model sees it in `epoch`: the same for the same seed, row and epoch.
pub(crate) fn vary(prompt: &Prompt, recipe: &AugmentRecipe, seed: u64, epoch: usize, row: usize) -> Prompt {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(((epoch as u64) << 32) | row as u64);
    let shares = [
        (Perturbation::Case, recipe.case),
        (Perturbation::Typos, recipe.typos),
        (Perturbation::Politeness, recipe.politeness),
        (Perturbation::SystemPrompt, recipe.system_prompt),
    ];
    shares.into_iter().fold(prompt.clone(), |varied, (perturbation, share)| {
        let (drawn, own_seed): (f64, u64) = (random.random(), random.random());
        if drawn < share { perturbation.apply(&varied, own_seed) } else { varied }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variation_follows_the_shares_and_repeats() {
        let prompt = Prompt::from_text("please write a short letter to my landlord about the heating");
        let recipe = AugmentRecipe { politeness: 0.25, ..AugmentRecipe::default() };
        let changed = (0..1000).filter(|row| vary(&prompt, &recipe, 1, 0, *row) != prompt).count();
        assert!((200..300).contains(&changed), "{changed}");
        assert_eq!(vary(&prompt, &recipe, 1, 2, 3), vary(&prompt, &recipe, 1, 2, 3));
        assert_eq!(vary(&prompt, &AugmentRecipe::default(), 1, 0, 0), prompt);
    }
}
