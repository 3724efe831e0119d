//! The model that costs are compared with: what everything would have cost, had it gone to one model.

use pointsman_domain::ModelName;
use serde::Serialize;

use crate::model::{Model, Price};
use crate::policy::Policy;

/// The model that everything is compared with, and how it came to be that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline<'a> {
    /// The user's name for it.
    pub name: &'a ModelName,
    /// What it charges.
    pub price: Price,
    /// Why it is this one.
    pub reason: BaselineReason,
}

/// Why a model is the one that everything is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineReason {
    /// The user named it.
    Named,
    /// None with a price is abler; of several the dearest.
    Ablest,
    /// None is dearer for as many tokens sent as written: of a model with a price the ability is not known, so that nobody
    /// can say which is the ablest.
    Dearest,
}

impl Policy {
    /// The model that everything is compared with: the one that the file names, else the ablest with a price, where the
    /// abilities of all of these are known, else the dearest. Nothing if no model has a price.
    #[must_use]
    pub fn baseline(&self) -> Option<Baseline<'_>> {
        if let Some(named) = self.named_baseline() {
            let (name, _, price) = self.priced().find(|(name, ..)| *name == named)?;
            return Some(Baseline { name, price, reason: BaselineReason::Named });
        }
        let is_known = self.writers().all(|(_, model, _)| model.ability().is_some());
        let ability =
            |model: &Model| model.ability().filter(|_| is_known).map_or(0.0, |own| own.general.ability.0);
        let dear = |price: &Price| price.input.0 + price.output.0;
        let best = self.writers().max_by(|(_, a, a_price), (_, b, b_price)| {
            ability(a).total_cmp(&ability(b)).then(dear(a_price).total_cmp(&dear(b_price)))
        });
        let reason = if is_known { BaselineReason::Ablest } else { BaselineReason::Dearest };
        best.map(|(name, _, price)| Baseline { name, price, reason })
    }

    /// Those of them that may write: a model that charges for what it reads alone makes embeddings.
    fn writers(&self) -> impl Iterator<Item = (&ModelName, &Model, Price)> {
        self.priced().filter(|(.., price)| price.output.0 > 0.0 || price.input.0 <= 0.0)
    }

    /// The models with a price.
    fn priced(&self) -> impl Iterator<Item = (&ModelName, &Model, Price)> {
        self.models().iter().filter_map(|(name, model)| Some((name, model, model.price?)))
    }
}
