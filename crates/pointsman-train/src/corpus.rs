//! From a recipe's sources to examples with targets, each on one side of the split.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use pointsman_domain::{Prompt, Vocabulary};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::TrainError;
use crate::neighbours;
use crate::recipe::{OutcomeSource, Recipe, SplitRecipe, TaskSource, expand};
use crate::rows::{self, Row};

/// Which side of the split an example is on. Later sides win where near-duplicates disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// Choices and calibration are made on it.
    Dev,
    /// Looked at once, for the card.
    Test,
}

impl Split {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "train" => Ok(Self::Train),
            "dev" => Ok(Self::Dev),
            "test" => Ok(Self::Test),
            other => Err(format!("split `{other}` is none of train, dev, test")),
        }
    }
}

/// What the task head should say.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTarget {
    /// Index of the label in the vocabulary.
    pub label: usize,
    /// Indices of other labels that a careful annotator accepts.
    pub also: Vec<usize>,
    /// Weight in the task loss.
    pub weight: f32,
}

/// What the difficulty head should say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DifficultyTarget {
    /// Share of a pool of models that failed, 0–1.
    pub share: f32,
    /// Weight in the difficulty loss.
    pub weight: f32,
    /// Whether the share was measured; the others are opinions.
    pub measured: bool,
}

/// A prompt with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its name in the source, or file and line.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// The prompt.
    pub prompt: Prompt,
    /// Its task, if known.
    pub task: Option<TaskTarget>,
    /// Its difficulty, if known.
    pub difficulty: Option<DifficultyTarget>,
    /// The ISO 639 code of its language, if it is stated.
    pub language: Option<String>,
    /// Its side.
    pub split: Split,
}

/// All examples of a recipe.
#[derive(Debug, Default)]
pub struct Corpus {
    /// In the order of the recipe.
    pub examples: Vec<Example>,
    /// How many were left out because a near-duplicate is on a later side.
    pub dropped: usize,
}

/// Centres of the four bands, for prompts of which only an opinion is known.
const OPINIONS: [(&str, f32); 4] = [("easy", 0.125), ("medium", 0.375), ("hard", 0.625), ("expert", 0.875)];

impl Corpus {
    /// Reads everything that `recipe` names; `$DATA` in its file names stands for `data`.
    ///
    /// # Errors
    /// When a file is missing or a row of it unusable.
    pub fn read(recipe: &Recipe, data: Option<&Path>) -> Result<Self, TrainError> {
        let vocabulary = recipe.vocabulary().map_err(|message| TrainError::Data { message })?;
        let mut candidates = Vec::new();
        let mut taken = HashSet::new();
        for (i, source) in recipe.tasks.iter().enumerate() {
            let mut rows = task_rows(source, &vocabulary, data)?;
            if source.share < 1.0 {
                rows = a_share(rows, source.share, recipe.seed ^ i as u64);
            }
            if let Some(limit) = source.per_label {
                rows = at_most_per_label(rows, limit, recipe.seed ^ i as u64);
            }
            // Sources may overlap, such as all files and the newest ones; within one, equal rows stay.
            rows.retain(|row| !taken.contains(&identity(row)));
            taken.extend(rows.iter().map(identity));
            candidates.extend(rows);
        }
        for (i, source) in recipe.outcomes.iter().enumerate() {
            let mut rows = outcome_rows(source, data)?;
            if let Some(limit) = source.limit {
                rows.shuffle(&mut ChaCha8Rng::seed_from_u64(recipe.seed ^ (i as u64) << 32));
                rows.truncate(limit);
            }
            candidates.extend(rows);
        }
        let mut corpus = split(candidates, &recipe.split, recipe.seed);
        corpus.balance(vocabulary.len(), recipe.fit.balance);
        Ok(corpus)
    }

    /// Weighs up training rows of rare labels, as [`crate::recipe::FitRecipe::balance`] says.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "counts are small, weights are f32"
    )]
    fn balance(&mut self, labels: usize, exponent: f64) {
        let mut counts = vec![0usize; labels];
        for task in self.side(Split::Train).filter_map(|example| example.task.as_ref()) {
            counts[task.label] += 1;
        }
        let present = counts.iter().filter(|count| **count > 0).count().max(1);
        let mean = counts.iter().sum::<usize>() as f64 / present as f64;
        for example in self.examples.iter_mut().filter(|example| example.split == Split::Train) {
            if let Some(task) = &mut example.task {
                let rarity = mean / counts[task.label] as f64;
                task.weight *= rarity.powf(exponent).min(4.0) as f32;
            }
        }
    }

    /// The examples on one side.
    pub fn side(&self, split: Split) -> impl Iterator<Item = &Example> {
        self.examples.iter().filter(move |example| example.split == split)
    }
}

/// An example whose side may still be open.
struct Candidate {
    example: Example,
    stated: Option<Split>,
}

/// Source, id and text: what makes two rows the same.
fn identity(row: &Candidate) -> (String, String, String) {
    let Example { source, id, prompt, .. } = &row.example;
    (source.clone(), id.clone(), prompt.subject().to_owned())
}

fn task_rows(
    source: &TaskSource,
    vocabulary: &Vocabulary,
    data: Option<&Path>,
) -> Result<Vec<Candidate>, TrainError> {
    let mut labels = source.labels.as_deref().map(|pattern| separate_labels(pattern, data)).transpose()?;
    let mut rows = Vec::new();
    for path in expand(&source.files, data)? {
        rows::read(&path, |line, mut row| {
            let origin = origin(&row, &path);
            if !source.sources.is_empty() && !source.sources.contains(&origin) {
                return Ok(());
            }
            let (label, also) = match &mut labels {
                None => {
                    let label =
                        row.label(&source.label).ok_or_else(|| format!("there is no `{}`", source.label))?;
                    (source.map.get(label).map_or(label, String::as_str).to_owned(), row.also.clone())
                }
                // Each label is for one row: files may overlap, such as a publisher's and one put together from several.
                Some(labels) => match labels.remove(&(origin.clone(), row.id.clone().unwrap_or_default())) {
                    Some(found) => found,
                    None => return Ok(()),
                },
            };
            let label = index(vocabulary, &label)?;
            let also = also.iter().map(|name| index(vocabulary, name)).collect::<Result<_, _>>()?;
            let task = Some(TaskTarget { label, also, weight: source.weight });
            let difficulty = opinion(&row, source.opinion_weight)?;
            rows.push(candidate(&mut row, line, origin, task, difficulty)?);
            Ok(())
        })?;
    }
    Ok(rows)
}

/// Label and other accepted labels by source and id, of rows that have a label.
type SeparateLabels = HashMap<(String, String), (String, Vec<String>)>;

fn separate_labels(pattern: &str, data: Option<&Path>) -> Result<SeparateLabels, TrainError> {
    let mut labels = SeparateLabels::new();
    for path in expand(pattern, data)? {
        rows::read(&path, |_, row| {
            let label = row.label("task").map(str::to_owned);
            let source = row.source.ok_or("there is no `source`")?;
            let id = row.id.ok_or("there is no `id`")?;
            if let Some(label) = label {
                labels.insert((source, id), (label, row.also));
            }
            Ok(())
        })?;
    }
    Ok(labels)
}

fn outcome_rows(source: &OutcomeSource, data: Option<&Path>) -> Result<Vec<Candidate>, TrainError> {
    let mut rows = Vec::new();
    for path in expand(&source.files, data)? {
        rows::read(&path, |line, mut row| {
            let share = row.difficulty.ok_or("there is no `difficulty`")?;
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("`difficulty` is {share}; a share is between 0 and 1"));
            }
            let difficulty = Some(DifficultyTarget { share, weight: source.weight, measured: true });
            let origin = origin(&row, &path);
            rows.push(candidate(&mut row, line, origin, None, difficulty)?);
            Ok(())
        })?;
    }
    Ok(rows)
}

fn candidate(
    row: &mut Row,
    line: usize,
    source: String,
    task: Option<TaskTarget>,
    difficulty: Option<DifficultyTarget>,
) -> Result<Candidate, String> {
    let stated = row.split.as_deref().map(Split::parse).transpose()?;
    let prompt = row.take_prompt().ok_or("there is neither `text` nor `messages`")?;
    let id = row.id.take().unwrap_or_else(|| format!("{source}:{line}"));
    let language = row.label("language").map(str::to_owned);
    let example = Example { id, source, prompt, task, difficulty, language, split: Split::Train };
    Ok(Candidate { example, stated })
}

/// The row's source, else its batch, else the file's name.
fn origin(row: &Row, path: &Path) -> String {
    let file = || path.file_name().map(|name| name.to_string_lossy().into_owned());
    row.source.clone().or_else(|| row.batch.clone()).or_else(file).unwrap_or_default()
}

fn index(vocabulary: &Vocabulary, name: &str) -> Result<usize, String> {
    vocabulary.index_of(name).ok_or_else(|| match vocabulary.nearest(name) {
        Some(near) => format!("`{name}` is not a label of this recipe; did you mean `{near}`?"),
        None => format!("`{name}` is not a label of this recipe; map it in the source's `map`"),
    })
}

fn opinion(row: &Row, weight: f32) -> Result<Option<DifficultyTarget>, String> {
    let Some(band) = row.opinion_band.as_deref().filter(|_| weight > 0.0) else { return Ok(None) };
    let (_, share) = OPINIONS
        .into_iter()
        .find(|(name, _)| *name == band)
        .ok_or_else(|| format!("`opinion_band` is `{band}`; use easy, medium, hard or expert"))?;
    Ok(Some(DifficultyTarget { share, weight, measured: false }))
}

/// A random choice of `share` of the rows, and all that state the dev or test split. A larger share holds the smaller.
fn a_share(rows: Vec<Candidate>, share: f64, seed: u64) -> Vec<Candidate> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let kept_anyway = |row: &Candidate| matches!(row.stated, Some(Split::Dev | Split::Test));
    rows.into_iter().filter(|row| random.random::<f64>() < share || kept_anyway(row)).collect()
}

/// A random choice of at most `limit` rows of each label, in their first order.
fn at_most_per_label(rows: Vec<Candidate>, limit: usize, seed: u64) -> Vec<Candidate> {
    let mut of_label: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        of_label.entry(row.example.task.as_ref().map_or(usize::MAX, |task| task.label)).or_default().push(i);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut kept = vec![false; rows.len()];
    for indices in of_label.values_mut() {
        indices.shuffle(&mut random);
        indices.iter().take(limit).for_each(|i| kept[*i] = true);
    }
    rows.into_iter().zip(kept).filter_map(|(row, kept)| kept.then_some(row)).collect()
}

/// Puts each group of near-duplicates on one side: the latest that a member states, else one drawn by the seed. Members
/// that state an earlier side are dropped.
fn split(candidates: Vec<Candidate>, recipe: &SplitRecipe, seed: u64) -> Corpus {
    let texts: Vec<String> = candidates.iter().map(|c| c.example.prompt.subject().to_owned()).collect();
    let groups = neighbours::group(&texts, recipe.near_duplicate);
    let mut latest: HashMap<usize, Split> = HashMap::new();
    for (candidate, group) in candidates.iter().zip(&groups) {
        if let Some(stated) = candidate.stated {
            latest.entry(*group).and_modify(|side| *side = (*side).max(stated)).or_insert(stated);
        }
    }
    let mut corpus = Corpus::default();
    for (Candidate { mut example, stated }, group) in candidates.into_iter().zip(groups) {
        let side = latest.get(&group).copied().unwrap_or_else(|| draw(group, recipe, seed));
        if stated.is_some_and(|stated| stated < side) {
            corpus.dropped += 1;
            continue;
        }
        example.split = side;
        corpus.examples.push(example);
    }
    corpus
}

/// The side of a group that states none: the same for the same seed, whatever other rows there are.
fn draw(group: usize, recipe: &SplitRecipe, seed: u64) -> Split {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(group as u64);
    match random.random::<f64>() {
        x if x < recipe.test => Split::Test,
        x if x < recipe.test + recipe.dev => Split::Dev,
        _ => Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str, stated: Option<Split>) -> Candidate {
        let example = Example {
            id: text.to_owned(),
            source: String::new(),
            prompt: Prompt::from_text(text),
            task: None,
            difficulty: None,
            language: None,
            split: Split::Train,
        };
        Candidate { example, stated }
    }

    #[test]
    fn near_duplicates_end_on_one_side() {
        let long =
            "please list all the rivers of northern Italy with their length and the towns on their banks";
        let candidates = vec![
            candidate(long, Some(Split::Train)),
            candidate(&long.to_uppercase(), Some(Split::Test)),
            candidate(&format!("{long}!"), None),
            candidate("an unrelated question about the price of tea in a small shop", Some(Split::Train)),
        ];
        let corpus = split(candidates, &SplitRecipe::default(), 1);
        let sides: Vec<Split> = corpus.examples.iter().map(|example| example.split).collect();
        assert_eq!((sides, corpus.dropped), (vec![Split::Test, Split::Test, Split::Train], 1));
    }

    #[test]
    fn shares_of_the_split_are_as_asked() {
        let candidates = (0..4000).map(|i| candidate(&format!("word{i} other{i} third{i}"), None)).collect();
        let corpus = split(candidates, &SplitRecipe { dev: 0.2, test: 0.1, near_duplicate: 0.9 }, 7);
        let count = |side| corpus.side(side).count();
        assert!((320..480).contains(&count(Split::Test)), "{}", count(Split::Test));
        assert!((700..900).contains(&count(Split::Dev)), "{}", count(Split::Dev));
    }

    #[test]
    fn a_larger_share_holds_the_smaller() {
        let rows =
            || (0..400).map(|i| candidate(&format!("row {i}"), Some([Split::Train, Split::Dev][i % 2])));
        let ids = |share| -> Vec<String> {
            a_share(rows().collect(), share, 3).into_iter().map(|row| row.example.id).collect()
        };
        let (small, large) = (ids(0.25), ids(0.5));
        assert!((230..270).contains(&small.len()) && (280..320).contains(&large.len()));
        assert!(small.iter().all(|id| large.contains(id)));
    }

    #[test]
    fn rare_labels_are_weighed_up() {
        let of_label = |label: usize, i: usize| {
            let mut candidate = candidate(&format!("word{i} other{i} third{i}"), Some(Split::Train));
            candidate.example.task = Some(TaskTarget { label, also: vec![], weight: 0.5 });
            candidate
        };
        // 16 + 4 + 1 rows of three labels, 7 in the mean.
        let rows = [vec![0; 16], vec![1; 4], vec![2; 1]].concat();
        let candidates = rows.into_iter().enumerate().map(|(i, label)| of_label(label, i)).collect();
        let mut corpus = split(candidates, &SplitRecipe::default(), 1);
        let weights = |corpus: &Corpus| {
            [0, 16, 20].map(|row| corpus.examples[row].task.as_ref().map_or(0.0, |task| task.weight))
        };
        corpus.balance(4, 0.0);
        assert_eq!(weights(&corpus), [0.5, 0.5, 0.5]);
        corpus.balance(4, 0.99);
        let [common, middle, rare] = weights(&corpus);
        assert!((common - 0.5 * (7.0f32 / 16.0).powf(0.99)).abs() < 1e-6, "{common}");
        assert!((middle - 0.5 * (7.0f32 / 4.0).powf(0.99)).abs() < 1e-6, "{middle}");
        assert_eq!(rare, 2.0, "seven to one is cut to four");
    }

    #[test]
    fn a_row_of_two_sources_counts_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, rows) in [("a1", 3), ("b1", 2)] {
            let row = |row| {
                format!(
                    "{{\"id\":\"{row}\",\"text\":\"{name} {row}\",\"task\":\"chat\",\"batch\":\"{name}\"}}"
                )
            };
            let rows: Vec<String> = (0..rows).map(row).collect();
            std::fs::write(folder.path().join(format!("{name}.jsonl")), rows.join("\n")).expect("written");
        }
        let recipe = |second: &str| -> Recipe {
            let text = format!(
                "name = \"n\"\nversion = \"1\"\nseed = 1\nlicence = \"MIT\"\nwindow = 32\nabstain_below = 0.3\n\
                 backbone = {{ source = \"s\", name = \"b\", licence = \"MIT\", attribution = \"B\" }}\n\
                 split = {{ near_duplicate = 0.99 }}\n[[tasks]]\nfiles = \"$DATA/*.jsonl\"\n[[tasks]]\nfiles = \"$DATA/{second}\"\n\
                 [fit]\nepochs = 1\nbatch = 1\n"
            );
            toml::from_str(&text).expect("a recipe")
        };
        let count = |second| Corpus::read(&recipe(second), Some(folder.path())).expect("read").examples.len();
        assert_eq!((count("b*.jsonl"), count("*.jsonl")), (5, 5));
    }

    #[test]
    fn labels_kept_apart_choose_the_rows() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, rows: &str| std::fs::write(folder.path().join(name), rows).expect("written");
        write(
            "rows.jsonl",
            "{\"id\":\"1\",\"source\":\"s\",\"text\":\"a\"}\n{\"id\":\"2\",\"source\":\"s\",\"text\":\"b\"}\n\
             {\"id\":\"3\",\"source\":\"s\",\"text\":\"c\"}\n",
        );
        write(
            "labels.jsonl",
            "{\"source\":\"s\",\"id\":\"2\",\"task\":\"math\",\"also\":[\"reasoning\"]}\n{\"source\":\"s\",\"id\":\"3\",\"task\":null}\n",
        );
        let source = TaskSource {
            files: "$DATA/rows.jsonl".to_owned(),
            label: "task".to_owned(),
            labels: Some("$DATA/labels.jsonl".to_owned()),
            map: BTreeMap::new(),
            sources: Vec::new(),
            per_label: None,
            share: 1.0,
            weight: 1.0,
            opinion_weight: 0.0,
        };
        let vocabulary = Vocabulary::standard();
        let rows = task_rows(&source, &vocabulary, Some(folder.path())).expect("readable");
        let found: Vec<_> =
            rows.iter().map(|row| (row.example.id.as_str(), row.example.task.clone())).collect();
        let index = |name| vocabulary.index_of(name).expect("standard");
        let task = TaskTarget { label: index("math"), also: vec![index("reasoning")], weight: 1.0 };
        assert_eq!(found, [("2", Some(task))]);
    }

    #[test]
    fn a_language_is_kept_where_a_row_states_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let rows = "{\"text\":\"a\",\"task\":\"math\",\"language\":\"de\"}\n{\"text\":\"b\",\"task\":\"math\"}\n\
                    {\"text\":\"c\",\"task\":\"math\",\"language\":null}\n";
        std::fs::write(folder.path().join("rows.jsonl"), rows).expect("written");
        let source: TaskSource = toml::from_str("files = \"$DATA/rows.jsonl\"").expect("a source");
        let rows = task_rows(&source, &Vocabulary::standard(), Some(folder.path())).expect("readable");
        let found: Vec<_> = rows.iter().map(|row| row.example.language.as_deref()).collect();
        assert_eq!(found, [Some("de"), None, None]);
    }

    #[test]
    fn a_row_that_several_files_hold_counts_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, rows: &str| std::fs::write(folder.path().join(name), rows).expect("written");
        let row = |source: &str, id: u8| {
            format!("{{\"id\":\"{id}\",\"source\":\"{source}\",\"text\":\"text {id} of {source}\"}}\n")
        };
        write("task-s.jsonl", &(row("s", 1) + &row("s", 2)));
        write("task-t.jsonl", &row("t", 1));
        write("task-whole.jsonl", &(row("s", 1) + &row("t", 1) + &row("t", 9)));
        let label =
            |source: &str, id: u8| format!("{{\"source\":\"{source}\",\"id\":\"{id}\",\"task\":\"math\"}}\n");
        write("labels-s.jsonl", &label("s", 1));
        write("labels-t.jsonl", &(label("t", 1) + &label("t", 9)));
        let recipe = "files = \"$DATA/task-*.jsonl\"\nlabels = \"$DATA/labels-*.jsonl\"";
        let source: TaskSource = toml::from_str(recipe).expect("a source");
        let rows = task_rows(&source, &Vocabulary::standard(), Some(folder.path())).expect("readable");
        let found: Vec<_> =
            rows.iter().map(|row| (row.example.source.as_str(), row.example.id.as_str())).collect();
        assert_eq!(found, [("s", "1"), ("t", "1"), ("t", "9")]);
    }

    #[test]
    fn a_recipe_is_read_with_weak_labels_mapped_and_limited() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let rows: String = (0..10)
            .map(|i| {
                format!(
                    "{{\"text\":\"number {i} of ten\",\"weak_label\":\"{}\",\"source\":\"s\"}}\n",
                    ["code", "math"][i % 2]
                )
            })
            .collect();
        let path = folder.path().join("weak.jsonl");
        std::fs::write(&path, rows).expect("written");
        let source = TaskSource {
            files: "$DATA/weak.jsonl".to_owned(),
            label: "weak_label".to_owned(),
            map: [("code".to_owned(), "code_generation".to_owned())].into(),
            labels: None,
            sources: vec!["s".to_owned()],
            per_label: None,
            share: 1.0,
            weight: 0.5,
            opinion_weight: 0.0,
        };
        let vocabulary = Vocabulary::standard();
        let rows = task_rows(&source, &vocabulary, Some(folder.path())).expect("readable");
        assert_eq!(at_most_per_label(rows, 3, 1).len(), 6);
        let unmapped = TaskSource { map: BTreeMap::new(), ..source };
        let error =
            task_rows(&unmapped, &vocabulary, Some(folder.path())).map(|_| ()).expect_err("unknown label");
        assert!(error.to_string().contains("weak.jsonl:1: `code` is not a label"), "{error}");
    }
}
