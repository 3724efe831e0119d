//! Which of several versions of a configuration took a decision.

use std::collections::HashMap;

use pointsman_domain::{ModelId, ModelName};
use pointsman_policy::{Abilities, ModelAbility, Policy, Table};
use pointsman_record::Record;

/// A version of a configuration: its tables, and how able its models are.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The tables.
    pub policy: &'a Policy,
    /// What chances of success follow from.
    pub abilities: &'a Abilities,
}

impl<'a> Version<'a> {
    /// How able the model is that was chosen, or answered, under this name: as the policy says, which knows what models are
    /// `like`; else, where the policy has no such model, as is listed.
    pub(crate) fn ability(self, name: &ModelName, target: &ModelId) -> Option<&'a ModelAbility> {
        let listed = || self.abilities.of(name, target).map(|(_, ability)| ability);
        self.policy.ability(name, target).or_else(listed)
    }
}

/// Versions of a configuration that were in force, and all their tables by name and hash.
#[derive(Debug, Clone)]
pub struct Versions<'a> {
    first: Version<'a>,
    further: Vec<Version<'a>>,
    tables: HashMap<(&'a str, &'a str), Placed<'a>>,
}

/// A table with the version that it is part of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) table: &'a Table,
    pub(crate) version: Version<'a>,
    /// Which version that is, counted from 0.
    pub(crate) place: usize,
}

impl<'a> Versions<'a> {
    /// `first` speaks for records of tables that no version has. Of equal tables that of the earlier in this order counts.
    #[must_use]
    pub fn new(first: Version<'a>, further: Vec<Version<'a>>) -> Self {
        let mut versions = Self { first, further, tables: HashMap::new() };
        let mut tables = HashMap::new();
        for (place, version) in versions.iter().enumerate() {
            for table in version.policy.tables() {
                let key = (table.name(), table.hash().as_str());
                tables.entry(key).or_insert(Placed { table, version, place });
            }
        }
        versions.tables = tables;
        versions
    }

    /// All of them, the first one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Version<'a>> {
        std::iter::once(self.first).chain(self.further.iter().copied())
    }

    /// The very table that took the decision of `record`, if a version has it.
    pub(crate) fn own(&self, record: &Record) -> Option<Placed<'a>> {
        self.tables.get(&(record.table.as_str(), record.table_hash.as_str())).copied()
    }

    /// The first version's table that is called as the one of `record`.
    pub(crate) fn namesake(&self, record: &Record) -> Option<Placed<'a>> {
        let version = self.first;
        Some(Placed { table: version.policy.table(&record.table)?, version, place: 0 })
    }
}
