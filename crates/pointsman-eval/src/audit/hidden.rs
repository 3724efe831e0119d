//! The same decisions with the providers' names hidden, and with their names exchanged.

use std::collections::BTreeMap;

use pointsman_domain::{Decision, ModelId, ProviderName};
use pointsman_policy::Policy;
use pointsman_record::Record;
use serde::Serialize;

use crate::replay::{Placed, Versions, decide_again};

/// How many decisions that differ are named.
const NAMED: usize = 10;

/// Every version of the configuration under other names.
#[derive(Debug)]
pub struct Hidden {
    variants: [Variant; 2],
}

#[derive(Debug)]
struct Variant {
    /// The versions' policies, in their order.
    policies: Vec<Policy>,
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
    /// Decisions of a table that is not at hand, such as one before it was changed: they cannot be taken again.
    pub other_table: u64,
}

impl Hidden {
    /// `versions` with all their providers numbered, and with each called what the next is called.
    pub(super) fn new(versions: &Versions<'_>) -> Self {
        let models = versions.iter().flat_map(|version| version.policy.models().values());
        let mut providers: Vec<&ProviderName> = models.map(|model| model.target.provider()).collect();
        providers.sort_unstable();
        providers.dedup();
        let numbered = providers
            .iter()
            .enumerate()
            .map(|(place, own)| ((*own).clone(), ProviderName::new(format!("provider-{}", place + 1))));
        let next = providers.iter().cycle().skip(1);
        let exchanged = providers.iter().zip(next).map(|(own, next)| ((*own).clone(), (*next).clone()));
        let variants: [BTreeMap<ProviderName, ProviderName>; 2] = [numbered.collect(), exchanged.collect()];
        Self { variants: variants.map(|names| Variant::new(versions, names)) }
    }

    /// The names that providers were given in exchange.
    pub(super) fn names(&self) -> Vec<(ProviderName, ProviderName)> {
        let [_, exchanged] = &self.variants;
        exchanged.names.iter().map(|(own, other)| (own.clone(), other.clone())).collect()
    }

    /// Takes the decision of `record` again, by `own`, which took it, and by the same table under other names.
    pub(super) fn replay(&self, own: Placed<'_>, record: &Record, replayed: &mut Replayed) {
        let again = decide_again(own.table, record, &record.labels);
        let [hidden, exchanged] =
            self.variants.each_ref().map(|variant| variant.differs(own, record, &again));
        let unfaithful = again != record.decision;
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
    fn new(versions: &Versions<'_>, names: BTreeMap<ProviderName, ProviderName>) -> Self {
        let rename = |own: &ProviderName| names.get(own).unwrap_or(own).clone();
        Self { policies: versions.iter().map(|version| version.policy.renamed(&rename)).collect(), names }
    }

    /// Whether the decision of the table `own` is another than `decision` under these names, but for the provider's name.
    fn differs(&self, own: Placed<'_>, record: &Record, decision: &Decision) -> bool {
        let policy = self.policies.get(own.place);
        let Some(table) = policy.and_then(|policy| policy.table(own.table.name())) else { return true };
        let provider = decision.target.provider();
        let provider = self.names.get(provider).unwrap_or(provider).clone();
        let expected =
            Decision { target: ModelId::new(provider, decision.target.model()), ..decision.clone() };
        decide_again(table, record, &record.labels) != expected
    }
}
