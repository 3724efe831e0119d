//! A routing table that has been checked: every row names at least one model, and every model is known.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pointsman_domain::{Band, ModelName, Rule, Task, Vocabulary};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::abilities::Estimate;
use crate::model::Model;
use crate::selector::Selector;
use crate::target::{Contender, Target};

/// The rows of one routing table.
///
/// Invariant, by type: every row and the default have a first choice, and every choice carries its model. This is
/// what makes [`Table::decide`] total.
#[derive(Debug, Clone)]
pub struct Table {
    name: String,
    vocabulary: Arc<Vocabulary>,
    rows: BTreeMap<Selector, Choices>,
    unsure: Option<Choices>,
    default: Choices,
    target: Option<Target>,
    hash: TableHash,
}

/// A model by the user's name for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The user's name.
    pub name: ModelName,
    /// What the file says about it.
    pub model: Arc<Model>,
}

/// The models of a row, best first. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    first: Choice,
    rest: Vec<Choice>,
}

impl Choices {
    /// The models of a row; `None` if there are none.
    pub fn new(choices: impl IntoIterator<Item = Choice>) -> Option<Self> {
        let mut choices = choices.into_iter();
        Some(Self { first: choices.next()?, rest: choices.collect() })
    }

    /// The model to take if it can take the request.
    #[must_use]
    pub fn first(&self) -> &Choice {
        &self.first
    }

    /// The models to turn to after the first, best first.
    pub fn rest(&self) -> impl Iterator<Item = &Choice> {
        self.rest.iter()
    }

    /// All models, best first.
    pub fn iter(&self) -> impl Iterator<Item = &Choice> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// What `map` makes of each, in the same order.
    pub(crate) fn map(&self, map: impl Fn(&Choice) -> Choice) -> Self {
        Self { first: map(&self.first), rest: self.rest.iter().map(map).collect() }
    }

    /// The names of all models, best first.
    #[must_use]
    pub fn names(&self) -> Vec<ModelName> {
        self.iter().map(|choice| choice.name.clone()).collect()
    }
}

/// SHA-256 over everything in a table that can change a decision or its cost, as 64 hexadecimal digits.
///
/// Comments, order of rows, the table's name and models that no row names do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableHash(String);

impl TableHash {
    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Table {
    /// The table named by `model: "auto"`, which is `[route]` in the file.
    pub const AUTO: &'static str = "auto";

    /// A table of checked rows.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        vocabulary: Arc<Vocabulary>,
        rows: BTreeMap<Selector, Choices>,
        unsure: Option<Choices>,
        default: Choices,
    ) -> Self {
        let hash = TableHash(String::new());
        Self { name: name.into(), vocabulary, rows, unsure, default, target: None, hash }.hashed()
    }

    /// The same table, with `target` to choose where only the default row is for the labels.
    #[must_use]
    pub fn with_target(self, target: Option<Target>) -> Self {
        Self { target, ..self }.hashed()
    }

    fn hashed(self) -> Self {
        Self { hash: hash(&self), ..self }
    }

    /// The name that requests select it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The labels that its rows are about.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The rows for tasks, groups and bands.
    #[must_use]
    pub fn rows(&self) -> &BTreeMap<Selector, Choices> {
        &self.rows
    }

    /// The row for prompts of which the classifier is not sure; without one they take the default.
    #[must_use]
    pub fn unsure(&self) -> Option<&Choices> {
        self.unsure.as_ref()
    }

    /// What chooses where only the default row is for the labels, in mode `target`.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The row for everything else.
    #[must_use]
    pub fn default(&self) -> &Choices {
        &self.default
    }

    /// Identifies the table's content.
    #[must_use]
    pub fn hash(&self) -> &TableHash {
        &self.hash
    }

    /// Every model that a row names or the target may choose, by name.
    #[must_use]
    pub fn models(&self) -> BTreeMap<&ModelName, &Model> {
        let rows = self.rows.values().chain(&self.unsure).chain([&self.default]).flat_map(Choices::iter);
        let contenders = self.target.iter().flat_map(Target::contenders).map(|contender| &contender.choice);
        rows.chain(contenders).map(|choice| (&choice.name, choice.model.as_ref())).collect()
    }

    /// The rows that labels of this task and band meet, the most specific first; the default is always the last.
    #[must_use]
    pub fn matching(&self, task: &Task, band: Band) -> Vec<(Rule, &Choices)> {
        Selector::candidates(task, band, &self.vocabulary)
            .filter_map(|selector| Some((selector.rule(), self.rows.get(&selector)?)))
            .chain([self.default_row()])
            .collect()
    }

    /// The rows for a prompt on which the classifier abstained; the default is always the last.
    #[must_use]
    pub fn matching_abstention(&self) -> Vec<(Rule, &Choices)> {
        let unsure = self.unsure.as_ref().map(|choices| (Rule("unsure".to_owned()), choices));
        unsure.into_iter().chain([self.default_row()]).collect()
    }

    pub(crate) fn default_row(&self) -> (Rule, &Choices) {
        (Rule("default".to_owned()), &self.default)
    }
}

/// What is hashed: JSON with sorted keys, so that the same content always gives the same bytes.
#[derive(Serialize)]
struct Canonical<'a> {
    format: &'static str,
    vocabulary: Vec<(&'a Task, Option<&'a Task>)>,
    rows: BTreeMap<String, Vec<ModelName>>,
    unsure: Option<Vec<ModelName>>,
    default: Vec<ModelName>,
    models: BTreeMap<&'a ModelName, &'a Model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<CanonicalTarget<'a>>,
}

/// Of a [`Target`] what chances follow from; abilities are pairs of `θ` and its standard error.
#[derive(Serialize)]
struct CanonicalTarget<'a> {
    quality: f64,
    default_slope: f64,
    slopes: &'a BTreeMap<Task, f64>,
    contenders: Vec<CanonicalContender<'a>>,
}

#[derive(Serialize)]
struct CanonicalContender<'a> {
    name: &'a ModelName,
    general: (f32, f32),
    labels: BTreeMap<&'a Task, (f32, f32)>,
}

impl<'a> CanonicalTarget<'a> {
    fn new(target: &'a Target) -> Self {
        let pair = |estimate: &Estimate| (estimate.ability.0, estimate.se);
        let contender = |contender: &'a Contender| CanonicalContender {
            name: &contender.choice.name,
            general: pair(&contender.ability.general),
            labels: contender.ability.labels.iter().map(|(label, own)| (label, pair(own))).collect(),
        };
        Self {
            quality: target.quality(),
            default_slope: target.discrimination().default,
            slopes: &target.discrimination().labels,
            contenders: target.contenders().iter().map(contender).collect(),
        }
    }
}

fn hash(table: &Table) -> TableHash {
    let vocabulary = table.vocabulary();
    let canonical = Canonical {
        format: "table/1",
        vocabulary: vocabulary.tasks().map(|task| (task, vocabulary.group_of(task))).collect(),
        rows: table.rows.iter().map(|(selector, choices)| (selector.to_string(), choices.names())).collect(),
        unsure: table.unsure.as_ref().map(Choices::names),
        default: table.default.names(),
        models: table.models(),
        target: table.target.as_ref().map(CanonicalTarget::new),
    };
    let bytes = serde_json::to_vec(&canonical).expect("strings and numbers under string keys are JSON");
    TableHash(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
