//! `pointsman models`: what well-known models charge, take and can do.

use std::fmt::Write as _;

use anyhow::Result;
use pointsman_domain::{TokenCount, Usd, nearest};
use pointsman_policy::{Catalogue, ListedKind, ListedModel};
use serde_json::json;

use super::Outcome;
use crate::cli::{Global, ModelsArgs};
use crate::terminal::{ASIDE, NAME, WARNING, styled};
use crate::time;

/// Prices that are older than this many days are said to be old.
const OLD_DAYS: u64 = 60;

pub(crate) fn run(args: &ModelsArgs, global: &Global) -> Result<Outcome> {
    let catalogue = Catalogue::shipped();
    if let Some(provider) = &args.provider {
        check_provider(provider, &catalogue)?;
    }
    let found: Vec<&ListedModel> = catalogue.models().filter(|model| is_wanted(model, args)).collect();
    let age = age_days(&catalogue);
    if global.json {
        let report = json!({
            "date": catalogue.date(), "origin": catalogue.origin(), "age_days": age,
            "unit": "US dollars per million tokens", "models": found,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&found, &catalogue);
    }
    Ok(if found.is_empty() { Outcome::No } else { Outcome::Done })
}

/// How many days old the prices are, as far as the clock can be trusted.
fn age_days(catalogue: &Catalogue) -> Option<u64> {
    time::age_days(catalogue.date(), time::now_us())
}

/// That the prices are old, if they are.
pub(super) fn old_prices(catalogue: &Catalogue) -> Option<String> {
    let age = age_days(catalogue).filter(|age| *age > OLD_DAYS)?;
    Some(format!(
        "the catalogue's prices are {age} days old: a newer pointsman has newer ones, and the table may state its own"
    ))
}

fn check_provider(provider: &str, catalogue: &Catalogue) -> Result<()> {
    if catalogue.providers().any(|own| own == provider) {
        return Ok(());
    }
    match nearest(provider, catalogue.providers()) {
        Some(meant) => anyhow::bail!("the catalogue has no provider `{provider}`: did you mean `{meant}`?"),
        None => {
            let all: Vec<&str> = catalogue.providers().collect();
            anyhow::bail!("the catalogue has no provider `{provider}`: it has {}", all.join(", "))
        }
    }
}

/// Whether every word of the query is in `provider/model`, whatever the case.
fn is_wanted(model: &ListedModel, args: &ModelsArgs) -> bool {
    let id = format!("{}/{}", model.provider, model.model).to_ascii_lowercase();
    let words = args.query.iter().flat_map(|query| query.split_whitespace());
    args.provider.as_ref().is_none_or(|provider| *provider == model.provider)
        && words.into_iter().all(|word| id.contains(&word.to_ascii_lowercase()))
}

fn print(found: &[&ListedModel], catalogue: &Catalogue) {
    const HEADINGS: [&str; 8] = ["model", "input", "output", "cached", "batch", "context", "reply", "can"];
    let rows: Vec<[String; 8]> = found.iter().map(|model| columns(model)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    if !rows.is_empty() {
        anstream::println!("{}", styled(ASIDE, line(&HEADINGS.map(str::to_owned), &widths).trim_end()));
    }
    for row in &rows {
        let text = line(row, &widths);
        let (name, rest) = text.split_at(widths[0]);
        anstream::println!("{}{}", styled(NAME, name), rest.trim_end());
    }
    let of = catalogue.models().count();
    anstream::println!(
        "{}",
        styled(
            ASIDE,
            format_args!(
                "{} of {of} models; US dollars per million tokens on {}, from {}",
                found.len(),
                catalogue.date(),
                catalogue.origin()
            )
        )
    );
    if let Some(old) = old_prices(catalogue) {
        anstream::println!("{}", styled(WARNING, old));
    }
}

/// The first column to the left, numbers to the right.
fn line(cells: &[String; 8], widths: &[usize; 8]) -> String {
    let mut line = format!("{:width$}", cells[0], width = widths[0]);
    for (cell, width) in cells.iter().zip(widths).take(7).skip(1) {
        let _ = write!(line, "  {cell:>width$}");
    }
    line + "  " + &cells[7]
}

fn columns(model: &ListedModel) -> [String; 8] {
    let tokens = |count: Option<TokenCount>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let batch = match (model.batch_input, model.batch_output) {
        (Some(input), Some(output)) => format!("{}/{}", amount(input), amount(output)),
        _ => "–".to_owned(),
    };
    [
        format!("{}/{}", model.provider, model.model),
        amount(model.price.input),
        amount(model.price.output),
        model.price.cache_read.map_or_else(|| "–".to_owned(), amount),
        batch,
        tokens(model.max_input),
        tokens(model.max_output),
        abilities(model),
    ]
}

/// An amount with as many digits as it has.
fn amount(Usd(dollars): Usd) -> String {
    format!("{dollars}")
}

fn abilities(model: &ListedModel) -> String {
    let able = model.capabilities;
    let words = [
        ("embedding", (model.kind == ListedKind::Embedding).then_some(true)),
        ("tools", able.tools),
        ("vision", able.vision),
        ("schema", able.structured_output),
        ("reasoning", model.reasoning),
    ];
    let mut words: Vec<String> =
        words.into_iter().filter(|(_, able)| *able == Some(true)).map(|(word, _)| word.to_owned()).collect();
    words.extend(model.retires.as_ref().map(|day| format!("retires {day}")));
    words.join(" ")
}
