//! Varying texts, so that labels do not hang on case, spelling or a phrase around the request.

mod phrases;

use pointsman_domain::{Prompt, Role, Turn};
use pointsman_eval::perturb::Perturbation;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::recipe::AugmentRecipe;

/// Texts longer than this make no earlier exchange: they would fill the window of the prompt that is to be learnt.
const EARLIER_BYTES: usize = 600;

/// Texts with fewer words are not cut: every word may be the one that says what is asked for.
const LONG_WORDS: usize = 60;

/// Variation of the prompts of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Augment<'a> {
    pub(crate) recipe: &'a AugmentRecipe,
    pub(crate) seed: u64,
    /// Prompts to draw earlier exchanges from.
    pub(crate) others: &'a [&'a str],
}

impl Augment<'_> {
    /// `prompt` as the model sees it in `epoch`: the same for the same seed, row and epoch.
    pub(crate) fn vary(&self, prompt: &Prompt, epoch: usize, row: usize) -> Prompt {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(((epoch as u64) << 32) | row as u64);
        let recipe = self.recipe;
        let shares = [
            (Perturbation::Case, recipe.case),
            (Perturbation::Typos, recipe.typos),
            (Perturbation::Politeness, recipe.politeness),
            (Perturbation::SystemPrompt, recipe.system_prompt),
        ];
        let mut varied = prompt.clone();
        if random.random_bool(recipe.truncate) {
            varied = truncated(&varied, &mut random);
        }
        if random.random_bool(recipe.lead_in) {
            varied = led_in(&varied, &mut random);
        }
        if random.random_bool(recipe.conversation) && prompt.turns().len() == 1 {
            varied = self.in_conversation(&varied, &mut random);
        }
        shares.into_iter().fold(varied, |varied, (perturbation, share)| {
            let (drawn, own_seed) = (random.random_bool(share), random.random());
            if drawn { perturbation.apply_with(phrases::TRAINING, &varied, own_seed) } else { varied }
        })
    }

    /// The prompt after an exchange about something else.
    fn in_conversation(&self, prompt: &Prompt, random: &mut ChaCha8Rng) -> Prompt {
        let Some(question) = self.others.choose(random).filter(|text| text.len() <= EARLIER_BYTES) else {
            return prompt.clone();
        };
        let reply = phrases::REPLIES.choose(random).copied().unwrap_or_default();
        let earlier = [(Role::User, *question), (Role::Assistant, reply)];
        let earlier = earlier.map(|(role, text)| Turn { role, text: text.to_owned() });
        Prompt::from_turns(earlier.into_iter().chain(prompt.turns().iter().cloned()).collect())
    }
}

/// The prompt without a stretch in the middle of its long subject, a tenth to four tenths of the words. What is asked for mostly
/// stands at one of the ends.
fn truncated(prompt: &Prompt, random: &mut ChaCha8Rng) -> Prompt {
    let mut turns = prompt.turns().to_vec();
    if let Some(subject) = turns.get_mut(prompt.context().len()) {
        let words: Vec<&str> = subject.text.split_inclusive(char::is_whitespace).collect();
        if words.len() >= LONG_WORDS {
            let tenth = words.len() / 10;
            let from = random.random_range(2 * tenth..=5 * tenth);
            let to = from + random.random_range(tenth..=4 * tenth);
            subject.text = [&words[..from], &words[to..]].concat().concat();
        }
    }
    Prompt::from_turns(turns)
}

/// The prompt with a few words in front that ask for nothing.
fn led_in(prompt: &Prompt, random: &mut ChaCha8Rng) -> Prompt {
    let mut turns = prompt.turns().to_vec();
    if let (Some(phrase), Some(subject)) =
        (phrases::LEAD_INS.choose(random), turns.get_mut(prompt.context().len()))
    {
        let gap = if subject.text.contains('\n') && random.random_bool(0.5) { "\n\n" } else { " " };
        subject.text = format!("{phrase}{gap}{}", subject.text.trim_start());
    }
    Prompt::from_turns(turns)
}

#[cfg(test)]
mod tests {
    use pointsman_eval::perturb::Phrases;

    use super::*;

    const TEXT: &str = "please write a short letter to my landlord about the heating";

    fn vary(recipe: &AugmentRecipe, epoch: usize, row: usize) -> Prompt {
        let augment = Augment { recipe, seed: 1, others: &["what is the tallest tree?"] };
        augment.vary(&Prompt::from_text(TEXT), epoch, row)
    }

    #[test]
    fn variation_follows_the_shares_and_repeats() {
        let recipe = AugmentRecipe { politeness: 0.25, ..AugmentRecipe::default() };
        let prompt = Prompt::from_text(TEXT);
        let changed = (0..1000).filter(|row| vary(&recipe, 0, *row) != prompt).count();
        assert!((200..300).contains(&changed), "{changed}");
        assert_eq!(vary(&recipe, 2, 3), vary(&recipe, 2, 3));
        assert_eq!(vary(&AugmentRecipe::default(), 0, 0), prompt);
    }

    #[test]
    fn an_earlier_exchange_leaves_the_subject_alone() {
        let always = AugmentRecipe { conversation: 1.0 - f64::EPSILON, ..AugmentRecipe::default() };
        let varied = vary(&always, 0, 0);
        let roles: Vec<Role> = varied.turns().iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
        assert_eq!((varied.subject(), varied.turns()[0].text.as_str()), (TEXT, "what is the tallest tree?"));
    }

    #[test]
    fn long_texts_lose_some_of_their_middle() {
        let always = AugmentRecipe { truncate: 1.0 - f64::EPSILON, ..AugmentRecipe::default() };
        assert_eq!(vary(&always, 0, 0), Prompt::from_text(TEXT), "too short to be cut");
        let words: Vec<String> = (0..200).map(|word| format!("w{word}")).collect();
        let augment = Augment { recipe: &always, seed: 1, others: &[] };
        for row in 0..50 {
            let varied = augment.vary(&Prompt::from_text(words.join(" ")), 0, row);
            let left: Vec<&str> = varied.subject().split(' ').collect();
            assert!((120..=180).contains(&left.len()), "{}", left.len());
            assert!(left[..40] == words[..40] && left[left.len() - 20..] == words[180..], "{left:?}");
        }
    }

    #[test]
    fn a_lead_in_comes_first() {
        let always = AugmentRecipe { lead_in: 1.0 - f64::EPSILON, ..AugmentRecipe::default() };
        let varied = vary(&always, 0, 0);
        assert!(varied.subject().ends_with(TEXT) && varied.subject().len() > TEXT.len());
    }

    #[test]
    fn the_phrases_of_the_evaluation_are_not_trained_on() {
        let Phrases { polite, system } = Phrases::EVALUATION;
        assert!(polite.iter().all(|phrase| !phrases::TRAINING.polite.contains(phrase)));
        assert!(system.iter().all(|phrase| !phrases::TRAINING.system.contains(phrase)));
    }
}
