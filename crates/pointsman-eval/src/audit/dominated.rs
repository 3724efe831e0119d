//! Where a model was chosen although another is cheaper and as able.

use std::collections::BTreeMap;

use pointsman_domain::{ModelName, ProviderName, Rule, Usd};
use pointsman_policy::{EXPECTED_REPLY, Model, Price};
use pointsman_record::Record;
use serde::Serialize;

use crate::replay::Placed;

/// Decisions for a model that another one dominates: it charges no more for either kind of token and less for one, its chance
/// on the prompt is as high, and it could take the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dominated {
    /// The table.
    pub table: String,
    /// The row that chose.
    pub rule: Rule,
    /// The model that was chosen.
    pub chosen: ModelName,
    /// Who runs it.
    pub provider: ProviderName,
    /// Whether that is one of the first-party providers.
    pub is_first_party: bool,
    /// The cheapest model that dominates it.
    pub by: ModelName,
    /// Who runs that.
    pub by_provider: ProviderName,
    /// How many decisions.
    pub requests: u64,
    /// What the answers cost, as far as tokens are known.
    pub spent: Usd,
    /// What the dominating model would have charged for as many tokens.
    pub instead: Usd,
}

/// All of them, and how many decisions could not be judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Judged {
    /// Decisions whose model has a known price and ability.
    pub judged: u64,
    /// Decisions whose model has none, of which nothing can be said.
    pub unknown: u64,
    /// First-party models first, then those with most requests.
    pub rows: Vec<Dominated>,
}

/// Table and row, then the chosen and the dominating model. Who runs a model may change from version to version.
type Key = (String, String, (ModelName, ProviderName), (ModelName, ProviderName));

/// Judgements in the making.
#[derive(Debug, Default)]
pub(super) struct Dominance {
    judged: u64,
    unknown: u64,
    rows: BTreeMap<Key, Dominated>,
}

impl Dominance {
    /// Judges a decision of the table `own`.
    pub(super) fn judge(&mut self, own: Placed<'_>, record: &Record) {
        let models = own.table.models();
        let decision = &record.decision;
        let chosen = models.get(&decision.model).and_then(|model| known(&decision.model, model, own, record));
        let Some((price, chance)) = chosen else {
            self.unknown += 1;
            return;
        };
        self.judged += 1;
        let rival = |(name, model): (&&ModelName, &&'_ Model)| {
            let (rival, success) = known(name, model, own, record)?;
            let able = model.refuses(&record.facts).is_none()
                && !record.unhealthy_until_us.contains_key(*name)
                && is_cheaper(rival, price)
                && success >= chance;
            able.then(|| (rival, (*name).clone(), model.target.provider().clone()))
        };
        let cost = |price: &Price| price.of(record.facts.input_tokens, EXPECTED_REPLY).0;
        let best = models.iter().filter_map(rival).min_by(|a, b| cost(&a.0).total_cmp(&cost(&b.0)));
        if let Some((rival, name, provider)) = best {
            self.count(own.table.name(), record, (price, rival), name, provider);
        }
    }

    fn count(
        &mut self,
        table: &str,
        record: &Record,
        (price, rival): (Price, Price),
        by: ModelName,
        by_provider: ProviderName,
    ) {
        let decision = &record.decision;
        let provider = decision.target.provider();
        let key = (
            table.to_owned(),
            decision.rule.0.clone(),
            (decision.model.clone(), provider.clone()),
            (by.clone(), by_provider.clone()),
        );
        let row = self.rows.entry(key).or_insert_with(|| Dominated {
            table: table.to_owned(),
            rule: decision.rule.clone(),
            chosen: decision.model.clone(),
            provider: provider.clone(),
            is_first_party: false,
            by,
            by_provider,
            requests: 0,
            spent: Usd(0.0),
            instead: Usd(0.0),
        });
        row.requests += 1;
        if let Some(usage) = record.answered.as_ref().and_then(|answered| answered.usage) {
            row.spent = row.spent + price.of_usage(usage);
            row.instead = row.instead + rival.of_usage(usage);
        }
    }

    pub(super) fn finish(self, first_party: &[ProviderName]) -> Judged {
        let mark = |row: Dominated| Dominated { is_first_party: first_party.contains(&row.provider), ..row };
        let mut rows: Vec<Dominated> = self.rows.into_values().map(mark).collect();
        rows.sort_by_key(|row| (!row.is_first_party, std::cmp::Reverse(row.requests)));
        Judged { judged: self.judged, unknown: self.unknown, rows }
    }
}

/// Price and chance of a model on the prompt of `record`, if both are known.
fn known(name: &ModelName, model: &Model, own: Placed<'_>, record: &Record) -> Option<(Price, f64)> {
    let labels = &record.labels;
    let ability = own.version.ability(name, &model.target)?;
    let group = own.table.vocabulary().group_of(&labels.task);
    let needed = (labels.ability, labels.ability_sd);
    Some((model.price?, own.version.abilities.success(ability, (&labels.task, group), needed)))
}

/// Whether `price` is below `other` for one kind of token and not above it for the other.
fn is_cheaper(price: Price, other: Price) -> bool {
    let (input, output) = (price.input.0 - other.input.0, price.output.0 - other.output.0);
    input <= 0.0 && output <= 0.0 && input + output < 0.0
}
