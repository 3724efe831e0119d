//! Records as JSON lines.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::named::{Entry, NAMED_VERSION, NamedRecord};
use crate::record::{Record, VERSION};

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    kind: ReadErrorKind,
}

#[derive(Debug, thiserror::Error)]
enum ReadErrorKind {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not a record: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "record version {version} is newer than this program, which reads up to {known}; update pointsman"
    )]
    Newer { version: u32, known: u32 },
}

/// Appends the record of a decision and ends the line.
///
/// # Errors
/// When the writer fails.
pub fn write(writer: impl Write, record: &Record) -> io::Result<()> {
    write_line(writer, record)
}

/// Appends the record of a request that named its model and ends the line.
///
/// # Errors
/// When the writer fails.
pub fn write_named(writer: impl Write, record: &NamedRecord) -> io::Result<()> {
    write_line(writer, record)
}

fn write_line(mut writer: impl Write, record: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    writer.write_all(&line)
}

/// The decisions of a file, in order, without the requests that named their model. A line that is no record is an error in its
/// place; reading goes on after it.
pub fn read(reader: impl BufRead) -> impl Iterator<Item = Result<Record, ReadError>> {
    read_all(reader).filter_map(|entry| match entry {
        Ok(Entry::Decided(record)) => Some(Ok(*record)),
        Ok(Entry::Named(_)) => None,
        Err(error) => Some(Err(error)),
    })
}

/// The records of a file, of both kinds, in order. A line that is no record is an error in its place; reading goes on after it.
pub fn read_all(reader: impl BufRead) -> impl Iterator<Item = Result<Entry, ReadError>> {
    reader
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.as_ref().is_ok_and(|line| line.trim().is_empty()))
        .map(|(i, line)| {
            line.map_err(ReadErrorKind::from)
                .and_then(|line| parse(&line))
                .map_err(|kind| ReadError { line: i + 1, kind })
        })
}

fn parse(line: &str) -> Result<Entry, ReadErrorKind> {
    /// What tells the forms apart.
    #[derive(Deserialize)]
    struct Form {
        version: u32,
        #[serde(default)]
        rule: Option<String>,
    }
    let Form { version, rule } = serde_json::from_str(line)?;
    let is_named = rule.as_deref() == Some(NamedRecord::RULE);
    let known = if is_named { NAMED_VERSION } else { VERSION };
    if version > known {
        return Err(ReadErrorKind::Newer { version, known });
    }
    Ok(if is_named {
        Entry::Named(serde_json::from_str(line)?)
    } else {
        Entry::Decided(serde_json::from_str(line)?)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use pointsman_domain::{
        Ability, AbstainReason, Band, Decision, DecisionReason, Difficulty, Labels, ModelId, ModelName,
        RequestFacts, Rule, Task, TokenCount, TokenUsage, Usd,
    };

    use super::*;
    use crate::record::{Answered, Attempt, End, Feedback};

    /// How a request was answered by its second model.
    pub(crate) fn answered() -> Answered {
        let attempt = |model: &str, status, error: Option<&'static str>| Attempt {
            model: ModelName::new(model),
            target: ModelId::parse("openai/gpt-5").expect("valid"),
            status,
            error: error.map(Into::into),
            head_us: 250_000,
        };
        Answered {
            attempts: vec![
                attempt("strong", None, Some("upstream_unreachable")),
                attempt("mid", Some(200), None),
            ],
            end: End::Whole,
            first_bytes_us: Some(260_000),
            total_us: 1_900_000,
            usage: Some(TokenUsage { input: TokenCount(14), output: TokenCount(7), ..TokenUsage::default() }),
            cost: Some(Usd(0.000_087_5)),
        }
    }

    /// A record with something in every field.
    pub(crate) fn record() -> Record {
        let task = Task::new("math").expect("well formed");
        Record {
            version: VERSION,
            id: "019aa3c0-0000-7000-8000-000000000000".to_owned(),
            time_us: 1_763_700_000_000_000,
            endpoint: "/v1/chat/completions".into(),
            key: Some("ann".to_owned()),
            table: "auto".to_owned(),
            table_hash: "ab".repeat(32),
            classifier: "pointsman-small 0.1.0".to_owned(),
            classifier_hash: "cd".repeat(32),
            facts: RequestFacts { input_tokens: TokenCount(12), ..RequestFacts::default() },
            unhealthy_until_us: [(ModelName::new("cheap"), 1_763_700_001_000_000)].into(),
            labels: Labels {
                task: task.clone(),
                task_confidence: 0.123_456_79,
                task_scores: vec![(task, 0.123_456_79)],
                difficulty: Difficulty::from_ability(Ability(0.1)),
                ability: Ability(0.1),
                ability_sd: 0.7,
                band: Band::Hard,
                band_confidence: 1.0 / 3.0,
                abstained: Some(AbstainReason::LowConfidence),
                tokens: TokenCount(12),
                tokens_seen: TokenCount(12),
            },
            decision: Decision {
                model: ModelName::new("strong"),
                target: ModelId::parse("openai/gpt-5").expect("valid"),
                fallbacks: vec![ModelName::new("mid")],
                rule: Rule("unsure".to_owned()),
                reason: DecisionReason::Abstained(AbstainReason::LowConfidence),
                skipped: Vec::new(),
                candidates: Vec::new(),
            },
            queue_us: 90,
            classify_us: 700,
            overhead_us: 812,
            prompt: Some(crate::StoredPrompt::Redacted("Aaaa 0".to_owned())),
            answered: Some(answered()),
            feedback: Some(Feedback { score: 0.1, time_us: 1_763_700_009_000_000 }),
        }
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        let mut file = Vec::new();
        write(&mut file, &record()).and_then(|()| write(&mut file, &record())).expect("written");
        let back: Vec<Record> = read(file.as_slice()).collect::<Result<_, _>>().expect("readable");
        assert_eq!(back, [record(), record()]);
    }

    #[test]
    fn the_form_of_version_3_is_fixed() {
        insta::assert_json_snapshot!(record());
    }

    /// One line from each version that ever was. A new version adds a line and changes none.
    #[test]
    fn records_of_older_versions_are_read() {
        let old = include_bytes!("../tests/fixtures/records.jsonl").as_slice();
        let records: Vec<Record> = read(old).collect::<Result<_, _>>().expect("readable");
        assert_eq!(records.iter().map(|record| record.version).collect::<Vec<_>>(), [1, 2, 3]);
        let labels = Labels { ability_sd: 0.0, ..record().labels };
        let first = Record {
            version: 1,
            key: None,
            labels,
            endpoint: "".into(),
            classifier_hash: String::new(),
            unhealthy_until_us: [].into(),
            queue_us: 0,
            classify_us: 0,
            prompt: None,
            answered: None,
            feedback: None,
            ..record()
        };
        let second = Record { version: 2, key: None, ..record() };
        assert_eq!(records, [first, second, record()]);
    }

    #[test]
    fn torn_foreign_and_newer_lines_are_named_and_passed_over() {
        let mut file = b"{\"version\":1,\"id\":\n\n{\"version\":99}\nplain text\n".to_vec();
        write(&mut file, &record()).expect("written");
        let results: Vec<Result<Record, String>> =
            read(file.as_slice()).map(|result| result.map_err(|error| error.to_string())).collect();
        assert_eq!(results.len(), 4);
        assert!(results[0].as_ref().is_err_and(|e| e.starts_with("line 1: not a record")));
        assert!(results[1].as_ref().is_err_and(|e| e.contains("line 3: record version 99 is newer")));
        assert!(results[2].as_ref().is_err_and(|e| e.starts_with("line 4: not a record")));
        assert_eq!(results[3].as_ref(), Ok(&record()));
    }
}
