//! Labels as the command line and the HTTP API print them.

use pointsman_domain::{AbstainReason, Band, Labels, Task};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One line of output: the fields below in this order, floats rounded to four decimals.
///
/// `id` is whatever the input row carried, a string or a number; without one the field is left out.
#[derive(Debug, Clone, Serialize)]
pub struct LabelsRow<'a, Id> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    task: &'a Task,
    task_confidence: f64,
    task_scores: Scores<'a>,
    difficulty: f64,
    ability: f64,
    band: Band,
    abstained: bool,
    abstain_reason: Option<AbstainReason>,
    tokens: u32,
    tokens_seen: u32,
    truncated: bool,
}

impl<'a, Id: Serialize> LabelsRow<'a, Id> {
    /// The row for `labels`.
    pub fn new(id: Option<Id>, labels: &'a Labels) -> Self {
        Self {
            id,
            task: &labels.task,
            task_confidence: rounded(labels.task_confidence),
            task_scores: Scores(&labels.task_scores),
            difficulty: rounded(labels.difficulty.value()),
            ability: rounded(labels.ability.0),
            band: labels.band,
            abstained: labels.abstained.is_some(),
            abstain_reason: labels.abstained,
            tokens: labels.tokens.0,
            tokens_seen: labels.tokens_seen.0,
            truncated: labels.truncated(),
        }
    }
}

/// Probabilities as an object in the vocabulary's order.
#[derive(Debug, Clone)]
struct Scores<'a>(&'a [(Task, f32)]);

impl Serialize for Scores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (task, score) in self.0 {
            map.serialize_entry(task, &rounded(*score))?;
        }
        map.end()
    }
}

/// Four decimals; a negative zero becomes zero.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4 + 0.0
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Ability, Difficulty, TokenCount};

    use super::*;

    fn labels(abstained: Option<AbstainReason>) -> Labels {
        let task = |name| Task::new(name).expect("well formed");
        let ability = Ability(-0.000_01);
        Labels {
            task: task("math"),
            task_confidence: 0.666_66,
            task_scores: vec![(task("reasoning"), 0.333_34), (task("math"), 0.666_66)],
            difficulty: Difficulty::from_ability(ability),
            ability,
            ability_sd: 0.5,
            band: Band::Medium,
            band_confidence: 0.9,
            abstained,
            tokens: TokenCount(300),
            tokens_seen: TokenCount(256),
        }
    }

    #[test]
    fn fields_have_their_published_order() {
        let json = |id, labels: &Labels| {
            serde_json::to_string_pretty(&LabelsRow::<&str>::new(id, labels)).expect("serialises")
        };
        insta::assert_snapshot!(json(Some("a1"), &labels(None)));
        insta::assert_snapshot!(json(None, &labels(Some(AbstainReason::LowConfidence))));
    }

    #[test]
    fn any_kind_of_id_is_kept() {
        let id: serde_json::Value = serde_json::json!(7);
        let row = serde_json::to_value(LabelsRow::new(Some(&id), &labels(None))).expect("serialises");
        assert_eq!(row["id"], 7);
    }
}
