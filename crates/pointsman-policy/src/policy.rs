//! All tables of a file with the models that they name.

use std::collections::BTreeMap;

use pointsman_domain::{ModelId, ModelName};

use crate::abilities::ModelAbility;
use crate::model::Models;
use crate::table::Table;
use crate::test_block::TestBlock;

/// Everything that a file says about routing.
#[derive(Debug, Clone)]
pub struct Policy {
    auto: Table,
    named: BTreeMap<String, Table>,
    models: Models,
    tests: Vec<TestBlock>,
    baseline: Option<ModelName>,
}

impl Policy {
    /// A policy of checked tables; `None` if [`Table::AUTO`] is not among them. Of tables with one name the last counts.
    pub fn new(tables: impl IntoIterator<Item = Table>, models: Models) -> Option<Self> {
        let mut named: BTreeMap<String, Table> =
            tables.into_iter().map(|table| (table.name().to_owned(), table)).collect();
        Some(Self { auto: named.remove(Table::AUTO)?, named, models, tests: Vec::new(), baseline: None })
    }

    /// The same policy with other tables and models, which `table` and `models` make of them.
    pub(crate) fn map(&self, table: impl Fn(&Table) -> Table, models: Models) -> Self {
        let named = self.named.iter().map(|(name, own)| (name.clone(), table(own))).collect();
        let (tests, baseline) = (self.tests.clone(), self.baseline.clone());
        Self { auto: table(&self.auto), named, models, tests, baseline }
    }

    /// The same policy with the tests of its file.
    #[must_use]
    pub fn with_tests(self, tests: Vec<TestBlock>) -> Self {
        Self { tests, ..self }
    }

    /// The same policy with the model that costs are compared with, which has a price, if the file names one.
    #[must_use]
    pub fn with_baseline(self, baseline: Option<ModelName>) -> Self {
        Self { baseline, ..self }
    }

    /// The model that the file names to compare costs with.
    pub(crate) fn named_baseline(&self) -> Option<&ModelName> {
        self.baseline.as_ref()
    }

    /// Prompts of the file with the models that they should go to, in its order.
    #[must_use]
    pub fn tests(&self) -> &[TestBlock] {
        &self.tests
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

    /// How able the model is that the file calls `name` and has at `target`: measured, or what it is said to be like.
    /// Nothing where the file has no such model, or that is not known.
    #[must_use]
    pub fn ability(&self, name: &ModelName, target: &ModelId) -> Option<&ModelAbility> {
        self.models.get(name).filter(|model| model.target == *target)?.ability()
    }
}
