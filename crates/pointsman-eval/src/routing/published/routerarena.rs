//! RouterArena's prediction files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{item, lines, object, outcome, quality_of};
use crate::outcomes::{Item, Outcome};

/// Answers of several models, from one file or many, joined by `global index`.
#[derive(Debug, Default)]
pub(super) struct Arena {
    places: HashMap<String, usize>,
    /// Index, prompt and outcomes.
    prompts: Vec<(String, String, BTreeMap<Arc<str>, Outcome>)>,
}

impl Arena {
    /// Adds a list, or lines, of predictions. Those that were not evaluated (`accuracy` is null) are passed over.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let predictions: Vec<Map<String, Value>> = if bytes.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(bytes).map_err(|error| format!("not a JSON list of objects: {error}"))?
        } else {
            lines(bytes).map(|(line, text)| object(line, text)).collect::<Result<_, _>>()?
        };
        for (i, prediction) in predictions.iter().enumerate() {
            self.prediction(prediction).map_err(|key| format!("entry {} needs `{key}`", i + 1))?;
        }
        Ok(())
    }

    /// Gives back the key that is missing.
    fn prediction(&mut self, row: &Map<String, Value>) -> Result<(), &'static str> {
        let text = |keys: &[&str]| keys.iter().find_map(|key| row.get(*key)?.as_str());
        let index = text(&["global index", "global_index"]).ok_or("global index")?;
        let prompt = text(&["prompt", "prompt_formatted"]).ok_or("prompt")?;
        let model = text(&["prediction"]).ok_or("prediction")?;
        let Some(score) = row.get("accuracy").and_then(quality_of) else { return Ok(()) };
        let next = self.prompts.len();
        let place = *self.places.entry(index.to_owned()).or_insert(next);
        if place == next {
            self.prompts.push((index.to_owned(), prompt.to_owned(), BTreeMap::new()));
        }
        let cost = row.get("cost").and_then(Value::as_f64);
        self.prompts[place].2.insert(model.into(), outcome(score, cost));
        Ok(())
    }

    /// The index's first part names the data set that the prompt is from: `ArcMMLU` of `ArcMMLU_655`.
    pub(super) fn finish(self) -> impl Iterator<Item = Item> {
        self.prompts.into_iter().filter_map(|(index, prompt, outcomes)| {
            let task = index.rsplit_once('_').map(|(set, _)| set.to_owned());
            item(index, "routerarena".to_owned(), task, &prompt, outcomes)
        })
    }
}
