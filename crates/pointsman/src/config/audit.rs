//! `[audit]`: in whom whoever runs the router has an interest.

use std::collections::BTreeMap;

use pointsman_domain::ProviderName;
use pointsman_policy::config::{Diagnostics, Document};
use pointsman_upstream::Provider;

use super::reading;

const KEYS: [&str; 1] = ["first_party"];

/// The providers that the section names.
pub(super) fn read(
    document: &Document<'_>,
    providers: &BTreeMap<ProviderName, Provider>,
    diagnostics: &mut Diagnostics,
) -> Vec<ProviderName> {
    let mut first_party = Vec::new();
    for entry in reading::entries(document, "audit", diagnostics) {
        if entry.name() != KEYS[0] {
            entry.unknown(&KEYS, diagnostics);
            continue;
        }
        for name in entry.strings(diagnostics).unwrap_or_default() {
            let provider = ProviderName::new(name.get_ref().as_str());
            if !providers.contains_key(&provider) {
                let known: Vec<&str> = providers.keys().map(ProviderName::as_str).collect();
                diagnostics
                    .error(name.span(), entry.path(), format!("unknown provider `{provider}`"))
                    .suggest(provider.as_str(), known, "known providers");
            }
            first_party.push(provider);
        }
    }
    first_party
}
