//! Prompts that got a wrong label.

use pointsman_domain::Task;
use serde::{Deserialize, Serialize};

use super::Answer;

/// A prompt with a wrong label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The item.
    pub id: String,
    /// Its line in the data set, from 1.
    pub line: usize,
    /// Labels that would have been right.
    pub accepted: Vec<Task>,
    /// The label that it got.
    pub predicted: Task,
    /// Probability that the classifier gave it, 0–1.
    pub confidence: f64,
    /// The beginning of the prompt, where texts may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// How many mistakes a report shows.
const MISTAKES: usize = 20;

/// Characters of a prompt that an excerpt shows.
const EXCERPT: usize = 160;

/// The mistakes that the classifier was surest of, the surest first.
pub(super) fn surest(answers: &[Answer<'_>]) -> Vec<Mistake> {
    let mut wrong: Vec<&Answer<'_>> = answers.iter().filter(|answer| !answer.correct()).collect();
    wrong.sort_by(|a, b| b.labels.task_confidence.total_cmp(&a.labels.task_confidence));
    let mistake = |answer: &&Answer<'_>| Mistake {
        id: answer.item.id.clone(),
        line: answer.item.line,
        accepted: answer.item.accepted.clone(),
        predicted: answer.labels.task.clone(),
        confidence: f64::from(answer.labels.task_confidence),
        excerpt: None,
    };
    wrong.iter().take(MISTAKES).map(mistake).collect()
}

/// The beginning of `text` on one line.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
