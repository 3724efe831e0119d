//! The same decisions with the providers' names hidden, and with their names exchanged.

use std::collections::BTreeMap;

use pointsman_domain::{Decision, ModelId, ProviderName};
use pointsman_policy::{Policy, Table};
use pointsman_record::Record;
use serde::Serialize;

use crate::replay::decide_again;

/// How many decisions that differ are named.
const NAMED: usize = 10;

/// The policy under other names.
#[derive(Debug)]
pub struct Hidden {
    variants: [Variant; 2],
}

#[derive(Debug)]
struct Variant {
    policy: Policy,
    names: BTreeMap<ProviderName, ProviderName>,
}

/// What came out when decisions were taken again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Decisions that the table took and that were taken again.
    pub decisions: u64,
    /// Those that it does not give again: the record was changed, or this is a fault.
    pub unfaithful: u64,
    /// Those that come out otherwise with the names of all providers hidden.
    pub differ_hidden: u64,
    /// Those that come out otherwise with the names of providers exchanged.
    pub differ_exchanged: u64,
    /// Ids of some of the decisions above.
    pub examples: Vec<String>,
    /// Decisions of another table, or of this one before it was changed: they cannot be taken again.
    pub other_table: u64,
}

impl Hidden {
    /// `policy` with its providers numbered, and with each called what the next is called.
    pub(super) fn new(policy: &Policy) -> Self {
        let mut providers: Vec<&ProviderName> =
            policy.models().values().map(|model| model.target.provider()).collect();
        providers.sort_unstable();
        providers.dedup();
        let numbered = providers
            .iter()
            .enumerate()
            .map(|(place, own)| ((*own).clone(), ProviderName::new(format!("provider-{}", place + 1))));
        let next = providers.iter().cycle().skip(1);
        let exchanged = providers.iter().zip(next).map(|(own, next)| ((*own).clone(), (*next).clone()));
        let variants: [BTreeMap<ProviderName, ProviderName>; 2] = [numbered.collect(), exchanged.collect()];
        Self { variants: variants.map(|names| Variant::new(policy, names)) }
    }

    /// The names that providers were given in exchange.
    pub(super) fn names(&self) -> Vec<(ProviderName, ProviderName)> {
        let [_, exchanged] = &self.variants;
        exchanged.names.iter().map(|(own, other)| (own.clone(), other.clone())).collect()
    }

    /// Takes the decision of `record` again, by the `table` that took it and by the same under other names.
    pub(super) fn replay(&self, table: &Table, record: &Record, replayed: &mut Replayed) {
        let own = decide_again(table, record, &record.labels);
        let [hidden, exchanged] =
            self.variants.each_ref().map(|variant| variant.differs(table.name(), record, &own));
        let unfaithful = own != record.decision;
        replayed.decisions += 1;
        replayed.unfaithful += u64::from(unfaithful);
        replayed.differ_hidden += u64::from(hidden);
        replayed.differ_exchanged += u64::from(exchanged);
        if (unfaithful || hidden || exchanged) && replayed.examples.len() < NAMED {
            replayed.examples.push(record.id.clone());
        }
    }
}

impl Variant {
    fn new(policy: &Policy, names: BTreeMap<ProviderName, ProviderName>) -> Self {
        Self { policy: policy.renamed(&|own| names.get(own).unwrap_or(own).clone()), names }
    }

    /// Whether the decision is another than `own`, but for the provider's name.
    fn differs(&self, table: &str, record: &Record, own: &Decision) -> bool {
        let Some(table) = self.policy.table(table) else { return true };
        let own_provider = own.target.provider();
        let provider = self.names.get(own_provider).unwrap_or(own_provider).clone();
        let expected = Decision { target: ModelId::new(provider, own.target.model()), ..own.clone() };
        decide_again(table, record, &record.labels) != expected
    }
}
