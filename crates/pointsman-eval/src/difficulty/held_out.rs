//! Heads fitted to the rated items themselves, each judged on items that it was not fitted to.

use std::collections::BTreeMap;

use pointsman_domain::{Ability, Difficulty};

use super::Rated;
use crate::linear::{Design, LinearError, Problem, Target, fit_head, ridge};

/// Difficulties by a head that was not fitted to the items which it is asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Its name in tables.
    pub name: &'static str,
    /// What it was fitted to.
    pub note: &'static str,
    /// The ability that each item needs, in order.
    pub abilities: Vec<Ability>,
}

/// Shares nearer to 0 or 1 than this have no difficulty on the ability scale.
const EDGE: f64 = 0.02;

/// Models that a share of failures is taken to be measured on, for its standard error.
const MODELS: f64 = 15.0;

/// Penalty of a head that is to say something of other sources. The one that does best within the sources it is fitted to
/// fits what is their own. On 6,080 prompts 2 did better than 0.06 on four of five sources left out; nothing above 10 was tried.
const TRANSFER_PENALTY: f64 = 10.0;

/// Factor of the penalty for a source's level: just enough that levels and intercept are told apart.
const LEVEL_PENALTY: f64 = 1e-6;

/// A ridge head on `design` (items, columns) for the true shares of `items`, twice: fitted to four fifths of the items and
/// asked about the rest (in-domain), and fitted to the other sources and asked about the one left out. `penalties` are
/// factors of the penalty for each column, if they are not all held back alike.
///
/// A source counts as the square root of its size. With a single source there is nothing to transfer from, and the
/// second is left out. Where several are fitted to for another, each has a level of its own, so that only what tells its
/// prompts apart is carried over.
///
/// # Errors
/// When there are no items, or a number of the design is not finite.
pub fn held_out(
    names: [&'static str; 2],
    (design, penalties): (&Design, Option<&[f64]>),
    items: &[Rated<'_>],
    seed: u64,
) -> Result<Vec<Fitted>, LinearError> {
    let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, item) in items.iter().enumerate() {
        sources.entry(item.source).or_default().push(row);
    }
    let size = |source: &str| sources.get(source).map_or(1.0, |rows| rows.len() as f64);
    let targets: Vec<Target> =
        items.iter().map(|item| target(item.truth, size(item.source).sqrt().recip())).collect();
    let [within, across] = names;
    let whole = fit_head(design, penalties, &targets, seed)?;
    let mut fitted = vec![Fitted {
        name: within,
        note: "fitted to four fifths of all items, the rest rated",
        abilities: whole.out_of_fold.iter().map(|b| ability(*b)).collect(),
    }];
    if sources.len() > 1 {
        let mut abilities = vec![Ability(0.0); items.len()];
        let levels = Levels::new(design, penalties, sources.values());
        for rows in sources.values() {
            let others: Vec<usize> =
                (0..items.len()).filter(|row| rows.binary_search(row).is_err()).collect();
            let own = whole.residual_sd * whole.residual_sd;
            let weight = |row: &usize| targets[*row].weight / (targets[*row].variance + own);
            let weights: Vec<f64> = others.iter().map(weight).collect();
            let b: Vec<f64> = others.iter().map(|row| targets[*row].b).collect();
            let learnt = levels.design.select(&others);
            let penalties = levels.penalties();
            let problem = Problem { design: &learnt, weights: Some(&weights), penalties: Some(&penalties) };
            let head = ridge(&problem, &[&b], TRANSFER_PENALTY)?.pop().ok_or(LinearError::NoRows)?;
            for row in rows {
                abilities[*row] = ability(head.predict(levels.design.row(*row)));
            }
        }
        fitted.push(Fitted { name: across, note: "fitted to the other sources", abilities });
    }
    Ok(fitted)
}

/// A design with a column for each source, 1 in its rows.
struct Levels {
    design: Design,
    /// Of the columns without the sources'.
    penalties: Vec<f64>,
    sources: usize,
}

impl Levels {
    fn new<'a>(
        design: &Design,
        penalties: Option<&[f64]>,
        sources: impl ExactSizeIterator<Item = &'a Vec<usize>>,
    ) -> Self {
        let count = sources.len();
        let mut source_of = vec![0; design.rows()];
        for (source, rows) in sources.enumerate() {
            rows.iter().for_each(|row| source_of[*row] = source);
        }
        let mut with_levels = Design::new(design.columns() + count);
        for (row, source) in source_of.iter().enumerate() {
            let level = (0..count).map(|other| f64::from(u8::from(other == *source)));
            with_levels.push(design.row(row).iter().copied().chain(level));
        }
        let penalties = penalties.map_or_else(|| vec![1.0; design.columns()], <[f64]>::to_vec);
        Self { design: with_levels, penalties, sources: count }
    }

    /// Levels are all but free; that of a source without rows gets a weight of 0.
    fn penalties(&self) -> Vec<f64> {
        [&self.penalties[..], &vec![LEVEL_PENALTY; self.sources]].concat()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "abilities are f32")]
fn ability(b: f64) -> Ability {
    Ability(b as f32)
}

/// The difficulty of an item that the share `truth` of models fails, with the error of a share of [`MODELS`] models
/// (delta method on the logit).
#[expect(clippy::cast_possible_truncation, reason = "difficulties are f32")]
fn target(truth: f64, weight: f64) -> Target {
    let share = truth.clamp(EDGE, 1.0 - EDGE);
    let b = f64::from(Difficulty::new(share as f32).ability().0);
    Target { b, variance: 1.0 / (MODELS * share * (1.0 - share)), weight }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::difficulty::spearman;

    /// Items of two sources; the first column says the share in both, the second in the first source alone.
    fn items() -> (Design, Vec<Rated<'static>>) {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (mut design, mut items) = (Design::new(2), Vec::new());
        for row in 0..400 {
            let (common, own): (f64, f64) = (random.random(), random.random());
            let first = row % 2 == 0;
            design.push([common, own]);
            items.push(Rated {
                source: if first { "first" } else { "second" },
                own_task: None,
                length: 1.0,
                question: 1.0,
                predicted: Ability(0.0),
                truth: if first { 0.5 * common + 0.5 * own } else { 0.5 * common + 0.25 },
            });
        }
        (design, items)
    }

    #[test]
    fn what_holds_in_both_sources_transfers() {
        let (design, items) = items();
        let fitted = held_out(["within", "across"], (&design, None), &items, 1).expect("fits");
        let names: Vec<&str> = fitted.iter().map(|fitted| fitted.name).collect();
        assert_eq!(names, ["within", "across"]);
        let correlation = |fitted: &Fitted, source: &str| {
            let (said, found): (Vec<f64>, Vec<f64>) = items
                .iter()
                .zip(&fitted.abilities)
                .filter(|(item, _)| item.source == source)
                .map(|(item, ability)| (f64::from(ability.0), item.truth))
                .unzip();
            spearman(&said, &found).expect("varies")
        };
        // The second source knows the common column alone, so that is all that the first one can be told by it.
        assert!(correlation(&fitted[1], "first") < 0.8, "{}", correlation(&fitted[1], "first"));
        assert!(correlation(&fitted[0], "first") > 0.85, "{}", correlation(&fitted[0], "first"));
        assert!(correlation(&fitted[1], "second") > 0.5, "{}", correlation(&fitted[1], "second"));
    }

    #[test]
    fn a_single_source_has_nothing_to_transfer_from() {
        let (design, items) = items();
        let alone: Vec<usize> = (0..items.len()).filter(|row| items[*row].source == "first").collect();
        let items: Vec<Rated<'_>> = alone.iter().map(|row| items[*row].clone()).collect();
        let fitted = held_out(["within", "across"], (&design.select(&alone), None), &items, 1).expect("fits");
        assert_eq!(fitted.len(), 1);
        assert_eq!(held_out(["a", "b"], (&Design::new(2), None), &[], 1), Err(LinearError::NoRows));
    }
}
