//! Rows of the same source and id become one item.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use super::{Item, Outcomes, SkippedRow};
use crate::dataset::{RowError, RowErrorKind};

/// Items in the making.
#[derive(Debug, Default)]
pub(super) struct Join {
    outcomes: Outcomes,
    /// Index of an item by source, then id.
    places: HashMap<String, HashMap<String, usize>>,
    /// Every model's name, held once.
    names: BTreeSet<Arc<str>>,
}

impl Join {
    /// Adds a row, or what is wrong with it.
    pub(super) fn add(&mut self, file: &str, line: usize, row: Result<Item, RowError>) {
        let added = row.and_then(|item| {
            self.join(item).map_err(|(id, message)| RowError {
                line,
                id: Some(id),
                kind: RowErrorKind::Conflict,
                message,
            })
        });
        if let Err(error) = added {
            self.outcomes.skipped.push(SkippedRow { file: file.to_owned(), error });
        }
    }

    pub(super) fn finish(self) -> Outcomes {
        self.outcomes
    }

    /// Gives back the row's id and the reason if the row contradicts what is there.
    fn join(&mut self, mut row: Item) -> Result<(), (String, String)> {
        row.outcomes = mem::take(&mut row.outcomes)
            .into_iter()
            .map(|(name, outcome)| (self.name(name), outcome))
            .collect();
        let place = self.places.get(&row.source).and_then(|ids| ids.get(&row.id));
        let Some(&place) = place else {
            let ids = self.places.entry(row.source.clone()).or_default();
            ids.insert(row.id.clone(), self.outcomes.items.len());
            self.outcomes.items.push(row);
            return Ok(());
        };
        let item = &mut self.outcomes.items[place];
        if item.prompt != row.prompt {
            let message = format!(
                "`{}` of source `{}` was another prompt before: give each prompt an `id` of its own",
                row.id, row.source
            );
            return Err((row.id, message));
        }
        item.task = item.task.take().or(row.task);
        for (name, outcome) in row.outcomes {
            item.outcomes.entry(name).and_modify(|known| *known = known.with(outcome)).or_insert(outcome);
        }
        Ok(())
    }

    fn name(&mut self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.get(&name) {
            return Arc::clone(known);
        }
        self.names.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_for_one_prompt() {
        let rows = "{\"id\":1,\"text\":\"a\",\"model\":\"m\",\"score\":1}\n\
                    {\"id\":\"1\",\"text\":\"b\",\"model\":\"m\",\"score\":0}\n\
                    {\"id\":\"1\",\"text\":\"b\",\"model\":\"m\",\"score\":0,\"source\":\"other\"}\n";
        let outcomes = Outcomes::from_reader(rows.as_bytes(), "f.jsonl").expect("readable");
        assert_eq!(outcomes.items.len(), 2);
        assert_eq!(
            outcomes.skipped[0].to_string(),
            "f.jsonl:2: `1` of source `f` was another prompt before: give each prompt an `id` of its own"
        );
        assert_eq!(outcomes.skipped[0].error.kind, RowErrorKind::Conflict);
    }
}
