//! Labels from another data set's categories.

use std::collections::BTreeMap;

use pointsman_domain::Task;
use serde::Deserialize;

/// Which tasks are accepted for a row, by the value of one of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The column.
    pub field: String,
    /// Accepted tasks by value; none for values of which no task is known.
    pub accepted: BTreeMap<String, Vec<Task>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    field: String,
    accepted: BTreeMap<String, Vec<String>>,
}

impl Mapping {
    /// Reads a mapping from TOML: `field = "COLUMN"` and a table `[accepted]` with `VALUE = ["TASK", …]`.
    ///
    /// # Errors
    /// When the text is not such a table, or a task is no task name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: RawMapping = toml::from_str(text).map_err(|error| error.to_string())?;
        let task = |value: &str, name: &String| {
            Task::new(name).map_err(|error| format!("accepted.{value}: {error}"))
        };
        let mut accepted = BTreeMap::new();
        for (value, names) in raw.accepted {
            let tasks = names.iter().map(|name| task(&value, name)).collect::<Result<_, _>>()?;
            accepted.insert(value, tasks);
        }
        Ok(Self { field: raw.field, accepted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, RowErrorKind};

    #[test]
    fn categories_become_accepted_tasks() {
        let mapping = Mapping::parse(
            "field = \"scenario\"\n[accepted]\nadvice = [\"open_qa\", \"brainstorming\"]\nmath = [\"math\"]\nmixed = []\n",
        )
        .expect("valid");
        let rows = "{\"text\":\"a\",\"scenario\":\"advice\"}\n{\"text\":\"b\",\"scenario\":\"math\",\"task\":\"chat\"}\n\
                    {\"text\":\"c\",\"scenario\":\"mixed\"}\n{\"text\":\"d\",\"scenario\":\"new\"}\n{\"text\":\"e\"}\n";
        let dataset = Dataset::read_mapped(rows.as_bytes(), &mapping).expect("readable");
        let found: Vec<(Vec<&str>, Option<&str>, Option<&str>)> = dataset
            .items
            .iter()
            .map(|item| {
                let accepted = item.accepted.iter().map(Task::as_str).collect();
                (accepted, item.task.as_ref().map(Task::as_str), item.source.as_deref())
            })
            .collect();
        let expected = [
            (vec!["open_qa", "brainstorming"], None, Some("advice")),
            (vec!["math"], Some("math"), Some("math")),
            (vec![], None, Some("mixed")),
        ];
        assert_eq!(found, expected, "the mapping stands above the row's own label");
        let errors: Vec<_> =
            dataset.errors.iter().map(|error| (error.kind, error.message.as_str())).collect();
        let kind = RowErrorKind::BadValue;
        assert_eq!(
            errors,
            [
                (kind, "`scenario` is `new`, which the mapping does not name"),
                (kind, "the mapping needs `scenario`")
            ]
        );
    }

    #[test]
    fn the_published_mapping_names_standard_tasks() {
        let text = include_str!("../../../../datasets/mappings/autoj.toml");
        let mapping = Mapping::parse(text).expect("valid");
        assert_eq!(mapping.accepted.len(), 59, "Auto-J has 58 scenarios and a default");
        let standard = pointsman_domain::Vocabulary::standard();
        for task in mapping.accepted.values().flatten() {
            assert!(standard.index_of(task.as_str()).is_some(), "{task}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("field = \"f\"\n", "missing field `accepted`"),
            ("field = \"f\"\n[accepted]\na = [\"No Task\"]\n", "accepted.a: `No Task` is not a task name"),
            ("field = \"f\"\nmore = 1\n[accepted]\n", "unknown field `more`"),
        ] {
            let error = Mapping::parse(text).expect_err(message);
            assert!(error.contains(message), "{error}");
        }
    }
}
