//! `pointsman.toml`, the sections about routing. A test of the program, `any_text_is_read_and_usable_exactly_if_nothing_is_wrong`,
//! reads the same corpus with all sections.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pointsman_domain::{ProviderName, Vocabulary};
use pointsman_policy::config::{Document, Known, Source};
use pointsman_policy::{Abilities, Catalogue, Policy};

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
    vocabulary: Arc::new(Vocabulary::standard()),
    providers: ["openai", "demo"].map(ProviderName::new).into(),
    abilities: Arc::new(Abilities::shipped()),
    catalogue: Arc::new(Catalogue::shipped()),
    listed: BTreeMap::from([(ProviderName::new("openai"), "openai".to_owned())]),
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = Source::new("fuzz.toml", text);
    let document = Document::parse(&source);
    let (policy, diagnostics) = Policy::read(&document, &KNOWN);
    assert!(policy.is_some() || diagnostics.has_errors() || document.syntax().has_errors());
    // What is said must be sayable, whatever the text holds.
    for diagnostic in diagnostics.into_sorted() {
        let _ = format!("{diagnostic:#}");
    }
});
