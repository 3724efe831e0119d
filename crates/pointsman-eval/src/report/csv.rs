//! One line for each item, for spreadsheets and for comparing two runs line by line.

use std::borrow::Cow;

use pointsman_domain::{Labels, Task};

use crate::dataset::Item;

/// The columns.
const HEADER: &str = "id,line,task,accepted,predicted,correct,confidence,runner_up,abstained,band,tokens,language,source,split";

/// CSV (RFC 4180, but for plain line feeds) with one line for each item, in order. `accepted` separates labels by
/// spaces; `correct` is empty where nothing is accepted. Texts of prompts are not in it.
#[must_use]
pub fn items_csv(items: &[Item], labels: &[Labels]) -> String {
    let lines = items.iter().zip(labels).map(|(item, labels)| line(item, labels));
    std::iter::once(HEADER.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

fn line(item: &Item, labels: &Labels) -> String {
    let accepted: Vec<&str> = item.accepted.iter().map(Task::as_str).collect();
    let correct = if accepted.is_empty() {
        ""
    } else if item.accepts(&labels.task) {
        "1"
    } else {
        "0"
    };
    let fields = [
        item.id.clone(),
        item.line.to_string(),
        item.task.as_ref().map(Task::to_string).unwrap_or_default(),
        accepted.join(" "),
        labels.task.to_string(),
        correct.to_owned(),
        format!("{:.4}", labels.task_confidence),
        labels.runner_up().map(|(task, _)| task.to_string()).unwrap_or_default(),
        labels.abstained.map(|reason| reason.to_string()).unwrap_or_default(),
        labels.band.to_string(),
        labels.tokens.to_string(),
        item.language.clone().unwrap_or_default(),
        item.source.clone().unwrap_or_default(),
        item.split.clone().unwrap_or_default(),
    ];
    fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",")
}

pub(super) fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}
