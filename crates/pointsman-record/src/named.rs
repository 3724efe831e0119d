//! Requests that named their model, and what a file of records may hold.

use std::borrow::Cow;

use pointsman_domain::ModelId;
use serde::{Deserialize, Serialize};

use crate::record::{Answered, Record};

/// Version of the form of a [`NamedRecord`]. A reader accepts its own version and older ones.
pub const NAMED_VERSION: u32 = 1;

/// A request that named its model, so that nothing was decided for it: who asked and was asked, and what that took and cost.
///
/// It is written once its answer has ended. As JSON it has a field `rule` that is [`NamedRecord::RULE`]; a [`Record`] has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename = "named")]
pub struct NamedRecord {
    /// [`NAMED_VERSION`] of the writer.
    pub version: u32,
    /// Tells it from others.
    pub id: String,
    /// When the request came, in microseconds since 1970-01-01T00:00Z.
    pub time_us: u64,
    /// Path of the request, such as `/v1/embeddings`.
    pub endpoint: Cow<'static, str>,
    /// Who asked: the name of the client's key, where the configuration has keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is counted as: the user's name for the model, else its provider with `/*`.
    pub model: String,
    /// The model, its name shortened if it is very long.
    pub target: ModelId,
    /// How the request was answered.
    pub answered: Answered,
}

impl NamedRecord {
    /// What stands where a decision has the row that it followed.
    pub const RULE: &'static str = "named";
}

/// What was recorded of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A decision.
    Decided(Box<Record>),
    /// That it named its model.
    Named(Box<NamedRecord>),
}

impl Entry {
    /// When the decision was made, or the request came, in microseconds since 1970-01-01T00:00Z.
    #[must_use]
    pub fn time_us(&self) -> u64 {
        match self {
            Self::Decided(record) => record.time_us,
            Self::Named(record) => record.time_us,
        }
    }
}

impl From<Record> for Entry {
    fn from(record: Record) -> Self {
        Self::Decided(Box::new(record))
    }
}

impl From<NamedRecord> for Entry {
    fn from(record: NamedRecord) -> Self {
        Self::Named(Box::new(record))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::jsonl::tests::{answered, record};
    use crate::{read, read_all, write, write_named};

    /// A record with something in every field.
    pub(crate) fn named() -> NamedRecord {
        NamedRecord {
            version: NAMED_VERSION,
            id: "019aa3c0-0000-7000-8000-000000000002".to_owned(),
            time_us: 1_763_700_000_000_000,
            endpoint: "/v1/embeddings".into(),
            key: Some("ann".to_owned()),
            model: "openai/*".to_owned(),
            target: ModelId::parse("openai/gpt-5").expect("valid"),
            answered: answered(),
        }
    }

    #[test]
    fn both_kinds_of_lines_are_told_apart() {
        let bare = NamedRecord { key: None, ..named() };
        let mut file = Vec::new();
        write(&mut file, &record()).expect("written");
        write_named(&mut file, &named()).expect("written");
        write_named(&mut file, &bare).expect("written");
        let text = String::from_utf8(file.clone()).expect("text");
        let second = text.lines().nth(1).expect("a line");
        assert!(second.starts_with("{\"rule\":\"named\",\"version\":1,"), "{second}");
        assert!(!second.contains("labels"), "nothing was decided: {second}");
        let back: Vec<Entry> = read_all(file.as_slice()).collect::<Result<_, _>>().expect("readable");
        assert_eq!(back, [record().into(), named().into(), bare.into()]);
        let decided: Vec<Record> = read(file.as_slice()).collect::<Result<_, _>>().expect("readable");
        assert_eq!(decided, [record()]);
    }

    /// One line from each version that ever was. A new version adds a line and changes none.
    #[test]
    fn named_requests_of_older_versions_are_read() {
        let old = include_bytes!("../tests/fixtures/named.jsonl").as_slice();
        let entries: Vec<Entry> = read_all(old).collect::<Result<_, _>>().expect("readable");
        assert_eq!(entries, [named().into()]);
    }

    #[test]
    fn a_newer_or_torn_line_is_no_entry() {
        let lines = "{\"rule\":\"named\",\"version\":2}\n{\"rule\":\"named\",\"version\":1}\n";
        let said: Vec<String> =
            read_all(lines.as_bytes()).map(|entry| entry.expect_err("unreadable").to_string()).collect();
        assert!(said[0].starts_with("line 1: record version 2 is newer"), "{said:?}");
        assert!(said[0].contains("up to 1;") && said[1].starts_with("line 2: not a record"), "{said:?}");
    }
}
