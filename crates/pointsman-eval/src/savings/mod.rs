//! What routing has spent, beside what one model for everything would have cost.
//!
//! A figure of savings alone flatters: sending everything to the cheapest model saves most. So a static mix stands beside
//! it: a coin that sends so many requests to the baseline, and the rest to the cheapest model, that it costs the same. Routing
//! is worth its name where more answers are expected to be good than the mix's.

mod report;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pointsman_domain::{ModelId, ModelName, Usd, nearest};
use pointsman_policy::{Abilities, BaselineReason, Model, ModelAbility, Policy, Price, Table};
use pointsman_record::{Record, utc};

pub use report::{Line, Mix, Report, Uncounted};

use crate::replay::Version;

/// Adds up what recorded requests have cost and would have cost.
#[derive(Debug)]
pub struct Savings<'a> {
    policy: &'a Policy,
    abilities: &'a Abilities,
    /// The models with a price, the baseline among them; what all requests would have cost with each.
    rivals: Vec<Rival<'a>>,
    /// Place of the baseline among them.
    baseline: usize,
    report: Report,
    by_day: BTreeMap<String, Line>,
    by_task: BTreeMap<String, Line>,
    by_model: BTreeMap<String, Line>,
    by_key: BTreeMap<String, Line>,
}

/// A model that could have answered everything.
#[derive(Debug)]
struct Rival<'a> {
    name: &'a ModelName,
    price: Price,
    ability: Option<&'a ModelAbility>,
    cost: Usd,
    /// Sums over requests whose chances are known for this model and the one that answered.
    known: u32,
    success: f64,
    routed_success: f64,
}

/// Why there is nothing to compare with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// The named model is not in the file.
    #[error("there is no model `{name}` in the table{}", hint(nearest))]
    Unknown {
        /// What was named.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// The named model has no price.
    #[error("`{name}` has no price: add price = {{ input = …, output = … }} in [models]")]
    Unpriced {
        /// What was named.
        name: String,
    },
    /// No model has a price.
    #[error("no model of the table has a price: add price = {{ input = …, output = … }} in [models]")]
    NoPrices,
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default()
}

impl<'a> Savings<'a> {
    /// Nothing has been added yet. The baseline is the model called `baseline`, else [`Policy::baseline`].
    ///
    /// # Errors
    /// When there is no such model, or no price.
    pub fn new(
        policy: &'a Policy,
        abilities: &'a Abilities,
        baseline: Option<&str>,
    ) -> Result<Self, BaselineError> {
        if let Some(name) = baseline {
            check(policy, name)?;
        }
        let rival = |(name, model): (&'a ModelName, &'a Model)| {
            Some(Rival {
                name,
                price: model.price?,
                ability: model.ability(),
                cost: Usd(0.0),
                known: 0,
                success: 0.0,
                routed_success: 0.0,
            })
        };
        let rivals: Vec<Rival<'a>> = policy.models().iter().filter_map(rival).collect();
        let (name, reason) = match baseline {
            Some(wanted) => (wanted, BaselineReason::Named),
            None => {
                let own = policy.baseline().ok_or(BaselineError::NoPrices)?;
                (own.name.as_str(), own.reason)
            }
        };
        let place = rivals.iter().position(|rival| rival.name.as_str() == name);
        let place = place.ok_or(BaselineError::NoPrices)?;
        let baseline = rivals[place].name.clone();
        let report = Report { baseline, baseline_reason: reason, ..Report::default() };
        Ok(Self {
            policy,
            abilities,
            rivals,
            baseline: place,
            report,
            by_day: BTreeMap::new(),
            by_task: BTreeMap::new(),
            by_model: BTreeMap::new(),
            by_key: BTreeMap::new(),
        })
    }

    /// Adds a record.
    ///
    /// What it cost is what the record says, else what the model that answered charges by the policy. A request of which
    /// neither tokens nor price are known is counted and left out.
    pub fn add(&mut self, record: &Record) {
        let Some(answered) = &record.answered else {
            self.report.uncounted.unanswered += 1;
            return;
        };
        let Some((by, usage)) = answered.by().zip(answered.usage) else {
            self.report.uncounted.without_tokens += 1;
            return;
        };
        let own_price = self.policy.models().get(&by.model).filter(|model| model.target == by.target);
        let own_price = own_price.and_then(|model| model.price);
        let Some(spent) = answered.cost.or_else(|| own_price.map(|price| price.of_usage(usage))) else {
            self.report.uncounted.without_price += 1;
            return;
        };
        let line = Line { requests: 1, spent, baseline: self.rivals[self.baseline].price.of_usage(usage) };
        self.report.total.add(line);
        let day = utc(record.time_us)[..10].to_owned();
        self.by_day.entry(day).or_default().add(line);
        let task = if record.labels.abstained.is_some() { "unsure" } else { record.labels.task.as_str() };
        self.by_task.entry(task.to_owned()).or_default().add(line);
        self.by_model.entry(by.model.to_string()).or_default().add(line);
        if let Some(key) = &record.key {
            self.by_key.entry(key.clone()).or_default().add(line);
        }
        let chance = Chances { abilities: self.abilities, record, table: self.policy.table(&record.table) };
        let routed = self.ability(&by.model, &by.target).map(|ability| chance.of(ability));
        for rival in &mut self.rivals {
            rival.cost = rival.cost + rival.price.of_usage(usage);
            if let Some((routed, ability)) = routed.zip(rival.ability) {
                rival.known += 1;
                rival.success += chance.of(ability);
                rival.routed_success += routed;
            }
        }
    }

    /// How able the model is that answered under this name: as the policy says, else, where the policy has no such model
    /// now, as is listed.
    fn ability(&self, name: &ModelName, target: &ModelId) -> Option<&ModelAbility> {
        Version { policy: self.policy, abilities: self.abilities }.ability(name, target)
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Report {
        let mix = self.mix();
        let by_cost = |lines: BTreeMap<String, Line>| {
            let mut lines: Vec<(String, Line)> = lines.into_iter().collect();
            lines.sort_by(|a, b| b.1.baseline.0.total_cmp(&a.1.baseline.0));
            lines
        };
        Report {
            mix,
            by_day: self.by_day.into_iter().collect(),
            by_task: by_cost(self.by_task),
            by_model: by_cost(self.by_model),
            by_key: by_cost(self.by_key),
            ..self.report
        }
    }

    /// The mix of the baseline and the cheapest model that costs what was spent.
    fn mix(&self) -> Option<Mix> {
        let dear = &self.rivals[self.baseline];
        let cheap = self.rivals.iter().min_by(|a, b| a.cost.0.total_cmp(&b.cost.0))?;
        let span = dear.cost.0 - cheap.cost.0;
        if self.report.total.requests == 0 || span <= 0.0 {
            return None;
        }
        let share = ((self.report.total.spent.0 - cheap.cost.0) / span).clamp(0.0, 1.0);
        // Both are over the same requests: those whose answering model has a known ability.
        let known = dear.known.min(cheap.known);
        let mean = |sum: f64| (known > 0).then(|| sum / f64::from(known));
        Some(Mix {
            dear: dear.name.clone(),
            cheap: cheap.name.clone(),
            share_dear: share,
            cost: Usd(cheap.cost.0 + share * span),
            known,
            success: mean(share * dear.success + (1.0 - share) * cheap.success),
            routed_success: mean(dear.routed_success),
            baseline_success: mean(dear.success),
        })
    }
}

/// The named model is there and has a price.
fn check(policy: &Policy, name: &str) -> Result<(), BaselineError> {
    let mut models = policy.models().iter();
    match models.find(|(own, _)| own.as_str() == name) {
        Some((_, Model { price: Some(_), .. })) => Ok(()),
        Some(_) => Err(BaselineError::Unpriced { name: name.to_owned() }),
        None => Err(BaselineError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, policy.models().keys().map(ModelName::as_str)).map(str::to_owned),
        }),
    }
}

/// Chances of success on the prompt of a record.
struct Chances<'a> {
    abilities: &'a Abilities,
    record: &'a Record,
    table: Option<&'a Table>,
}

impl Chances<'_> {
    fn of(&self, ability: &ModelAbility) -> f64 {
        let labels = &self.record.labels;
        let group = self.table.and_then(|table| table.vocabulary().group_of(&labels.task));
        self.abilities.success(ability, (&labels.task, group), (labels.ability, labels.ability_sd))
    }
}
