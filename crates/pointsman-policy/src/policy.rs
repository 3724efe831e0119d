//! All tables of a file with the models that they name.

use std::collections::BTreeMap;

use crate::model::Models;
use crate::table::Table;

/// Everything that a file says about routing.
#[derive(Debug, Clone)]
pub struct Policy {
    auto: Table,
    named: BTreeMap<String, Table>,
    models: Models,
}

impl Policy {
    /// A policy of checked tables; `None` if [`Table::AUTO`] is not among them. Of tables with one name the last counts.
    pub fn new(tables: impl IntoIterator<Item = Table>, models: Models) -> Option<Self> {
        let mut named: BTreeMap<String, Table> =
            tables.into_iter().map(|table| (table.name().to_owned(), table)).collect();
        Some(Self { auto: named.remove(Table::AUTO)?, named, models })
    }

    /// The table for requests that say `model: "auto"`.
    #[must_use]
    pub fn auto(&self) -> &Table {
        &self.auto
    }

    /// The table that requests select by `name`, if there is one.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        if name == Table::AUTO { Some(&self.auto) } else { self.named.get(name) }
    }

    /// All tables: `auto` first, then the others by name.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        std::iter::once(&self.auto).chain(self.named.values())
    }

    /// All models that the file names, in a row or not.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.models
    }
}
