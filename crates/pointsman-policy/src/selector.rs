//! Which labels a row is for, and which of several rows comes first.

use std::fmt;

use pointsman_domain::{Band, Group, Rule, Task, Vocabulary};

/// Whom a row is for: a task, a group of tasks, or any prompt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One task.
    Task(Task),
    /// Every task of a group.
    Group(Group),
    /// Every task, written `*`.
    Any,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(name) | Self::Group(name) => f.pad(name.as_str()),
            Self::Any => f.pad("*"),
        }
    }
}

/// The left side of a row: `math`, `code.hard`, `*.expert`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// Whom it is for.
    pub subject: Subject,
    /// The only band that it is for; all bands if none.
    pub band: Option<Band>,
}

impl Selector {
    /// All selectors that labels of this task and band meet, the most specific first:
    /// task.band, group.band, *.band, task, group, *.
    pub fn candidates(task: &Task, band: Band, vocabulary: &Vocabulary) -> impl Iterator<Item = Self> {
        let group = vocabulary.group_of(task).cloned().map(Subject::Group);
        let subjects: Vec<Subject> =
            [Some(Subject::Task(task.clone())), group, Some(Subject::Any)].into_iter().flatten().collect();
        let banded = subjects.clone().into_iter().map(move |subject| Self { subject, band: Some(band) });
        let bare = subjects.into_iter().map(|subject| Self { subject, band: None });
        banded.chain(bare)
    }

    /// Whether labels of this task and band meet the selector.
    #[must_use]
    pub fn meets(&self, task: &Task, band: Band, vocabulary: &Vocabulary) -> bool {
        let subject = match &self.subject {
            Subject::Task(own) => own == task,
            Subject::Group(own) => vocabulary.group_of(task) == Some(own),
            Subject::Any => true,
        };
        subject && self.band.is_none_or(|own| own == band)
    }

    /// The selector as decisions name it.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule(self.to_string())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.band {
            Some(band) => f.pad(&format!("{}.{band}", self.subject)),
            None => self.subject.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_comes_first() {
        let standard = Vocabulary::standard();
        let task = Task::new("code_editing").expect("well formed");
        let order: Vec<_> =
            Selector::candidates(&task, Band::Hard, &standard).map(|selector| selector.to_string()).collect();
        assert_eq!(order, ["code_editing.hard", "code.hard", "*.hard", "code_editing", "code", "*"]);
    }

    #[test]
    fn a_task_without_a_group_has_no_group_rows() {
        let task = Task::new("poetry").expect("well formed");
        let order: Vec<_> = Selector::candidates(&task, Band::Easy, &Vocabulary::standard())
            .map(|selector| selector.to_string())
            .collect();
        assert_eq!(order, ["poetry.easy", "*.easy", "poetry", "*"]);
    }

    #[test]
    fn candidates_are_the_selectors_that_are_met() {
        let standard = Vocabulary::standard();
        let tasks = standard.tasks().cloned().map(Subject::Task);
        let groups = standard.groups().into_iter().cloned().map(Subject::Group);
        let subjects: Vec<_> = tasks.chain(groups).chain([Subject::Any]).collect();
        let bands = [None].into_iter().chain(Band::ALL.map(Some));
        let all: Vec<_> = bands
            .flat_map(|band| subjects.iter().map(move |subject| Selector { subject: subject.clone(), band }))
            .collect();
        for task in standard.tasks() {
            for band in Band::ALL {
                let candidates: Vec<_> = Selector::candidates(task, band, &standard).collect();
                for selector in &all {
                    assert_eq!(
                        selector.meets(task, band, &standard),
                        candidates.contains(selector),
                        "{selector} {task} {band}"
                    );
                }
            }
        }
    }
}
