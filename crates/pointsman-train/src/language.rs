//! The head that says whether a prompt is in a language that the model may be trusted in.
//!
//! It is fitted once the encoder is done, to rows that state their language, and reads what the difficulty head reads. Logistic
//! regression suits it better than least squares: most other languages are told from the supported ones at a glance, and it
//! does not spend itself on how far they are from them.

use candle_core::Device;
use pointsman_classifier::{Card, Encoder, LANGUAGE_HEAD, Language, TokenIds};
use pointsman_eval::linear::{Design, Linear, Problem, logistic};
use toml::{Table, Value};

use crate::card_scores::{count, rounded};
use crate::corpus::{Corpus, Example, Split};
use crate::difficulty::{embed, with_scalar_head};
use crate::error::TrainError;
use crate::progress::Progress;
use crate::scores::ratio;
use crate::side::Side;

/// Strength of the penalty on the weights of standardised columns, see [`logistic`].
const PENALTY: f64 = 1e-3;

/// Of so many development rows in supported languages at most one may be taken for another language: 0.5 %. Fewer rows than
/// that tell nothing about such a share.
const ROWS_FOR_ONE: usize = 200;

/// What the head is fitted with.
pub(crate) struct LanguageFit<'a> {
    pub(crate) encoder: &'a Encoder,
    pub(crate) device: &'a Device,
    /// The languages in which the model may be trusted.
    pub(crate) languages: &'a [Language],
}

impl LanguageFit<'_> {
    /// `weights` with a head that was fitted on the first of `sides` and given its threshold on the second; the card learns of
    /// the languages and of how good the head is on the second and the third.
    ///
    /// The head reads the card's `difficulty_layers`. The rows should have passed [`check`].
    pub(crate) fn run(
        &self,
        weights: &[u8],
        sides: &[Side<'_>; 3],
        card: &mut Card,
        progress: &mut dyn Progress,
    ) -> Result<Vec<u8>, TrainError> {
        let mut stated = |side| self.stated(side, &card.difficulty_layers, progress);
        let [train, dev, test] = [stated(&sides[0])?, stated(&sides[1])?, stated(&sides[2])?];
        let head = fit(&train, &dev)?;
        let (dev, test) = (LanguageScores::of(&head, &dev), LanguageScores::of(&head, &test));
        progress.note(&format!("language head, development rows: {dev}; test rows: {test}"));
        card.languages = self.languages.to_vec();
        let scores = [("dev", dev), ("test", test)];
        let scores = scores.map(|(side, scores)| (side.to_owned(), Value::Table(scores.table())));
        card.scores.insert("language".to_owned(), Value::Table(Table::from_iter(scores)));
        with_scalar_head(weights, LANGUAGE_HEAD, Some(&head))
    }

    /// The rows of `side` that state their language.
    fn stated(
        &self,
        side: &Side<'_>,
        layers: &[usize],
        progress: &mut dyn Progress,
    ) -> Result<Stated, TrainError> {
        let (mut tokens, mut supported): (Vec<TokenIds>, Vec<bool>) = (Vec::new(), Vec::new());
        for (row, ids) in side.rows.iter().zip(&side.tokens) {
            if let Some(known) = is_supported(row, self.languages) {
                tokens.push(ids.clone());
                supported.push(known);
            }
        }
        let pooled = embed(self.encoder, &tokens, layers, self.device, progress)?;
        Ok(Stated { pooled, supported })
    }
}

/// Refuses a corpus that lacks the rows which a head for `languages` takes; without languages none is wanted.
pub(crate) fn check(corpus: &Corpus, languages: &[Language]) -> Result<(), TrainError> {
    if languages.is_empty() {
        return Ok(());
    }
    let count =
        |split, wanted| corpus.side(split).filter(|row| is_supported(row, languages) == Some(wanted)).count();
    if count(Split::Train, true) == 0 || count(Split::Train, false) == 0 {
        let message = "`languages` takes training rows whose `language` is one of them and rows whose `language` is another; add \
                       some, or leave `languages` out";
        return Err(TrainError::Data { message: message.to_owned() });
    }
    let dev = count(Split::Dev, true);
    if dev < ROWS_FOR_ONE {
        let message = format!(
            "`languages` takes {ROWS_FOR_ONE} development rows whose `language` is one of them, and there are {dev}; raise \
             `split.dev`, or leave `languages` out"
        );
        return Err(TrainError::Data { message });
    }
    Ok(())
}

/// Whether the row is in one of `languages`, if it says in which it is.
fn is_supported(row: &Example, languages: &[Language]) -> Option<bool> {
    let own = row.language.as_deref()?;
    Some(languages.iter().any(|language| language.as_str() == own))
}

/// Rows that state their language, as the head sees them.
struct Stated {
    /// (rows, width).
    pooled: Design,
    /// Whether each is in a supported language.
    supported: Vec<bool>,
}

/// The head that says more than 0 of rows in supported languages and less of others. Both count alike, however many they are.
fn fit(train: &Stated, dev: &Stated) -> Result<Linear, TrainError> {
    let all = train.supported.len();
    let inside = train.supported.iter().filter(|supported| **supported).count();
    let weight = |supported: &bool| ratio(1, if *supported { inside } else { all - inside });
    let weights: Vec<f64> = train.supported.iter().map(weight).collect();
    let target: Vec<f64> = train.supported.iter().map(|supported| f64::from(u8::from(*supported))).collect();
    let problem = Problem { weights: Some(&weights), ..Problem::new(&train.pooled) };
    let mut head =
        logistic(&problem, &target, PENALTY).map_err(|error| TrainError::Model(Box::new(error)))?;
    head.intercept -= threshold(&head, dev);
    Ok(head)
}

/// The value below which as many rows in supported languages are as may be, halfway to the next, so that rounding of the
/// weights moves none across.
fn threshold(head: &Linear, dev: &Stated) -> f64 {
    let supported = (0..dev.supported.len()).filter(|row| dev.supported[*row]);
    let mut said: Vec<f64> = supported.map(|row| head.predict(dev.pooled.row(row))).collect();
    said.sort_by(f64::total_cmp);
    let flagged = said.len() / ROWS_FOR_ONE;
    let next = said.get(flagged).copied().unwrap_or_default();
    let last = flagged.checked_sub(1).and_then(|last| said.get(last)).copied();
    last.map_or(next, |last| f64::midpoint(last, next))
}

/// How often the head is right.
#[derive(Debug, PartialEq)]
struct LanguageScores {
    /// Rows in supported languages, and how many of them are taken for another.
    supported: usize,
    flagged: usize,
    /// Rows in other languages, and how many of them are found.
    others: usize,
    found: usize,
}

impl LanguageScores {
    fn of(head: &Linear, rows: &Stated) -> Self {
        let mut scores = Self { supported: 0, flagged: 0, others: 0, found: 0 };
        for (row, supported) in rows.supported.iter().enumerate() {
            let below = usize::from(head.predict(rows.pooled.row(row)) < 0.0);
            let (all, hits) = if *supported {
                (&mut scores.supported, &mut scores.flagged)
            } else {
                (&mut scores.others, &mut scores.found)
            };
            *all += 1;
            *hits += below;
        }
        scores
    }

    /// As on the card; figures without rows are left out.
    fn table(&self) -> Table {
        let Self { supported, flagged, others, found } = *self;
        let mut table = Table::new();
        for (rows, all, share, hits) in
            [("supported_rows", supported, "flagged", flagged), ("other_rows", others, "found", found)]
        {
            if all > 0 {
                table.insert(rows.to_owned(), count(all));
                table.insert(share.to_owned(), rounded(ratio(hits, all)));
            }
        }
        table
    }
}

impl std::fmt::Display for LanguageScores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { supported, flagged, others, found } = self;
        write!(f, "{flagged} of {supported} in supported languages flagged, {found} of {others} others found")
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Prompt;

    use super::*;

    /// Rows of which a supported one is at about (1, 100) and another at about (−1, 100), with three columns of which the last
    /// says nothing; every fiftieth of the supported ones is where the others are.
    fn stated(rows: u32, strays: bool) -> Stated {
        let mut stated = Stated { pooled: Design::new(3), supported: Vec::new() };
        for row in 0..rows {
            let supported = row % 3 > 0;
            let stray = strays && row % 50 == 1;
            let place = if supported && !stray { 1.0 } else { -1.0 };
            let jitter = f64::from(row * 37 % 1009) / 1009.0 - 0.5;
            stated.pooled.push([place + jitter, 100.0 + jitter * place, f64::from(row * 53 % 97)]);
            stated.supported.push(supported);
        }
        stated
    }

    #[test]
    fn others_are_found_and_hardly_any_of_the_supported_flagged() {
        let (train, dev) = (stated(900, false), stated(1200, false));
        let head = fit(&train, &dev).expect("fits");
        let scores = LanguageScores::of(&head, &dev);
        // One of each 200 supported rows may be flagged, and the threshold uses what it may.
        assert_eq!(scores, LanguageScores { supported: 800, flagged: 4, others: 400, found: 400 });
        assert_eq!(
            scores.table().to_string(),
            "flagged = 0.005\nfound = 1.0\nother_rows = 400\nsupported_rows = 800\n"
        );
        // The same after the weights were stored as f32.
        #[expect(clippy::cast_possible_truncation, reason = "weights are stored as f32")]
        let stored = |value: f64| f64::from(value as f32);
        let weights = head.weights.iter().map(|weight| stored(*weight)).collect();
        let rounded = Linear { intercept: stored(head.intercept), weights };
        assert_eq!(LanguageScores::of(&rounded, &dev), scores);
    }

    #[test]
    fn others_pass_rather_than_supported_ones_are_flagged() {
        // More supported rows lie among the others than may be flagged, so the threshold goes below them.
        let (train, dev) = (stated(900, true), stated(1200, true));
        let scores = LanguageScores::of(&fit(&train, &dev).expect("fits"), &dev);
        assert!(scores.flagged == 4 && scores.found < 200, "{scores}");
    }

    #[test]
    fn both_kinds_of_rows_are_needed() {
        let english: Vec<Language> = vec!["en".parse().expect("a code")];
        let corpus = |english: usize, others: usize, dev: usize| {
            let row = |language: &str, split| Example {
                id: String::new(),
                source: String::new(),
                prompt: Prompt::default(),
                task: None,
                difficulty: None,
                language: (!language.is_empty()).then(|| language.to_owned()),
                split,
            };
            let many = |row: Example, count: usize| std::iter::repeat_n(row, count);
            let examples = many(row("en", Split::Train), english)
                .chain(many(row("de", Split::Train), others))
                .chain(many(row("", Split::Train), 9))
                .chain(many(row("en", Split::Dev), dev));
            Corpus { examples: examples.collect(), dropped: 0 }
        };
        let message = |corpus: &Corpus| check(corpus, &english).expect_err("too few").to_string();
        assert!(check(&corpus(1, 1, 200), &english).is_ok());
        assert!(check(&corpus(0, 0, 0), &[]).is_ok(), "no head is wanted");
        assert!(message(&corpus(1, 0, 200)).contains("rows whose `language` is another"));
        assert!(message(&corpus(0, 1, 200)).contains("whose `language` is one of them and"));
        assert!(message(&corpus(1, 1, 199)).contains("takes 200 development rows"));
    }
}
