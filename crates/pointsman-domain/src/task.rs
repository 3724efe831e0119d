//! What the reply must do: task labels, their groups, and the vocabulary a model was trained on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::nearest;

/// The name of a task, such as `math` or `code_editing`.
///
/// The seventeen standard names are in [`Vocabulary::standard`]; a model trained on other labels brings its own.
/// Cloning is cheap. Names are 1–64 characters of `a–z`, `0–9` and `_`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Task(Arc<str>);

impl Task {
    /// Checks `name` and makes a task of it.
    ///
    /// # Errors
    /// When `name` is not a well-formed label name.
    pub fn new(name: &str) -> Result<Self, ParseTaskError> {
        let well_formed = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if well_formed { Ok(Self(name.into())) } else { Err(ParseTaskError { name: name.to_owned() }) }
    }

    /// The name as it appears in tables, data files and metrics.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", self.0)
    }
}

impl TryFrom<String> for Task {
    type Error = ParseTaskError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.0.as_ref().to_owned()
    }
}

/// A string that is no label name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a task name: use 1-64 characters of a-z, 0-9 and _, starting with a letter")]
pub struct ParseTaskError {
    name: String,
}

/// A named set of tasks, for people who want a shorter table.
///
/// Naming rules are those of [`Task`].
pub type Group = Task;

/// The tasks that a model tells apart, in the order of its output, each with its group if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    entries: Vec<(Task, Option<Group>)>,
}

/// The standard labels (tagging version `labels/1`) with their groups.
const STANDARD: [(&str, &str); 17] = [
    ("chat", "talk"),
    ("open_qa", "talk"),
    ("closed_qa", "text"),
    ("summarization", "text"),
    ("extraction", "text"),
    ("classification", "text"),
    ("rewriting", "text"),
    ("translation", "text"),
    ("brainstorming", "create"),
    ("creative_writing", "create"),
    ("text_writing", "create"),
    ("code_generation", "code"),
    ("code_completion", "code"),
    ("code_editing", "code"),
    ("math", "think"),
    ("reasoning", "think"),
    ("planning", "think"),
];

impl Vocabulary {
    /// The seventeen standard labels in their published order.
    #[must_use]
    pub fn standard() -> Self {
        let entries = STANDARD
            .iter()
            .map(|(task, group)| (Task(Arc::from(*task)), Some(Task(Arc::from(*group)))))
            .collect();
        Self { entries }
    }

    /// A vocabulary of labels without groups.
    ///
    /// # Errors
    /// When there are fewer than two labels or one is named twice.
    pub fn new(tasks: impl IntoIterator<Item = Task>) -> Result<Self, VocabularyError> {
        Self::with_groups(tasks.into_iter().map(|task| (task, None)))
    }

    /// A vocabulary of labels with their groups.
    ///
    /// # Errors
    /// When there are fewer than two labels, one is named twice, or a group has a task's name.
    pub fn with_groups(
        entries: impl IntoIterator<Item = (Task, Option<Group>)>,
    ) -> Result<Self, VocabularyError> {
        let entries: Vec<_> = entries.into_iter().collect();
        if entries.len() < 2 {
            return Err(VocabularyError::TooFew { count: entries.len() });
        }
        for (i, (task, _)) in entries.iter().enumerate() {
            if entries[..i].iter().any(|(earlier, _)| earlier == task) {
                return Err(VocabularyError::Repeated { task: task.clone() });
            }
            if entries.iter().any(|(_, group)| group.as_ref() == Some(task)) {
                return Err(VocabularyError::GroupNamedLikeTask { task: task.clone() });
            }
        }
        Ok(Self { entries })
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never true: a vocabulary has at least two tasks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The tasks in output order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> {
        self.entries.iter().map(|(task, _)| task)
    }

    /// The task at `index` of the model's output.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Task> {
        self.entries.get(index).map(|(task, _)| task)
    }

    /// Where `name` stands in the model's output.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|(task, _)| task.as_str() == name)
    }

    /// The group of `task`, if it has one.
    #[must_use]
    pub fn group_of(&self, task: &Task) -> Option<&Group> {
        self.entries.iter().find(|(known, _)| known == task).and_then(|(_, group)| group.as_ref())
    }

    /// The groups in order of first appearance.
    #[must_use]
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = Vec::new();
        for group in self.entries.iter().filter_map(|(_, group)| group.as_ref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// The tasks of `group`, in output order.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Task> {
        self.entries
            .iter()
            .filter(move |(_, of)| of.as_ref().is_some_and(|of| of.as_str() == group))
            .map(|(task, _)| task)
    }

    /// The task or group whose name is closest to `name`, for error messages.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let groups = self.groups().into_iter().map(Task::as_str);
        nearest(name, self.tasks().map(Task::as_str).chain(groups))
    }
}

/// A list of labels that cannot serve as a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A classifier needs two classes to choose between.
    #[error("a vocabulary needs at least two tasks, this one has {count}")]
    TooFew {
        /// How many were given.
        count: usize,
    },
    /// One label was given twice.
    #[error("task `{task}` is listed twice")]
    Repeated {
        /// The label.
        task: Task,
    },
    /// A table could not tell the two apart.
    #[error("`{task}` is both a task and a group")]
    GroupNamedLikeTask {
        /// The name.
        task: Task,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_vocabulary_has_seventeen_tasks_in_five_groups() {
        let standard = Vocabulary::standard();
        assert_eq!(standard.len(), 17);
        let sizes: Vec<_> =
            standard.groups().iter().map(|g| (g.as_str(), standard.members(g.as_str()).count())).collect();
        assert_eq!(sizes, [("talk", 2), ("text", 6), ("create", 3), ("code", 3), ("think", 3)]);
        let again = Vocabulary::with_groups(standard.entries.clone()).expect("well formed");
        assert_eq!(again, standard);
    }

    #[test]
    fn order_is_the_order_of_the_output() {
        let standard = Vocabulary::standard();
        for (i, task) in standard.tasks().enumerate() {
            assert_eq!(standard.index_of(task.as_str()), Some(i));
            assert_eq!(standard.get(i), Some(task));
        }
    }

    #[test]
    fn bad_names_are_refused_with_the_rule() {
        for name in ["", "Math", "code-editing", "9lives", "a b", &"x".repeat(65)] {
            let error = Task::new(name).expect_err(name);
            assert!(error.to_string().contains("1-64 characters"), "{error}");
        }
        assert!(serde_json::from_str::<Task>("\"UPPER\"").is_err());
    }

    #[test]
    fn bad_vocabularies_are_refused() {
        let task = |name| Task::new(name).expect("well formed");
        assert_eq!(Vocabulary::new([task("one")]), Err(VocabularyError::TooFew { count: 1 }));
        assert_eq!(
            Vocabulary::new([task("one"), task("two"), task("one")]),
            Err(VocabularyError::Repeated { task: task("one") })
        );
        assert_eq!(
            Vocabulary::with_groups([(task("one"), Some(task("two"))), (task("two"), None)]),
            Err(VocabularyError::GroupNamedLikeTask { task: task("two") })
        );
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        assert_eq!(Vocabulary::standard().nearest("summarisation"), Some("summarization"));
        assert_eq!(Vocabulary::standard().nearest("thinking"), None);
        assert_eq!(Vocabulary::standard().nearest("thikn"), Some("think"));
    }
}
