//! The model that costs are compared with.

use pointsman_domain::{ModelName, nearest};
use pointsman_policy::{Baseline, BaselineReason, Models, Price};

/// The model called `wanted`. The error says why there is no such model.
pub(super) fn named<'a>(models: &'a Models, wanted: &str) -> Result<Baseline<'a>, String> {
    let found = priced(models).find(|(own, _)| own.as_str() == wanted);
    let (name, price) = found.ok_or_else(|| {
        let meant = nearest(wanted, priced(models).map(|(own, _)| own.as_str()));
        let hint = meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default();
        format!("there is no model `{wanted}` with a price{hint}")
    })?;
    Ok(Baseline { name, price, reason: BaselineReason::Named })
}

/// The models with a price.
pub(super) fn priced(models: &Models) -> impl Iterator<Item = (&ModelName, Price)> {
    models.iter().filter_map(|(name, model)| Some((name, model.price?)))
}
