//! A fit as the abilities that target mode reads.

use std::collections::{BTreeMap, BTreeSet};

use pointsman_domain::{Ability, ModelName};
use pointsman_policy::{Abilities, Discrimination, Estimate, ModelAbility};

use super::fitted::{Fit, LabelEstimate, ModelFit};

/// The largest standard error that a file of abilities may hold.
const MOST_ERROR: f64 = 20.0;

impl Fit {
    /// The abilities of the models on the main scale, with the discriminations by task and group. `date` and `origin` are
    /// those of [`Abilities`]. Models that no chain of shared prompts links with the main scale are left out: their
    /// abilities cannot be compared with it.
    #[must_use]
    pub fn abilities(&self, date: String, origin: String) -> Abilities {
        let slopes = self.labels.iter().map(|(label, fit)| (label.clone(), fit.a));
        let models = self.models.iter().filter(|model| model.component == 0);
        let names: BTreeSet<String> = self.models.iter().map(|model| model.name.to_lowercase()).collect();
        Abilities {
            date,
            origin,
            discrimination: Discrimination { default: self.summary.a, labels: slopes.collect() },
            models: models
                .map(|model| (ModelName::new(model.name.as_str()), ability(model, &names)))
                .collect(),
        }
    }
}

/// A further name that is a model's own, `names` being those of all models in lower case, is left to that model.
fn ability(model: &ModelFit, names: &BTreeSet<String>) -> ModelAbility {
    let labels: BTreeMap<_, _> =
        model.labels.iter().map(|(label, found)| (label.clone(), estimate(found))).collect();
    let general = LabelEstimate { ability: model.ability, se: model.se, items: model.items };
    let aliases = model.aliases.iter().filter(|alias| !names.contains(&alias.to_lowercase())).cloned();
    ModelAbility { aliases: aliases.collect(), general: estimate(&general), labels }
}

#[expect(clippy::cast_possible_truncation, reason = "abilities are kept as f32")]
fn estimate(found: &LabelEstimate) -> Estimate {
    Estimate {
        ability: Ability(found.ability as f32),
        se: found.se.min(MOST_ERROR) as f32,
        items: u32::try_from(found.items).unwrap_or(u32::MAX),
    }
}
