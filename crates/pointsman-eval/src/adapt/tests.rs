//! Outcomes drawn from a known model.

use pointsman_domain::{AbstainReason, Difficulty, Labels, ModelId, ModelName, Task, TokenCount};
use pointsman_policy::{Estimate, ModelAbility};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::linear::sigmoid;

/// What the outcomes are drawn from.
#[derive(Clone, Copy)]
struct World {
    prompts: usize,
    /// Abilities of the models.
    abilities: [f64; 3],
    /// How much of the difficulty the present head says: 1 all, 0 nothing.
    said: f64,
    seed: u64,
}

fn labels(b: f64) -> Labels {
    let task = Task::new("math").expect("well formed");
    let ability = pointsman_domain::Ability(b as f32);
    Labels {
        task_scores: vec![(task.clone(), 1.0)],
        task,
        task_confidence: 1.0,
        difficulty: Difficulty::from_ability(ability),
        ability,
        ability_sd: 0.5,
        band: Difficulty::from_ability(ability).band(),
        band_confidence: 1.0,
        abstained: None::<AbstainReason>,
        tokens: TokenCount(5),
        tokens_seen: TokenCount(5),
    }
}

fn world(World { prompts, abilities, said, seed }: World) -> Observed {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut observed =
        Observed { models: ["small", "mid", "large"].map(ModelName::new).to_vec(), ..Observed::default() };
    for prompt in 0..prompts {
        let mut uniform = || random.random::<f64>() * 2.0 - 1.0;
        let x = [uniform(), uniform(), uniform(), uniform()];
        let b = 1.5 * x[0] - x[1];
        observed.prompts.push(observed::Described {
            labels: labels(said * b),
            group: None,
            embedding: x.to_vec(),
        });
        for (model, ability) in abilities.iter().enumerate() {
            let score = f64::from(u8::from(random.random::<f64>() < sigmoid(1.5 * (ability - b))));
            observed.observations.push(Observation { prompt, model, score, trials: 1.0 });
        }
    }
    observed
}

fn nothing_known() -> Abilities {
    Abilities {
        date: "2026-11-21".to_owned(),
        origin: "nothing".to_owned(),
        discrimination: Discrimination { default: 1.5, ..Discrimination::default() },
        models: [].into(),
    }
}

/// A model whose ability is known well.
fn measured(ability: f32, aliases: &[&str]) -> ModelAbility {
    let general = Estimate { ability: pointsman_domain::Ability(ability), se: 0.01, items: 9000 };
    ModelAbility {
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        general,
        labels: [].into(),
    }
}

#[test]
fn abilities_and_a_head_are_found_where_the_present_head_knows_nothing() {
    let observed = world(World { prompts: 2000, abilities: [-1.0, 0.0, 1.2], said: 0.0, seed: 1 });
    let adapted = adapt(&observed, &nothing_known(), 1).expect("adapts");
    assert_eq!(adapted.state, State::AbilitiesAndHead, "{:?}", adapted.compared);
    let (head, _) = adapted.head.as_ref().expect("a head");
    let (first, second) = (head.weights[0], head.weights[1]);
    assert!((first - 1.5).abs() < 0.2 && (second + 1.0).abs() < 0.2, "{head:?}");
    let models = &adapted.abilities.as_ref().expect("abilities").models;
    for (name, ability) in [("small", -1.0), ("mid", 0.0), ("large", 1.2)] {
        let (_, found) = models.iter().find(|(own, _)| own.as_str() == name).expect("listed");
        assert!((f64::from(found.general.ability.0) - ability).abs() < 0.25, "{name}: {found:?}");
        assert_eq!(found.general.items, 2000);
    }
    let [before, .., after] = &adapted.compared[..] else { panic!("three states") };
    assert!(after.quality.log_loss < before.quality.log_loss - 0.05, "{:?}", adapted.compared);
    assert!(after.quality.calibration_error < 0.04, "{after:?}");
    assert_eq!(adapt(&observed, &nothing_known(), 1), Ok(adapted));
}

#[test]
fn a_head_that_knows_everything_stays() {
    let observed = world(World { prompts: 800, abilities: [-1.0, 0.0, 1.2], said: 1.0, seed: 2 });
    let adapted = adapt(&observed, &nothing_known(), 1).expect("adapts");
    assert_eq!((adapted.state, &adapted.head), (State::Abilities, &None), "{:?}", adapted.compared);
}

#[test]
fn what_is_known_already_stays() {
    let observed = world(World { prompts: 250, abilities: [-1.0, 0.0, 1.2], said: 1.0, seed: 3 });
    let mut known = nothing_known();
    for (name, ability) in [("small", -1.0), ("mid", 0.0), ("large", 1.2)] {
        known.models.insert(ModelName::new(name), measured(ability, &[]));
    }
    let adapted = adapt(&observed, &known, 1).expect("adapts");
    assert_eq!(adapted.state, State::AsBefore, "{:?}", adapted.compared);
    assert_eq!((adapted.abilities, adapted.head), (None, None));
    assert_eq!(adapted.compared.len(), 2, "too few prompts for a head");
}

#[test]
fn few_outcomes_are_refused() {
    let observed = world(World { prompts: 16, abilities: [0.0; 3], said: 1.0, seed: 4 });
    assert_eq!(adapt(&observed, &nothing_known(), 1), Err(AdaptError::TooFew { outcomes: 48 }));
}

/// The outcomes of the third model of `world`, which the `spellings` take turns to name.
fn of_third(names: &Names<'_>, world: &Observed, spellings: &[&str]) -> Observed {
    let mut observed = Observed::default();
    for (prompt, described) in world.prompts.iter().enumerate() {
        let scores = world.observations.iter().filter(|at| at.prompt == prompt && at.model == 2);
        let name = names.of_written(spellings[prompt % spellings.len()]);
        observed.add(described.clone(), scores.map(|at| (name.clone(), at.score, at.trials)));
    }
    observed
}

#[test]
fn spellings_of_a_model_are_measured_together_in_the_place_of_what_was_known() {
    let mut known = nothing_known();
    known.models.insert(ModelName::new("gpt-4o-mini-2024-07-18"), measured(-1.0, &["gpt-4o-mini"]));
    let target = ModelId::parse("openai/gpt-4o-mini").expect("well formed");
    let cheap = NamedModel { name: ModelName::new("cheap"), target: target.clone(), like: None };
    let names = Names::new(&known, vec![cheap]);
    let world = world(World { prompts: 396, abilities: [0.0, 0.0, 1.2], said: 1.0, seed: 5 });
    let spellings = ["cheap", "gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"];
    let observed = of_third(&names, &world, &spellings);
    let adapted = adapt(&observed, &names.before(&observed), 1).expect("adapts");
    assert_eq!(adapted.state, State::Abilities, "{:?}", adapted.compared);
    let abilities = adapted.abilities.expect("abilities");
    assert_eq!(abilities.models.len(), 1, "{:?}", abilities.models);
    for table in ["cheap", "formerly"] {
        let (own, found) = abilities.of(&ModelName::new(table), &target).expect("listed");
        assert_eq!((own.as_str(), found.general.items), ("gpt-4o-mini-2024-07-18", 396));
        assert_eq!(found.aliases, ["gpt-4o-mini"]);
        assert!((found.general.ability.0 - 1.2).abs() < 0.3, "{found:?}");
    }
}

#[test]
fn what_a_model_is_like_foretells_before_any_outcome() {
    let mut known = nothing_known();
    known.models.insert(ModelName::new("large"), measured(1.2, &[]));
    let target = ModelId::parse("my_vllm/large-tuned").expect("well formed");
    let named = |like: Option<&str>| NamedModel {
        name: ModelName::new("own"),
        target: target.clone(),
        like: like.map(str::to_owned),
    };
    let world = world(World { prompts: 396, abilities: [0.0, 0.0, 1.2], said: 1.0, seed: 6 });
    let before = |like: Option<&str>| {
        let names = Names::new(&known, vec![named(like)]);
        let observed = of_third(&names, &world, &["own"]);
        let adapted = adapt(&observed, &names.before(&observed), 1).expect("adapts");
        adapted.compared[0].quality.log_loss
    };
    let (like, nothing) = (before(Some("large")), before(None));
    assert!(like < nothing - 0.02, "{like} {nothing}");
}
