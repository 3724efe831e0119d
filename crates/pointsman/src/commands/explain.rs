//! `pointsman explain`: every row that could match a prompt, and what would change the answer.

use anyhow::Result;
use pointsman_domain::{Labels, Task};
use serde_json::json;

use super::{Outcome, classify, route};
use crate::cli::{Global, PromptArgs};

pub(crate) fn run(args: &PromptArgs, global: &Global) -> Result<Outcome> {
    let routed = route::route(args, global)?;
    if global.json {
        let report = json!({ "labels": routed.row(), "explanation": routed.explanation });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!(
            "{}\nothers      {}\n",
            classify::describe(&routed.labels),
            others(&routed.labels)
        );
        anstream::println!("{}", routed.explanation.to_string().trim_end());
    }
    Ok(Outcome::Done)
}

/// The next best tasks with their probabilities.
fn others(labels: &Labels) -> String {
    const MOST: usize = 4;
    let mut others: Vec<&(Task, f32)> =
        labels.task_scores.iter().filter(|(task, _)| *task != labels.task).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let texts: Vec<String> =
        others.iter().take(MOST).map(|(task, score)| format!("{task} {score:.2}")).collect();
    if texts.is_empty() { "–".to_owned() } else { texts.join(", ") }
}
