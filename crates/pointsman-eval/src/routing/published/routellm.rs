//! RouteLLM's evaluation answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{item, lines, object, outcome, quality};
use crate::outcomes::Item;

/// A table of `prompt` and one column for each model; columns without verdicts, such as answers, are passed over.
pub(super) fn table(bytes: &[u8], source: &str) -> Result<Vec<Item>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = header.iter().position(|name| name == "prompt").ok_or("there is no column `prompt`")?;
    let records: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let verdicts = |i: &usize| records.iter().all(|record| quality(&record[*i]).is_some());
    let unnamed = |i: &usize| header[*i].is_empty() || header[*i].starts_with("Unnamed");
    let models: Vec<(usize, Arc<str>)> = (0..header.len())
        .filter(|i| *i != column && !unnamed(i) && verdicts(i))
        .map(|i| (i, Arc::from(&header[i])))
        .collect();
    if models.is_empty() {
        return Err("no column holds `True` and `False` alone, so no model has verdicts".to_owned());
    }
    let items = records.iter().enumerate().filter_map(|(i, record)| {
        let outcomes = models
            .iter()
            .filter_map(|(column, name)| Some((Arc::clone(name), outcome(quality(&record[*column])?, None))));
        // The MMLU subject is in the file's name alone.
        item(
            format!("{source}-{}", i + 1),
            family(source),
            Some(source.to_owned()),
            &record[column],
            outcomes.collect(),
        )
    });
    Ok(items.collect())
}

/// `mmlu` of `mmlu_anatomy`, `gsm8k` of `gsm8k_responses`.
fn family(source: &str) -> String {
    source.split('_').next().unwrap_or(source).to_owned()
}

/// The prompts that RouteLLM's authors leave out because their training data holds them.
pub(super) fn contaminated(bytes: &[u8]) -> Result<Vec<String>, String> {
    lines(bytes)
        .map(|(line, text)| {
            let row = object(line, text)?;
            let prompt = row.get("eval_prompt").and_then(Value::as_str);
            prompt.map(str::to_owned).ok_or_else(|| format!("line {line} has no `eval_prompt`"))
        })
        .collect()
}

/// Questions and judgements of MT-Bench, which are in files of their own.
#[derive(Debug, Default)]
pub(super) struct MtBench {
    /// Id, source, category and first turn.
    questions: Vec<(u64, String, Option<String>, String)>,
    /// By question and model: sum of the scores and their number.
    scores: HashMap<u64, BTreeMap<Arc<str>, (f64, u32)>>,
}

impl MtBench {
    pub(super) fn questions(&mut self, bytes: &[u8], source: &str) -> Result<(), String> {
        for (line, text) in lines(bytes) {
            let row = object(line, text)?;
            let id = row.get("question_id").and_then(Value::as_u64);
            let turn = row.get("turns").and_then(|turns| turns.get(0)).and_then(Value::as_str);
            let (Some(id), Some(turn)) = (id, turn) else {
                return Err(format!("line {line} needs `question_id` and `turns`"));
            };
            let category = row.get("category").and_then(Value::as_str).map(str::to_owned);
            self.questions.push((id, source.to_owned(), category, turn.to_owned()));
        }
        Ok(())
    }

    /// A judgement's score is 1 to 10; it becomes 0.1 to 1, the mean over the turns.
    pub(super) fn judgements(&mut self, bytes: &[u8]) -> Result<(), String> {
        for (line, text) in lines(bytes) {
            let row = object(line, text)?;
            let id = row.get("question_id").and_then(Value::as_u64);
            let model = row.get("model").and_then(Value::as_str);
            let score = row.get("score").and_then(Value::as_f64).filter(|score| (0.0..=10.0).contains(score));
            let (Some(id), Some(model), Some(score)) = (id, model, score) else {
                return Err(format!("line {line} needs `question_id`, `model` and a `score` from 1 to 10"));
            };
            let sum = self.scores.entry(id).or_default().entry(model.into()).or_default();
            *sum = (sum.0 + score / 10.0, sum.1 + 1);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> impl Iterator<Item = Item> {
        self.questions.into_iter().filter_map(move |(id, source, category, text)| {
            let scores = self.scores.remove(&id)?;
            let mean = |(model, (sum, count))| (model, outcome(sum / f64::from(count), None));
            item(format!("{source}-{id}"), source, category, &text, scores.into_iter().map(mean).collect())
        })
    }
}
