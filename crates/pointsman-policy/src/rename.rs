//! The same policy with other names for its providers, which must change nothing but the names.

use std::sync::Arc;

use pointsman_domain::{ModelId, ProviderName};

use crate::model::Model;
use crate::policy::Policy;
use crate::table::{Choice, Choices, Table};
use crate::target::{Contender, Target};

impl Policy {
    /// The same policy, with every provider called what `rename` says. Models keep the user's names for them, their prices,
    /// limits and abilities.
    #[must_use]
    pub fn renamed(&self, rename: &dyn Fn(&ProviderName) -> ProviderName) -> Self {
        let models =
            self.models().iter().map(|(name, own)| (name.clone(), renamed_model(own, rename))).collect();
        self.map(|table| renamed_table(table, rename), models)
    }
}

fn renamed_table(table: &Table, rename: &dyn Fn(&ProviderName) -> ProviderName) -> Table {
    let choices = |own: &Choices| own.map(|own| renamed_choice(own, rename));
    let rows = table.rows().iter().map(|(selector, own)| (selector.clone(), choices(own))).collect();
    let vocabulary = Arc::new(table.vocabulary().clone());
    let unsure = table.unsure().map(choices);
    Table::new(table.name(), vocabulary, rows, unsure, choices(table.default()))
        .with_target(table.target().and_then(|target| renamed_target(target, rename)))
}

fn renamed_target(target: &Target, rename: &dyn Fn(&ProviderName) -> ProviderName) -> Option<Target> {
    let contender =
        |own: &Contender| Contender { choice: renamed_choice(&own.choice, rename), ..own.clone() };
    let contenders = target.contenders().iter().map(contender).collect();
    Target::new(target.quality(), target.discrimination().clone(), contenders)
}

fn renamed_choice(choice: &Choice, rename: &dyn Fn(&ProviderName) -> ProviderName) -> Choice {
    Choice { name: choice.name.clone(), model: Arc::new(renamed_model(&choice.model, rename)) }
}

fn renamed_model(model: &Model, rename: &dyn Fn(&ProviderName) -> ProviderName) -> Model {
    let target = ModelId::new(rename(model.target.provider()), model.target.model());
    Model { target, ..model.clone() }
}
