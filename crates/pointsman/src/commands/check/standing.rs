//! What is known of the models that the tables may choose, and what is missing.

use anyhow::Result;
use pointsman_domain::{ModelId, ModelName};
use pointsman_policy::{Catalogue, Origin, Policy, Price};
use pointsman_upstream::Provider;
use serde::Serialize;

use super::draw::Palette;
use crate::config::Config;
use crate::terminal::{ASIDE, WARNING, styled};
use crate::time;
use crate::upstream;

/// A model, with what it costs and whether it can answer.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    name: ModelName,
    target: ModelId,
    price: Option<Price>,
    /// Where the price comes from, if there is one.
    price_from: Option<Origin>,
    /// Whether no price is to be expected: it runs on this machine.
    is_local: bool,
    /// The environment variable that it needs and that is not set.
    pub(super) missing_key: Option<String>,
    /// What has to be set before it can answer, if anything has.
    pub(super) cannot_answer: Option<String>,
    /// The day from which it is not sold any more, if the catalogue knows one.
    retires: Option<String>,
    /// Whether that day is past.
    is_retired: bool,
}

impl Standing {
    pub(super) fn is_priced_by_catalogue(&self) -> bool {
        self.price_from == Some(Origin::Catalogue)
    }

    /// Whether there is no price where one is to be expected.
    pub(super) fn lacks_price(&self) -> bool {
        self.price.is_none() && !self.is_local
    }
}

/// All models of `policy`, by name.
///
/// # Errors
/// When a provider's key cannot be sent as it is set.
pub(super) fn of(config: &Config, policy: &Policy) -> Result<Vec<Standing>> {
    let client = upstream::client(config, &config.server)?;
    let (listed, today) = (config.listed(), time::utc(time::now_us()));
    let standing = |(name, model): (&ModelName, &pointsman_policy::Model)| {
        let provider = config.providers.get(model.target.provider());
        let missing = client.missing(model.target.provider());
        let key = provider.and_then(Provider::endpoint).and_then(|endpoint| endpoint.api_key_env.clone());
        let seller = listed.get(model.target.provider());
        let retires = seller
            .and_then(|seller| config.catalogue.get(seller, model.target.model()))
            .and_then(|listed| listed.retires.clone());
        Standing {
            name: name.clone(),
            target: model.target.clone(),
            price: model.price,
            price_from: model.price.map(|_| model.price_origin),
            is_local: provider.is_none_or(Provider::is_local),
            missing_key: key.filter(|_| missing.is_some()),
            cannot_answer: missing,
            is_retired: retires.as_ref().is_some_and(|day| day.as_str() <= &today[..10]),
            retires,
        }
    };
    Ok(policy.models().iter().map(standing).collect())
}

/// A line for each model.
pub(super) fn print(standings: &[Standing], catalogue: &Catalogue, palette: &Palette) {
    if standings.is_empty() {
        return;
    }
    anstream::println!("models {}", styled(ASIDE, "(US dollars per million tokens, sent and written)"));
    let width = |text: &dyn Fn(&Standing) -> String| {
        standings.iter().map(|standing| text(standing).chars().count()).max().unwrap_or(0)
    };
    let (first, second) = (width(&|one| one.name.to_string()), width(&|one| one.target.to_string()));
    for one in standings {
        let name = format!("{:first$}", one.name);
        let target = format!("{:second$}", one.target.to_string());
        anstream::println!(
            "  {}  {target}  {}{}",
            styled(palette.style(&one.name), name),
            price(one, catalogue),
            remarks(one)
        );
    }
    anstream::println!();
}

fn price(one: &Standing, catalogue: &Catalogue) -> String {
    match (one.price, one.price_from) {
        (Some(price), Some(Origin::Catalogue)) => {
            let aside = format!("(catalogue of {})", catalogue.date());
            format!("{} / {} {}", price.input.0, price.output.0, styled(ASIDE, aside))
        }
        (Some(price), _) => format!("{} / {}", price.input.0, price.output.0),
        (None, _) if one.is_local => styled(ASIDE, "no price, on this machine"),
        (None, _) => styled(WARNING, "no price: add price = { input = …, output = … }"),
    }
}

fn remarks(one: &Standing) -> String {
    let mut remarks = String::new();
    if let Some(variable) = &one.missing_key {
        remarks += &format!("  {}", styled(WARNING, format_args!("no key: {variable} is not set")));
    }
    if let (None, Some(missing)) = (&one.missing_key, &one.cannot_answer) {
        remarks += &format!("  {}", styled(WARNING, missing));
    }
    if let Some(day) = &one.retires {
        let text = if one.is_retired { "not sold since" } else { "retires" };
        let style = if one.is_retired { WARNING } else { ASIDE };
        remarks += &format!("  {}", styled(style, format_args!("{text} {day}")));
    }
    remarks
}
