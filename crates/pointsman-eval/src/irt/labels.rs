//! Labels of Pointsman for the tasks of public records.

use std::collections::BTreeMap;

use pointsman_domain::{Task, Vocabulary};

/// The table that comes with the program.
const BUILT_IN: &str = include_str!("../../data/source-tasks.toml");

/// Which label a source's own name of a task stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTasks {
    labels: BTreeMap<String, Task>,
    standard: Vocabulary,
}

impl SourceTasks {
    /// The table for the public records of outcomes.
    ///
    /// # Errors
    /// Never, unless the built-in table is at fault, which a test checks.
    pub fn built_in() -> Result<Self, toml::de::Error> {
        Ok(Self { labels: toml::from_str(BUILT_IN)?, standard: Vocabulary::standard() })
    }

    /// The label of a source's task: the entry of its whole name, or of its longest part up to a colon; standard
    /// labels stand for themselves.
    #[must_use]
    pub fn label(&self, task: &str) -> Option<&Task> {
        let mut name = task;
        loop {
            if let Some(label) = self.labels.get(name) {
                return Some(label);
            }
            match name.rsplit_once(':') {
                Some((prefix, _)) => name = prefix,
                None => return self.standard.get(self.standard.index_of(task)?),
            }
        }
    }

    /// The group of a label.
    #[must_use]
    pub fn group(&self, label: &Task) -> Option<&Task> {
        self.standard.group_of(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_standard_label_and_the_longest_match_counts() {
        let tasks = SourceTasks::built_in().expect("valid");
        for (name, label) in &tasks.labels {
            assert!(tasks.standard.index_of(label.as_str()).is_some(), "{name} = {label}");
        }
        for (task, label) in [
            ("algorithmic:spell_backward", Some("reasoning")),
            ("algorithmic:count_primes", Some("math")),
            ("tool_use:java", Some("planning")),
            ("translation", Some("translation")),
            ("mmlu-pro:law", None),
            ("", None),
        ] {
            assert_eq!(tasks.label(task).map(Task::as_str), label, "{task}");
        }
        let math = tasks.label("gsm8k").expect("listed");
        assert_eq!(tasks.group(math).map(Task::as_str), Some("think"));
    }
}
