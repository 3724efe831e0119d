//! RouterBench's table of scores and costs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{item, lines, object, outcome, quality, quality_of};
use crate::outcomes::{Item, Outcome};

/// What follows a model's name in the column of its costs.
pub(super) const COST: &str = "|total_cost";

pub(super) fn table(bytes: &[u8]) -> Result<Vec<Item>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let find = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| find(name).ok_or_else(|| format!("there is no column `{name}`"));
    let (id, prompt, eval) = (needed("sample_id")?, needed("prompt")?, needed("eval_name")?);
    let models: Vec<(Arc<str>, usize, usize)> = header
        .iter()
        .enumerate()
        .filter_map(|(cost, name)| {
            let model = name.strip_suffix(COST)?;
            Some((Arc::from(model), find(model)?, cost))
        })
        .collect();
    if models.is_empty() {
        return Err(format!("no model has both a column of scores and one `MODEL{COST}`"));
    }
    let mut items = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let outcomes = models.iter().filter_map(|(name, score, cost)| {
            Some((Arc::clone(name), outcome(quality(&record[*score])?, record[*cost].trim().parse().ok())))
        });
        items.extend(made(&record[id], &record[prompt], &record[eval], outcomes.collect()));
    }
    Ok(items)
}

pub(super) fn rows(bytes: &[u8]) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for (line, text) in lines(bytes) {
        let row = object(line, text)?;
        let needed = |name: &str| {
            let found = row.get(name).and_then(Value::as_str);
            found.ok_or_else(|| format!("line {line} needs `{name}`, a string"))
        };
        let outcomes = row.iter().filter_map(|(key, cost)| {
            let model = key.strip_suffix(COST)?;
            Some((Arc::from(model), outcome(quality_of(row.get(model)?)?, cost.as_f64())))
        });
        items.extend(made(needed("sample_id")?, needed("prompt")?, needed("eval_name")?, outcomes.collect()));
    }
    Ok(items)
}

fn made(id: &str, prompt: &str, eval: &str, outcomes: BTreeMap<Arc<str>, Outcome>) -> Option<Item> {
    item(id.to_owned(), "routerbench".to_owned(), Some(eval.to_owned()), &first_of_list(prompt), outcomes)
}

/// The first string of a Python list of strings, in which RouterBench keeps the turns of a prompt; other text as it is.
fn first_of_list(text: &str) -> Cow<'_, str> {
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let Some((quote @ ('\'' | '"'), rest)) = inner.and_then(|inner| {
        let mut chars = inner.chars();
        Some((chars.next()?, chars.as_str()))
    }) else {
        return Cow::Borrowed(text);
    };
    let mut first = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Cow::Owned(first),
            '\\' => match chars.next() {
                Some('n') => first.push('\n'),
                Some('t') => first.push('\t'),
                Some('r') => first.push('\r'),
                Some(c @ ('\\' | '\'' | '"')) => first.push(c),
                other => first.extend(['\\'].into_iter().chain(other)),
            },
            c => first.push(c),
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::first_of_list;

    #[test]
    fn the_first_turn_of_a_python_list_is_the_prompt() {
        for (text, first) in [
            (r"['It\'s\n2 + 2', 'and 3?']", "It's\n2 + 2"),
            (r#"["say 'hi' \\ \d"]"#, r"say 'hi' \ \d"),
            ("plain [text]", "plain [text]"),
            ("['no end]", "['no end]"),
            ("[1, 2]", "[1, 2]"),
            ("[]", "[]"),
        ] {
            assert_eq!(first_of_list(text), first);
        }
    }
}
