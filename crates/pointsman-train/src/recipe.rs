//! The recipe: everything that a training run depends on, in one readable file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pointsman_classifier::{Language, Script};
use pointsman_domain::{Group, Task, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// A training recipe, read from TOML. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model and of its folder.
    pub name: String,
    /// Version written on the card.
    pub version: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Licence of the weights that come out, an SPDX expression.
    pub licence: String,
    /// The pre-trained encoder to start from.
    pub backbone: BackboneRecipe,
    /// The encoder's window in tokens.
    pub window: usize,
    /// Labels of the task head with the group of each; the standard vocabulary when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelEntry>,
    /// Calibrated confidence below which the model abstains, 0–1.
    pub abstain_below: f32,
    /// Scripts in which the model may be trusted; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<Script>,
    /// Languages in which it may be trusted, as ISO 639 codes; empty for all. A head that tells them from others is fitted to
    /// the rows of [`Recipe::tasks`] and [`Recipe::outcomes`] that have a `language` column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// Where task labels come from.
    pub tasks: Vec<TaskSource>,
    /// Where difficulty comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeSource>,
    /// How the difficulty head is fitted afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<DifficultyRecipe>,
    /// How rows that state no split are split.
    #[serde(default)]
    pub split: SplitRecipe,
    /// How texts are varied.
    #[serde(default)]
    pub augment: AugmentRecipe,
    /// How the weights are fitted.
    pub fit: FitRecipe,
}

/// The pre-trained encoder to start from, and whom to name for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneRecipe {
    /// `hf:ORG/NAME[@REV]` or a folder, with `config.json`, `tokenizer.json` and `model.safetensors`; or a model of ours: its
    /// folder, or `embedded`.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Licence of its weights, an SPDX expression.
    pub licence: String,
    /// Who is to be named, as the licence asks.
    pub attribution: String,
    /// How many pieces of a Unigram vocabulary to keep, the most probable; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Whether to start from its task head too, which takes a model of ours with the same labels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub task_head: bool,
}

/// One label of the recipe's own vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelEntry {
    /// Its name.
    pub name: Task,
    /// Its group, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
}

/// A set of labelled prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSource {
    /// A file or `*` pattern for file names, relative to the working folder; `$DATA` stands for `--data`.
    pub files: String,
    /// The column with the label.
    #[serde(default = "task_column")]
    pub label: String,
    /// Labels of the source → labels of the vocabulary; a label that is not listed keeps its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, String>,
    /// Labels kept apart from the texts, as `{"source", "id", "task", "also"}` rows: a file or pattern as in `files`. Rows that
    /// are not in it are left out, and so are those whose `task` there is null; of several rows of one source and id the first counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Values of the `source` column to take; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Most rows of one label to take, chosen by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_label: Option<usize>,
    /// Share of the rows to take, 0–1, chosen by the seed: for learning curves. Rows that state the dev or test split all stay.
    #[serde(default = "one_f64")]
    pub share: f64,
    /// Weight of each row in the task loss.
    #[serde(default = "one")]
    pub weight: f32,
    /// Weight of an `opinion_band` column in the difficulty loss; 0 ignores the column.
    #[serde(default)]
    pub opinion_weight: f32,
}

/// A set of prompts with measured outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeSource {
    /// As in [`TaskSource::files`].
    pub files: String,
    /// Most rows to take, chosen by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Weight of each row in the difficulty loss.
    #[serde(default = "one")]
    pub weight: f32,
}

/// How the difficulty head is fitted once the encoder is done: to the difficulties that an item-response model finds in
/// measured outcomes. Without it the head learns beside the task head, from [`Recipe::outcomes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DifficultyRecipe {
    /// Files of outcomes, each as in [`TaskSource::files`].
    pub outcomes: Vec<String>,
    /// The pooled layers that the head reads, ascending, 0 for the embeddings; the last must be the encoder's last.
    pub layers: Vec<usize>,
    /// Whether it reads figures counted in the text beside them, see [`mod@pointsman_classifier::features`].
    #[serde(default)]
    pub counts: bool,
    /// What is taken for the difficulty of prompts that no outcomes are like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<PriorRecipe>,
}

/// Rows of the corpus that the difficulty head is fitted to besides outcomes, all with one difficulty.
///
/// Outcomes come from examinations. A head that has seen nothing else says anything of a greeting or a letter; these rows hold it
/// in place there, and leave what outcomes say nearly as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorRecipe {
    /// Their difficulty, the share of the pool that is expected to fail.
    pub difficulty: f32,
    /// How many rows of the training side.
    pub rows: usize,
}

/// How rows that state no split are divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitRecipe {
    /// Share that goes to the development split.
    pub dev: f64,
    /// Share that goes to the test split.
    pub test: f64,
    /// Jaccard similarity of word shingles from which two rows must be on one side.
    pub near_duplicate: f64,
}

impl Default for SplitRecipe {
    fn default() -> Self {
        Self { dev: 0.1, test: 0.1, near_duplicate: 0.5 }
    }
}

/// Share of training rows, 0–1 per epoch, to which each variation is applied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentRecipe {
    /// Letters in the other case.
    pub case: f64,
    /// A few typing errors.
    pub typos: f64,
    /// A polite phrase at the end.
    pub politeness: f64,
    /// A system prompt in front.
    pub system_prompt: f64,
    /// A greeting or the like at the start.
    pub lead_in: f64,
    /// A stretch in the middle of a long text left out.
    pub truncate: f64,
    /// An earlier exchange about something else, for prompts of one turn.
    pub conversation: f64,
}

/// How the weights are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRecipe {
    /// Passes over the training split.
    pub epochs: usize,
    /// Fits from one start with orders, variations and dropout of their own, whose weights are averaged: a uniform model
    /// soup (Wortsman et al. 2022, arXiv 2203.05482), which costs training time and nothing afterwards.
    #[serde(default = "one_usize")]
    pub runs: usize,
    /// Rows per step.
    pub batch: usize,
    /// Highest learning rate of the top of the encoder.
    #[serde(default = "learning_rate")]
    pub learning_rate: f64,
    /// Highest learning rate of the heads, which start from nothing.
    #[serde(default = "head_learning_rate")]
    pub head_learning_rate: f64,
    /// Factor on the learning rate from one encoder layer to the one below it.
    #[serde(default = "one_f64")]
    pub layer_decay: f64,
    /// Share of all steps in which the learning rate rises.
    #[serde(default = "tenth")]
    pub warmup: f64,
    /// Decoupled weight decay (Loshchilov & Hutter 2019).
    #[serde(default = "hundredth")]
    pub weight_decay: f64,
    /// Largest norm of the gradient of all weights together.
    #[serde(default = "one_f64")]
    pub clip_norm: f64,
    /// Probability that is spread evenly over all labels.
    #[serde(default = "label_smoothing")]
    pub label_smoothing: f32,
    /// Probability that goes to a row's other accepted labels, together.
    #[serde(default = "second_label")]
    pub second_label: f32,
    /// Share of pooled features that are dropped in training.
    #[serde(default = "dropout")]
    pub dropout: f32,
    /// Weight of the difficulty loss beside the task loss.
    #[serde(default = "half")]
    pub difficulty_loss: f32,
    /// Weight of the disagreement between two variations of a row: half the sum of the Kullback–Leibler divergences both ways
    /// (R-Drop, Liang et al. 2021, arXiv 2106.14448). Above 0 each step takes its rows twice, so that it costs twice as much.
    #[serde(default)]
    pub consistency: f32,
    /// How far rare labels are weighed up: a row counts `(mean rows per label / rows of its label)^balance`, at most 4. 0
    /// counts all rows alike.
    #[serde(default)]
    pub balance: f64,
    /// Name prefixes of weights that stay as they are in the backbone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// Whether the encoder stays as it is and only the heads are fitted, to representations that are computed once.
    #[serde(default)]
    pub frozen: bool,
    /// Steps between checkpoints.
    #[serde(default = "checkpoint_steps")]
    pub checkpoint_every: usize,
}

fn one_usize() -> usize {
    1
}

fn task_column() -> String {
    "task".to_owned()
}

fn one() -> f32 {
    1.0
}

fn one_f64() -> f64 {
    1.0
}

fn learning_rate() -> f64 {
    1e-4
}

fn head_learning_rate() -> f64 {
    1e-3
}

fn tenth() -> f64 {
    0.1
}

fn hundredth() -> f64 {
    0.01
}

fn label_smoothing() -> f32 {
    0.05
}

fn second_label() -> f32 {
    0.2
}

fn dropout() -> f32 {
    0.1
}

fn half() -> f32 {
    0.5
}

fn checkpoint_steps() -> usize {
    100
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, has unknown keys, or holds a value outside its range.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|source| TrainError::io(path, source))?;
        Self::parse(&text).map_err(|message| TrainError::Recipe { path: path.to_owned(), message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let recipe: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        let shares = [
            ("split.dev + split.test", self.split.dev + self.split.test),
            ("split.near_duplicate", self.split.near_duplicate),
            ("augment.case", self.augment.case),
            ("augment.typos", self.augment.typos),
            ("augment.politeness", self.augment.politeness),
            ("augment.system_prompt", self.augment.system_prompt),
            ("augment.lead_in", self.augment.lead_in),
            ("augment.truncate", self.augment.truncate),
            ("augment.conversation", self.augment.conversation),
            ("fit.balance", self.fit.balance),
            ("abstain_below", self.abstain_below.into()),
            ("fit.warmup", self.fit.warmup),
            ("fit.dropout", self.fit.dropout.into()),
            (
                "fit.label_smoothing + fit.second_label",
                (self.fit.label_smoothing + self.fit.second_label).into(),
            ),
        ];
        for (key, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return Err(format!("`{key}` is {share}; it must be at least 0 and below 1"));
            }
        }
        let counts = [
            ("window", self.window, 16),
            ("fit.epochs", self.fit.epochs, 1),
            ("fit.runs", self.fit.runs, 1),
            ("fit.batch", self.fit.batch, 1),
        ];
        for (key, count, least) in counts {
            if count < least {
                return Err(format!("`{key}` is {count}; it must be at least {least}"));
            }
        }
        if self.fit.frozen && self.augment != AugmentRecipe::default() {
            return Err("`fit.frozen` computes each prompt's representation once, so `augment` cannot vary it; leave one out"
                .to_owned());
        }
        if !(0.0..=100.0).contains(&self.fit.consistency) {
            return Err(format!(
                "`fit.consistency` is {}; it must be between 0 and 100",
                self.fit.consistency
            ));
        }
        if self.fit.frozen && self.backbone.task_head {
            return Err("`fit.frozen` keeps whatever comes with the backbone, so that nothing would be left to fit with \
                        `backbone.task_head`; leave one out"
                .to_owned());
        }
        if let Some(twice) = Language::repeated(&self.languages) {
            return Err(format!("`languages`: `{twice}` is listed twice; list each language once"));
        }
        if self.tasks.is_empty() {
            return Err("there is no [[tasks]] source; name at least one file of labelled prompts".to_owned());
        }
        self.vocabulary().map(|_| ())
    }

    /// The labels of the task head.
    ///
    /// # Errors
    /// When the recipe's own labels are no vocabulary.
    pub fn vocabulary(&self) -> Result<Vocabulary, String> {
        if self.labels.is_empty() {
            return Ok(Vocabulary::standard());
        }
        let entries = self.labels.iter().map(|entry| (entry.name.clone(), entry.group.clone()));
        Vocabulary::with_groups(entries).map_err(|error| format!("`labels`: {error}"))
    }
}

/// The files that a recipe's pattern stands for, in alphabetical order.
///
/// A pattern is a path whose last part may hold one `*`; a leading `$DATA` stands for `data`.
///
/// # Errors
/// When `$DATA` is used and not given, or no file fits.
pub fn expand(pattern: &str, data: Option<&Path>) -> Result<Vec<PathBuf>, TrainError> {
    let nothing =
        |message: &str| TrainError::NoFile { pattern: pattern.to_owned(), message: message.to_owned() };
    let path = match pattern.strip_prefix("$DATA/") {
        Some(rest) => {
            data.ok_or_else(|| nothing("the recipe asks for a data folder; give --data DIR"))?.join(rest)
        }
        None => PathBuf::from(pattern),
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let Some((before, after)) = name.split_once('*') else {
        return if path.is_file() { Ok(vec![path]) } else { Err(nothing("there is no such file")) };
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|source| TrainError::io(folder, source))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .collect();
    files.sort();
    if files.is_empty() { Err(nothing("no file fits the pattern")) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        name = "tiny"
        version = "0.1.0"
        seed = 1
        licence = "Apache-2.0"
        window = 64
        abstain_below = 0.3
        backbone = { source = "folder", name = "b", licence = "MIT", attribution = "B" }
        [[tasks]]
        files = "rows.jsonl"
        [fit]
        epochs = 1
        batch = 8
        learning_rate = 1e-4
        head_learning_rate = 1e-3
        warmup = 0.1
        weight_decay = 0.01
        clip_norm = 1.0
        label_smoothing = 0.05
        second_label = 0.2
        dropout = 0.1
        difficulty_loss = 1.0
    "#;

    #[test]
    fn a_recipe_without_labels_has_the_standard_ones() {
        let recipe = Recipe::parse(SMALL).expect("valid");
        assert_eq!(recipe.vocabulary().expect("valid"), Vocabulary::standard());
        let written = toml::to_string(&recipe).expect("serialises");
        assert_eq!(Recipe::parse(&written).expect("valid"), recipe);
    }

    #[test]
    fn mistakes_are_named() {
        for (wrong, message) in [
            (SMALL.replace("epochs = 1", "epochs = 0"), "`fit.epochs` is 0"),
            (SMALL.replace("epochs = 1", "epochs = 1\nruns = 0"), "`fit.runs` is 0"),
            (
                SMALL.replace("[fit]", "[augment]\ncase = 0.1\n[fit]\nfrozen = true"),
                "`augment` cannot vary it",
            ),
            (SMALL.replace("dropout = 0.1", "dropout = 1.5"), "`fit.dropout` is 1.5"),
            (SMALL.replace("dropout = 0.1", "consistency = -1.0"), "`fit.consistency` is -1"),
            (
                SMALL
                    .replace("attribution = \"B\"", "attribution = \"B\", task_head = true")
                    .replace("[fit]", "[fit]\nfrozen = true"),
                "`backbone.task_head`",
            ),
            (SMALL.replace("dropout = 0.1", "drop_out = 0.1"), "unknown field `drop_out`"),
            (SMALL.replace("seed = 1", "seed = 1\nlanguages = [\"English\"]"), "`English` is not a language"),
            (SMALL.replace("seed = 1", "seed = 1\nlanguages = [\"en\", \"en\"]"), "`en` is listed twice"),
            (SMALL.replace("seed = 1", "seed = 1\nlabels = [{ name = \"a\" }]"), "at least two tasks"),
        ] {
            let error = Recipe::parse(&wrong).expect_err(message);
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_recipes_of_the_repository_can_be_run_on_fetched_files() {
        let recipes = [
            ("small", vec!["en"]),
            ("small-steady", vec!["en"]),
            ("multi", vec![]),
            ("multi-steady", vec![]),
        ];
        for (name, languages) in recipes {
            let path = format!("{}/../../datasets/recipes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).expect("there");
            let whole = Recipe::parse(&text).expect("valid");
            assert!(whole.difficulty.is_some(), "{name}");
            assert!(whole.languages.iter().map(Language::as_str).eq(languages), "{name}");
            // What datasets/README.md tells to change.
            let (before, rest) = text.split_once("[difficulty]").expect("outcomes");
            let (_, after) = rest.split_once("[split]").expect("a split");
            let text = format!("{before}[split]{after}").replace("/task_train.jsonl.gz", "/*.jsonl.gz");
            let recipe = Recipe::parse(&text).expect("valid");
            assert_eq!((recipe.difficulty, recipe.outcomes.len()), (None, 0));
            let public = recipe.tasks.iter().find(|source| source.labels.is_some()).expect("public rows");
            assert_eq!(public.files, "$DATA/task/*.jsonl.gz");
        }
    }

    #[test]
    fn patterns_expand_in_order() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["b.jsonl", "a.jsonl", "a.txt"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let names = |pattern| {
            expand(pattern, Some(folder.path())).map(|files| {
                files.iter().filter_map(|f| Some(f.file_name()?.to_str()?.to_owned())).collect::<Vec<_>>()
            })
        };
        assert_eq!(names("$DATA/*.jsonl").expect("found"), ["a.jsonl", "b.jsonl"]);
        assert_eq!(names("$DATA/a.txt").expect("found"), ["a.txt"]);
        assert!(names("$DATA/c.txt").is_err());
        assert!(expand("$DATA/a", None).expect_err("no data folder").to_string().contains("--data"));
    }
}
