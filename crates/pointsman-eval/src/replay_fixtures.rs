//! Tables, abilities and records for tests.

use std::sync::Arc;

use pointsman_domain::{ProviderName, Vocabulary};
use pointsman_policy::config::{Document, Known, Source};
use pointsman_policy::{Abilities, Policy};
use pointsman_record::Record;

const ABILITIES: &str = r#"
version = "abilities/1"
date = "2025-11-21"
origin = "a test"
[discrimination]
default = 1.0
[models.small]
ability = -1.0
se = 0.0
items = 1
[models.large]
ability = 1.0
se = 0.0
items = 1
"#;

/// The policy of a file without errors, with the providers `openai` and `other`.
pub(crate) fn policy(text: &str) -> Policy {
    let providers = ["openai", "other"].map(ProviderName::new);
    let known = Known {
        vocabulary: Arc::new(Vocabulary::standard()),
        providers: providers.into(),
        abilities: Arc::new(abilities()),
        catalogue: Arc::default(),
        listed: [].into(),
    };
    let source = Source::new("pointsman.toml", text);
    let (policy, found) = Policy::read(&Document::parse(&source), &known);
    policy.unwrap_or_else(|| panic!("{:#?}", found.into_sorted()))
}

/// Abilities of `small` and of the abler `large`.
pub(crate) fn abilities() -> Abilities {
    Abilities::parse(&Source::new("abilities.toml", ABILITIES)).expect("well formed")
}

/// The newest record among those that pointsman-record keeps as examples.
pub(crate) fn example() -> Record {
    let examples = include_bytes!("../../pointsman-record/tests/fixtures/records.jsonl");
    pointsman_record::read(examples.as_slice()).last().expect("there are some").expect("readable")
}
