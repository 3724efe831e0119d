//! `pointsman eval engines --device …`: the engine `candle` on another device, or in half precision, held against f32 on the
//! processor.

use std::fmt;

use anyhow::Result;
use pointsman_classifier::{DeviceChoice, Embedded, Engine};
use pointsman_domain::Prompt;
use serde::Serialize;

use crate::cli::Global;
use crate::commands::Outcome;
use crate::config::Config;
use crate::{model, terminal};

/// How far a logit may be off.
const LOGIT: f32 = 0.05;
/// The share of prompts whose task may differ.
const FLIPS: f64 = 0.002;

/// What a device was found to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Checked {
    device: String,
    precision: &'static str,
    /// The largest distance of a logit, of tasks or difficulty.
    logit: f32,
    /// Prompts whose task differs.
    flips: usize,
    prompts: usize,
    seconds: f64,
    passes: bool,
}

/// The device and the precisions that are asked for, if it is not f32 on the processor.
pub(super) fn asked_for(global: &Global) -> Result<Option<(DeviceChoice, Vec<String>)>> {
    let device = model::device(global, DeviceChoice::Cpu)?;
    Ok(match (&global.precision, device) {
        (None, DeviceChoice::Cpu) => None,
        (Some(precision), device) => Some((device, vec![precision.clone()])),
        (None, device) => Some((device, vec!["auto".to_owned(), "f32".to_owned()])),
    })
}

pub(super) fn run(
    (device, precisions): (DeviceChoice, Vec<String>),
    prompts: &[Prompt],
    global: &Global,
    config: &Config,
) -> Result<Outcome> {
    let bar = terminal::progress(Some((prompts.len() * (1 + precisions.len())) as u64), "prompts");
    bar.set_message("comparing");
    let reference = super::load(&Global { precision: None, ..global.clone() }, config, Engine::f32())?;
    let (_, expected) = super::embed(&reference, prompts, &bar)?;
    let mut checked = Vec::new();
    for precision in precisions {
        let place = Global {
            device: Some(device.to_string()),
            engine: Some(Engine::Candle.to_string()),
            precision: Some(precision),
            ..global.clone()
        };
        let classifier = model::load(&place, config)?;
        let (run, found) = super::embed(&classifier, prompts, &bar)?;
        checked.push(Checked::new(device, classifier.precision(), run.seconds, &expected, &found));
    }
    bar.finish_and_clear();
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&checked)?);
    } else {
        checked.iter().for_each(|checked| anstream::println!("{checked}"));
    }
    Ok(if checked.iter().all(|checked| checked.passes) { Outcome::Done } else { Outcome::No })
}

impl Checked {
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts")]
    fn new(
        device: DeviceChoice,
        precision: &'static str,
        seconds: f64,
        expected: &[Embedded],
        found: &[Embedded],
    ) -> Self {
        let pairs = || expected.iter().zip(found);
        let distances = pairs().flat_map(|(a, b)| a.logits.iter().zip(&b.logits)).map(|(a, b)| (a - b).abs());
        let logit = distances.fold(0.0, f32::max);
        let flips = pairs().filter(|(a, b)| a.labels.task != b.labels.task).count();
        let prompts = expected.len();
        let passes = logit <= LOGIT && flips as f64 <= FLIPS * prompts as f64;
        Self { device: device.to_string(), precision, logit, flips, prompts, seconds, passes }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, precision, logit, flips, prompts, seconds, passes } = self;
        let verdict = if *passes { "passes" } else { "FAILS" };
        write!(
            f,
            "{device} {precision}: {verdict}: logits off by {logit:.4} at most (asked for {LOGIT}), {flips} of {prompts} tasks differ \
             (asked for {:.1} %), {seconds:.2} s",
            100.0 * FLIPS
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(device: Option<&str>, precision: Option<&str>) -> Global {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Global {
            json: false,
            config: None,
            model: None,
            device: text(device),
            engine: None,
            precision: text(precision),
        }
    }

    #[test]
    fn f32_on_the_processor_is_not_compared_with_itself() {
        let asked = |device, precision| asked_for(&global(device, precision)).expect("valid");
        assert_eq!(asked(None, None), None);
        assert_eq!(asked(Some("cpu"), None), None);
        assert_eq!(asked(Some("cpu"), Some("bf16")), Some((DeviceChoice::Cpu, vec!["bf16".to_owned()])));
        assert_eq!(asked(Some("cuda:1"), None).map(|(_, precisions)| precisions.len()), Some(2));
    }

    #[test]
    fn half_precision_on_the_processor_passes() {
        let prompts: Vec<Prompt> =
            ["hi there", "Prove that there are infinitely many primes."].map(Prompt::from_text).into();
        let asked = (DeviceChoice::Cpu, vec!["f16".to_owned(), "f32".to_owned()]);
        let outcome =
            run(asked, &prompts, &global(None, None), &Config::load(None).expect("the built-in table"))
                .expect("runs");
        assert_eq!(outcome, Outcome::Done);
    }
}
