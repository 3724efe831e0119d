//! The policy as its users see it: the file's messages, the decisions, the views.

#![allow(clippy::unwrap_used, reason = "tests")]

mod baseline;
mod catalogue;
mod decisions;
mod diff;
mod messages;
mod precedence;
mod target;
mod test_blocks;
mod views;

use std::sync::Arc;

use pointsman_domain::{AbstainReason, Band, Difficulty, Labels, ProviderName, Task, TokenCount, Vocabulary};
use pointsman_policy::config::{Diagnostic, Document, Known, Source};
use pointsman_policy::{Abilities, Policy};

/// Abilities of a weak, a middling and a strong model, and of `m0` to `m4`; of the strong one `code` is apart.
const ABILITIES: &str = r#"
version = "abilities/1"
date = "2025-11-21"
origin = "made up for tests"
discrimination = { default = 1.5, chat = 1.0 }
[models]
weak-1 = { aliases = ["weak"], ability = -1.0, se = 0.1, items = 100 }
middling = { ability = 0.5, se = 0.1, items = 100 }
m0 = { ability = -1.5, se = 0.1, items = 100 }
m1 = { ability = -0.5, se = 0.2, items = 100 }
m2 = { ability = 0.5, se = 0.3, items = 100 }
m3 = { ability = 1.5, se = 0.0, items = 100, labels = { math = { ability = -2.0, se = 0.1, items = 9 } } }
[models.strong]
ability = 2.0
se = 0.2
items = 100
labels.code = { ability = 3.0, se = 0.2, items = 20 }
"#;

/// The standard labels and four providers.
fn known() -> Known {
    let providers = ["openai", "anthropic", "bedrock", "demo"].map(ProviderName::new);
    let abilities = Abilities::parse(&Source::new("abilities.toml", ABILITIES)).unwrap();
    Known {
        vocabulary: Arc::new(Vocabulary::standard()),
        providers: providers.into(),
        abilities: Arc::new(abilities),
        catalogue: Arc::default(),
        listed: [].into(),
    }
}

fn read(text: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    let source = Source::new("pointsman.toml", text);
    let (policy, diagnostics) = Policy::read(&Document::parse(&source), &known());
    (policy, diagnostics.into_sorted())
}

/// The policy of a file without errors.
fn policy(text: &str) -> Policy {
    let (policy, diagnostics) = read(text);
    policy.unwrap_or_else(|| panic!("{diagnostics:#?}"))
}

/// The table of the design document.
const DESIGN: &str = r#"
[models]
cheap  = "openai/gpt-5-mini"
mid    = "anthropic/claude-sonnet-5"
strong = { use = "bedrock/anthropic.claude-opus-5", price = { input = 15.0, output = 75.0 }, context = 200_000 }

[route]
default            = "mid"
unsure             = "strong"
code_completion    = "cheap"
planning           = "mid"
"code.hard"        = ["strong", "mid"]
"*.expert"         = "strong"
"#;

fn task(name: &str) -> Task {
    Task::new(name).unwrap()
}

/// Sure labels of this task and band; `reasoning` is the runner-up.
fn labels(name: &str, band: Band) -> Labels {
    let difficulty = Difficulty::new(match band {
        Band::Easy => 0.1,
        Band::Medium => 0.3,
        Band::Hard => 0.6,
        Band::Expert => 0.9,
    });
    Labels {
        task: task(name),
        task_confidence: 0.9,
        task_scores: vec![(task(name), 0.9), (task("reasoning"), 0.08)],
        difficulty,
        ability: difficulty.ability(),
        ability_sd: 0.0,
        band,
        band_confidence: 0.8,
        abstained: None,
        tokens: TokenCount(12),
        tokens_seen: TokenCount(12),
    }
}

fn abstained(name: &str, band: Band, reason: AbstainReason) -> Labels {
    Labels { abstained: Some(reason), ..labels(name, band) }
}
