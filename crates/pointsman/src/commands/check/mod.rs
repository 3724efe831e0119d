//! `pointsman check`: what is wrong with the table, what it says, and whether its tests pass.

mod blocks;
mod draw;
mod standing;

use anyhow::Result;
use pointsman_classifier::Card;
use pointsman_policy::config::{Diagnostic, Severity};
use pointsman_policy::{Matrix, Policy};
use serde_json::json;

use self::blocks::Ran;
use self::draw::Palette;
use self::standing::Standing;
use super::{Outcome, models};
use crate::cli::Global;
use crate::config::{self, Config};
use crate::model;
use crate::terminal::{ERROR, GOOD, NAME, WARNING, styled};

pub(crate) fn run(global: &Global) -> Result<Outcome> {
    let (config, _) = Config::read(config::find(global.config.as_deref())?);
    let card = model::card(global, &config)?;
    let (policy, diagnostics) = config.check(&card.vocabulary);
    let tables = policy.iter().flat_map(Policy::tables);
    let matrices: Vec<Matrix> = tables.map(|table| table.matrix(ability_sd(&card))).collect();
    let standings: Vec<Standing> = match &policy {
        Some(policy) => standing::of(&config, policy)?,
        None => Vec::new(),
    };
    let tests = match &policy {
        Some(policy) if !policy.tests().is_empty() => blocks::run(policy, &model::load(global, &config)?)?,
        _ => Vec::new(),
    };
    let ok = policy.is_some() && tests.iter().all(|test| test.ok);
    if global.json {
        let report = json!({
            "file": config.origin(), "ok": ok, "diagnostics": diagnostics, "tables": matrices,
            "models": standings, "catalogue": config.catalogue.date(), "tests": tests,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_diagnostics(&diagnostics);
        let palette = Palette::of(policy.as_ref());
        for matrix in &matrices {
            draw::table(&config, matrix, &palette);
        }
        standing::print(&standings, &config.catalogue, &palette);
        if let Some(old) = old_prices(&standings, &config) {
            anstream::println!("{}", styled(WARNING, old));
        }
        blocks::print(&tests, config.origin());
        anstream::println!(
            "{}: {}",
            config.origin(),
            verdict(policy.is_some(), &diagnostics, &standings, &tests)
        );
    }
    Ok(if ok { Outcome::Done } else { Outcome::No })
}

/// The standard error of the classifier's abilities.
#[expect(clippy::cast_possible_truncation, reason = "abilities are f32")]
pub(super) fn ability_sd(card: &Card) -> f32 {
    card.calibration.ability.residual_sd as f32
}

fn print_diagnostics(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let style = match diagnostic.severity {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
            Severity::Note => NAME,
        };
        let text = format!("{diagnostic:#}");
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        anstream::println!("{}\n{rest}", styled(style, first));
    }
}

/// That the catalogue is old, where a model takes its price from it.
fn old_prices(standings: &[Standing], config: &Config) -> Option<String> {
    standings.iter().any(Standing::is_priced_by_catalogue).then(|| models::old_prices(&config.catalogue))?
}

/// All findings in a line.
fn verdict(usable: bool, diagnostics: &[Diagnostic], standings: &[Standing], tests: &[Ran]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let failed = tests.iter().filter(|test| !test.ok).count();
    let word = match (usable, failed) {
        (false, _) => styled(ERROR, "not usable"),
        (true, 0) => styled(GOOD, "ok"),
        (true, _) => styled(ERROR, "tests fail"),
    };
    let mut text =
        format!("{word}, {} errors, {} warnings", count(Severity::Error), count(Severity::Warning));
    for (number, what) in [
        (standings.iter().filter(|model| model.lacks_price()).count(), "models without a price"),
        (standings.iter().filter(|model| model.cannot_answer.is_some()).count(), "models without a key"),
    ] {
        if number > 0 {
            text += &format!(", {number} {what}");
        }
    }
    if !tests.is_empty() {
        text += &format!(", {} of {} tests pass", tests.len() - failed, tests.len());
    }
    text
}
