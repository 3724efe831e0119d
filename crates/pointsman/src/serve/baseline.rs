//! The model that costs are compared with.

use pointsman_domain::{ModelName, nearest};
use pointsman_policy::{Models, Price};

/// The dearest of `models` for as many tokens sent as written; nothing if none has a price.
pub(super) fn dearest(models: &Models) -> Option<(&ModelName, Price)> {
    let dear = |price: &Price| price.input.0 + price.output.0;
    priced(models).max_by(|a, b| dear(&a.1).total_cmp(&dear(&b.1)))
}

/// The model called `name`. The error says why there is no such model.
pub(super) fn named<'a>(models: &'a Models, name: &str) -> Result<(&'a ModelName, Price), String> {
    priced(models).find(|(own, _)| own.as_str() == name).ok_or_else(|| {
        let meant = nearest(name, priced(models).map(|(own, _)| own.as_str()));
        let hint = meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default();
        format!("there is no model `{name}` with a price{hint}")
    })
}

/// The models with a price.
pub(super) fn priced(models: &Models) -> impl Iterator<Item = (&ModelName, Price)> {
    models.iter().filter_map(|(name, model)| Some((name, model.price?)))
}
