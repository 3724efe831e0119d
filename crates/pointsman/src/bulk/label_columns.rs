//! Labels as columns.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float32Builder, Int32Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType, Field, Fields, Schema};
use pointsman_domain::Vocabulary;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::row::RowError;

/// Columns that are added, as they are named in JSON.
const NAMES: [&str; 12] = [
    "task",
    "task_confidence",
    "task_scores",
    "difficulty",
    "ability",
    "band",
    "abstained",
    "abstain_reason",
    "tokens",
    "tokens_seen",
    "truncated",
    "error",
];

/// The names of all columns that are added.
pub(super) fn names(prefix: &str) -> Vec<String> {
    NAMES.iter().map(|name| format!("{prefix}{name}")).collect()
}

/// The columns. All may be null: a row that could not be labelled has an error alone, and others have none.
pub(super) fn schema(prefix: &str, vocabulary: &Vocabulary, with_id: bool) -> Schema {
    let kinds = [
        DataType::Utf8,
        DataType::Float32,
        DataType::Struct(score_fields(vocabulary)),
        DataType::Float32,
        DataType::Float32,
        DataType::Utf8,
        DataType::Boolean,
        DataType::Utf8,
        DataType::Int32,
        DataType::Int32,
        DataType::Boolean,
        DataType::Struct(error_fields()),
    ];
    let id = with_id.then(|| Field::new("id", DataType::Utf8, true));
    let labels = names(prefix).into_iter().zip(kinds).map(|(name, kind)| Field::new(name, kind, true));
    Schema::new(id.into_iter().chain(labels).collect::<Vec<_>>())
}

fn score_fields(vocabulary: &Vocabulary) -> Fields {
    vocabulary.tasks().map(|task| Field::new(task.as_str(), DataType::Float32, true)).collect()
}

fn error_fields() -> Fields {
    let text = |name| Field::new(name, DataType::Utf8, true);
    [text("kind"), text("message"), Field::new("line", DataType::Int64, true)].into_iter().collect()
}

/// A line of the part file.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    id: Value,
    task: Option<String>,
    task_confidence: Option<f32>,
    task_scores: Option<Scores>,
    difficulty: Option<f32>,
    ability: Option<f32>,
    band: Option<String>,
    abstained: Option<bool>,
    abstain_reason: Option<String>,
    tokens: Option<u32>,
    tokens_seen: Option<u32>,
    truncated: Option<bool>,
    error: Option<RowError>,
}

/// The values of an object, in its order, which is the vocabulary's.
#[derive(Debug)]
struct Scores(Vec<f32>);

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scores by task")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scores, A::Error> {
                let mut values = Vec::with_capacity(map.size_hint().unwrap_or(17));
                while let Some((IgnoredAny, value)) = map.next_entry()? {
                    values.push(value);
                }
                Ok(Scores(values))
            }
        }

        deserializer.deserialize_map(Values)
    }
}

/// Answers that become arrays.
pub(super) struct Columns {
    id: Option<StringBuilder>,
    task: StringBuilder,
    confidence: Float32Builder,
    scores: Vec<Float32Builder>,
    scored: NullBufferBuilder,
    score_fields: Fields,
    difficulty: Float32Builder,
    ability: Float32Builder,
    band: StringBuilder,
    abstained: BooleanBuilder,
    reason: StringBuilder,
    tokens: Int32Builder,
    tokens_seen: Int32Builder,
    truncated: BooleanBuilder,
    error: (StringBuilder, StringBuilder, Int64Builder),
    failed: NullBufferBuilder,
}

impl Columns {
    pub(super) fn new(vocabulary: &Vocabulary, with_id: bool) -> Self {
        let score_fields = score_fields(vocabulary);
        Self {
            id: with_id.then(StringBuilder::new),
            task: StringBuilder::new(),
            confidence: Float32Builder::new(),
            scores: score_fields.iter().map(|_| Float32Builder::new()).collect(),
            scored: NullBufferBuilder::new(0),
            score_fields,
            difficulty: Float32Builder::new(),
            ability: Float32Builder::new(),
            band: StringBuilder::new(),
            abstained: BooleanBuilder::new(),
            reason: StringBuilder::new(),
            tokens: Int32Builder::new(),
            tokens_seen: Int32Builder::new(),
            truncated: BooleanBuilder::new(),
            error: Default::default(),
            failed: NullBufferBuilder::new(0),
        }
    }

    pub(super) fn push(&mut self, answer: Answer) {
        if let Some(ids) = &mut self.id {
            ids.append_option(match answer.id {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            });
        }
        self.task.append_option(answer.task);
        self.confidence.append_option(answer.task_confidence);
        self.scored.append(answer.task_scores.is_some());
        for (at, scores) in self.scores.iter_mut().enumerate() {
            scores.append_option(answer.task_scores.as_ref().and_then(|scores| scores.0.get(at).copied()));
        }
        self.difficulty.append_option(answer.difficulty);
        self.ability.append_option(answer.ability);
        self.band.append_option(answer.band);
        self.abstained.append_option(answer.abstained);
        self.reason.append_option(answer.abstain_reason);
        let count = |tokens: Option<u32>| tokens.map(|tokens| i32::try_from(tokens).unwrap_or(i32::MAX));
        self.tokens.append_option(count(answer.tokens));
        self.tokens_seen.append_option(count(answer.tokens_seen));
        self.truncated.append_option(answer.truncated);
        self.failed.append(answer.error.is_some());
        let (kind, message, line) = match answer.error {
            Some(error) => (Some(error.kind), Some(error.message), i64::try_from(error.line).ok()),
            None => (None, None, None),
        };
        self.error.0.append_option(kind);
        self.error.1.append_option(message);
        self.error.2.append_option(line);
    }

    /// The arrays of everything that was pushed since the last time, in the order of [`schema`].
    pub(super) fn take(&mut self) -> Vec<ArrayRef> {
        let scores = self.scores.iter_mut().map(|scores| Arc::new(scores.finish()) as ArrayRef).collect();
        let scores = StructArray::new(self.score_fields.clone(), scores, self.scored.finish());
        let (kind, message, line) = &mut self.error;
        let error: Vec<ArrayRef> =
            vec![Arc::new(kind.finish()), Arc::new(message.finish()), Arc::new(line.finish())];
        let error = StructArray::new(error_fields(), error, self.failed.finish());
        let id = self.id.as_mut().map(|ids| Arc::new(ids.finish()) as ArrayRef);
        let labels: [ArrayRef; 12] = [
            Arc::new(self.task.finish()),
            Arc::new(self.confidence.finish()),
            Arc::new(scores),
            Arc::new(self.difficulty.finish()),
            Arc::new(self.ability.finish()),
            Arc::new(self.band.finish()),
            Arc::new(self.abstained.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.tokens.finish()),
            Arc::new(self.tokens_seen.finish()),
            Arc::new(self.truncated.finish()),
            Arc::new(error),
        ];
        id.into_iter().chain(labels).collect()
    }
}
