//! The file's form, its faults, whose ability is found, and the formula.

#![allow(clippy::unwrap_used, reason = "tests")]

use pointsman_domain::Vocabulary;
use proptest::prelude::*;

use super::*;
use crate::config::Source;

const FILE: &str = r#"version = "abilities/1"
date = "2025-11-21"
origin = "made up for tests"

[discrimination]
default = 1.0
code = 1.25
math = 0.8

[models."gpt-4o-mini-2024-07-18"]
aliases = ["gpt-4o-mini"]
ability = -0.5
se = 0.05
items = 9000
[models."gpt-4o-mini-2024-07-18".labels]
math = { ability = 0.25, se = 0.1, items = 3000 }
think = { ability = -0.1, se = 0.06, items = 4000 }

[models."meta-llama/Llama-3.1-8B"]
ability = -1.5
se = 0.0
items = 12
"#;

fn parse(text: &str) -> Result<Abilities, AbilitiesError> {
    Abilities::parse(&Source::new("abilities.toml", text))
}

fn task(name: &str) -> Task {
    Task::new(name).unwrap()
}

/// The messages for the file in which `from` is replaced by `to`.
fn message(from: &str, to: &str) -> String {
    let text = FILE.replacen(from, to, 1);
    assert_ne!(text, FILE, "{from} is not in the file");
    parse(&text).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_back() {
    let abilities = parse(FILE).unwrap();
    assert_eq!(abilities.to_toml(), FILE);
    assert_eq!(parse(&abilities.to_toml()).unwrap(), abilities);
}

#[test]
fn odd_names_are_written_so_that_they_can_be_read() {
    let mut abilities = parse(FILE).unwrap();
    let model = abilities.models.values().next().unwrap().clone();
    for name in ["a \"quoted\" one", "back\\slash", "größe", "tab\t", "a.b.c"] {
        abilities.models.insert(ModelName::new(name), ModelAbility { aliases: vec![], ..model.clone() });
    }
    assert_eq!(parse(&abilities.to_toml()).unwrap(), abilities);
}

#[test]
fn faults_are_named_with_line_and_remedy() {
    let faults = [
        message("abilities/1", "abilities/2"),
        message("date = ", "day = "),
        message("math = 0.8", "math = 0.0"),
        message("math = 0.8", "Math = 0.8"),
        message("se = 0.05", "se = -0.05"),
        message("ability = -1.5", "ability = nan"),
        message("items = 12", "items = -1"),
        message("items = 12", "item = 12"),
        message("aliases = [\"gpt-4o-mini\"]", "aliases = [\"META-llama/Llama-3.1-8B\", \"\"]"),
        message("[discrimination]", "[discrimination"),
    ];
    insta::assert_snapshot!(faults.join("\n\n"));
}

#[test]
fn a_table_finds_its_model_by_the_nearest_name() {
    let text = format!(
        "{FILE}\n[models.mine]\nability = 1.0\nse = 0.1\nitems = 50\n\
         [models.\"my_vllm/meta-llama/Llama-3.1-8B\"]\nability = 2.0\nse = 0.1\nitems = 50\n\
         [models.\"Llama-3.1-8B\"]\nability = 3.0\nse = 0.1\nitems = 50\n"
    );
    let abilities = parse(&text).unwrap();
    for (name, target, expected) in [
        ("mine", "openai/gpt-4o-mini", Some("mine")),
        ("cheap", "my_vllm/meta-llama/Llama-3.1-8B", Some("my_vllm/meta-llama/Llama-3.1-8B")),
        ("cheap", "other/meta-llama/Llama-3.1-8B", Some("meta-llama/Llama-3.1-8B")),
        ("cheap", "other/somebody/llama-3.1-8b", Some("Llama-3.1-8B")),
        ("cheap", "azure/GPT-4o-mini", Some("gpt-4o-mini-2024-07-18")),
        ("GPT-4o-mini", "azure/deployment-7", Some("gpt-4o-mini-2024-07-18")),
        ("cheap", "openai/gpt-5", None),
        ("cheap", "bedrock/eu.openai.gpt-4o-mini-v1:0", Some("gpt-4o-mini-2024-07-18")),
        ("cheap", "bedrock/openai.gpt-4o-mini-v0:1", None),
    ] {
        let found = abilities.of(&ModelName::new(name), &ModelId::parse(target).unwrap());
        assert_eq!(found.map(|(name, _)| name.as_str()), expected, "{name} {target}");
    }
    assert_eq!(abilities.nearest("gpt-4-mini"), Some("gpt-4o-mini"));
}

#[test]
fn a_task_comes_before_its_group_and_that_before_the_general_ability() {
    let (abilities, standard) = (parse(FILE).unwrap(), Vocabulary::standard());
    let (_, model) = abilities.find("gpt-4o-mini").unwrap();
    for (name, ability, slope) in
        [("math", 0.25, 0.8), ("planning", -0.1, 1.0), ("code_editing", -0.5, 1.25), ("chat", -0.5, 1.0)]
    {
        let (task, group) = (task(name), standard.group_of(&task(name)).cloned());
        assert_eq!(model.at(&task, group.as_ref()).ability, Ability(ability), "{name}");
        assert!((abilities.discrimination.at(&task, group.as_ref()) - slope).abs() < 1e-12, "{name}");
    }
}

#[test]
fn chances_are_those_of_the_formula() {
    let abilities = parse(FILE).unwrap();
    let (_, model) = abilities.find("gpt-4o-mini").unwrap();
    let chance = |label: &str, b, sd| abilities.success(model, (&task(label), None), (Ability(b), sd));
    // 1 / (1 + exp(-a (θ - b) / sqrt(1 + π/8 a² (sd² + se²)))), computed apart.
    for (label, b, sd, expected) in [
        ("chat", -0.5, 0.7, 0.5),
        ("chat", -2.5, 0.0, 0.880_694),
        ("chat", -2.5, 1.0, 0.844_767),
        ("math", 1.0, 0.5, 0.358_632),
    ] {
        let found = chance(label, b, sd);
        assert!((found - expected).abs() < 1e-6, "{label} {b} {sd}: {found}");
    }
}

#[test]
fn the_shipped_file_can_be_read_and_names_no_provider() {
    let shipped = Abilities::shipped();
    assert!(shipped.models.len() > 20 && shipped.find("gpt-4o-mini").is_some());
    let names = || shipped.names();
    assert!(names().all(|name| !name.contains('/')), "{:?}", names().find(|name| name.contains('/')));
}

#[test]
fn models_of_bedrock_have_the_ability_of_their_public_name() {
    let shipped = Abilities::shipped();
    for id in [
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:bedrock:eu-west-1:123:inference-profile/eu.anthropic.claude-3-5-sonnet-20241022-v2:0",
    ] {
        let target = ModelId::parse(&format!("bedrock/{id}")).unwrap();
        let found = shipped.of(&ModelName::new("strong"), &target).map(|(name, _)| name.as_str());
        assert_eq!(found, Some("claude-3-5-sonnet-20241022"), "{id}");
    }
}

#[test]
fn the_approximation_is_near_the_expectation() {
    // E[σ(a (θ - b))] over b ~ N(1, 0.8²) by the midpoint rule on ±8 sd.
    let (estimate, steps) = (Estimate { ability: Ability(0.4), se: 0.0, items: 1 }, 20_000);
    for a in [0.5, 1.0, 2.0] {
        let mut expectation = 0.0;
        for step in 0..steps {
            let z = (f64::from(step) + 0.5) / f64::from(steps) * 16.0 - 8.0;
            let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * 16.0 / f64::from(steps);
            expectation += density / (1.0 + (-a * (0.4 - 1.0 - 0.8 * z)).exp());
        }
        let found = estimate.success(a, Ability(1.0), 0.8);
        assert!((found - expectation).abs() < 0.01, "{a}: {found} {expectation}");
    }
}

#[test]
fn one_like_another_is_as_able_and_less_certain() {
    let abilities = parse(FILE).unwrap();
    let (_, model) = abilities.find("gpt-4o-mini").unwrap();
    let like = model.of_one_like_it();
    let math = like.at(&task("math"), None);
    assert_eq!((math.ability, math.items), (Ability(0.25), 3000));
    assert!((math.se - 0.1f32.hypot(LIKE_SD)).abs() < 1e-6 && like.general.se > model.general.se);
}

proptest! {
    #[test]
    fn chances_rise_with_ability_and_fall_with_difficulty(
        low in -4f32..4.0, gap in 0f32..4.0, b in -4f32..4.0, sd in 0f32..3.0, se in 0f32..2.0, a in 0.1f64..4.0
    ) {
        let at = |ability, b| Estimate { ability: Ability(ability), se, items: 1 }.success(a, Ability(b), sd);
        prop_assert!((0.0..=1.0).contains(&at(low, b)));
        prop_assert!(at(low, b) <= at(low + gap, b));
        prop_assert!(at(low, b) >= at(low, b + gap));
    }

    #[test]
    fn any_number_gives_a_chance(b in proptest::num::f32::ANY, sd in proptest::num::f32::ANY) {
        let chance = Estimate { ability: Ability(0.0), se: 0.1, items: 1 }.success(1.0, Ability(b), sd);
        prop_assert!((0.0..=1.0).contains(&chance));
    }
}
