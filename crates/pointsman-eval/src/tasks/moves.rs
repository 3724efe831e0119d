//! What a change moved: the labels of this run beside those of an earlier one, item by item.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;

use pointsman_domain::Labels;
use serde::{Deserialize, Serialize};

use crate::dataset::Item;

/// Items that are listed for each kind of move; the others are counted.
const LISTED: usize = 20;

/// An item whose label is another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The item's id.
    pub id: String,
    /// Labels that count as right, separated by spaces.
    pub accepted: String,
    /// The label of the earlier run.
    pub before: String,
    /// The label of this run.
    pub after: String,
}

/// Items whose label changed since an earlier run, and items that only one of the runs has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Wrong before, right now.
    pub fixed: Vec<Move>,
    /// Right before, wrong now.
    pub broken: Vec<Move>,
    /// As right or wrong as before.
    pub others: Vec<Move>,
    /// Items of both runs.
    pub compared: usize,
    /// Items that the earlier run did not have.
    pub added: usize,
    /// Items that this run does not have.
    pub removed: usize,
}

/// The columns of an earlier `items.csv` that are compared.
#[derive(Debug, Deserialize)]
struct Earlier {
    id: String,
    predicted: String,
}

impl Moves {
    /// Compares the labels of `items` with `earlier`, an `items.csv` of a report. Items are matched by id.
    ///
    /// # Errors
    /// When `earlier` is no CSV with the columns `id` and `predicted`; the error names the line.
    pub fn since(earlier: impl Read, items: &[Item], labels: &[Labels]) -> Result<Self, csv::Error> {
        let before = csv::Reader::from_reader(earlier)
            .into_deserialize()
            .map(|row| row.map(|Earlier { id, predicted }| (id, predicted)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut moves = Self::default();
        for (item, labels) in items.iter().zip(labels) {
            match before.get(&item.id) {
                Some(before) => moves.compare(item, before, labels),
                None => moves.added += 1,
            }
        }
        let now: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
        moves.removed = before.keys().filter(|id| !now.contains(id.as_str())).count();
        Ok(moves)
    }

    fn compare(&mut self, item: &Item, before: &str, labels: &Labels) {
        self.compared += 1;
        if labels.task.as_str() == before {
            return;
        }
        let was_right = item.accepted.iter().any(|task| task.as_str() == before);
        let kind = match (was_right, item.accepts(&labels.task)) {
            (false, true) => &mut self.fixed,
            (true, false) => &mut self.broken,
            _ => &mut self.others,
        };
        kind.push(Move {
            id: item.id.clone(),
            accepted: item.accepted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            before: before.to_owned(),
            after: labels.task.to_string(),
        });
    }

    /// How many labels changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fixed.len() + self.broken.len() + self.others.len()
    }

    /// Whether no label changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Moves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} labels moved", self.len(), self.compared)?;
        if !self.is_empty() {
            let [fixed, broken] = [self.fixed.len(), self.broken.len()];
            write!(f, ": {fixed} now right, {broken} now wrong, {} as before", self.others.len())?;
        }
        if self.added + self.removed > 0 {
            write!(f, "; {} items are new, {} are gone", self.added, self.removed)?;
        }
        for (kind, moves) in [("now right", &self.fixed), ("now wrong", &self.broken)] {
            for item in moves.iter().take(LISTED) {
                write!(f, "\n  {kind}  {}  {} → {}", item.id, item.before, item.after)?;
                if kind == "now wrong" {
                    write!(f, "  (accepted: {})", item.accepted)?;
                }
            }
            if moves.len() > LISTED {
                write!(f, "\n  {kind}  … and {} more", moves.len() - LISTED)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Ability, Difficulty, Prompt, Task, TokenCount};

    use crate::report::items_csv;

    use super::*;

    fn task(name: &str) -> Task {
        Task::new(name).expect("well formed")
    }

    fn item(id: &str, accepted: &str) -> Item {
        Item {
            line: 1,
            id: id.to_owned(),
            prompt: Prompt::from_text("hello"),
            task: Some(task(accepted)),
            accepted: vec![task(accepted)],
            language: None,
            source: None,
            split: None,
        }
    }

    fn labels(name: &str) -> Labels {
        let difficulty = Difficulty::from_ability(Ability(0.0));
        Labels {
            task: task(name),
            task_confidence: 1.0,
            task_scores: vec![(task(name), 1.0)],
            difficulty,
            ability: Ability(0.0),
            ability_sd: 0.5,
            band: difficulty.band(),
            band_confidence: 1.0,
            abstained: None,
            tokens: TokenCount(1),
            tokens_seen: TokenCount(1),
        }
    }

    #[test]
    fn a_run_moved_nothing_against_itself() {
        let items = [item("a", "math"), item("b", "chat")];
        let answers = [labels("math"), labels("math")];
        let earlier = items_csv(&items, &answers);
        let moves = Moves::since(earlier.as_bytes(), &items, &answers).expect("compared");
        assert!(moves.is_empty());
        assert_eq!(moves.to_string(), "0 of 2 labels moved");
    }

    #[test]
    fn moves_are_told_apart_by_what_they_did() {
        let items = [item("a", "math"), item("b", "chat"), item("c", "chat"), item("d", "math")];
        let before = ["chat", "chat", "math", "math"].map(labels);
        let after = ["math", "math", "reasoning", "math"].map(labels);
        let earlier = items_csv(&items, &before);
        let added = item("e", "chat");
        let (now, answers) = ([&items[..], &[added]].concat(), [&after[..], &[labels("chat")]].concat());
        let moves = Moves::since(earlier.as_bytes(), &now, &answers).expect("compared");
        insta::assert_snapshot!(moves, @r"
        3 of 4 labels moved: 1 now right, 1 now wrong, 1 as before; 1 items are new, 0 are gone
          now right  a  chat → math
          now wrong  b  chat → math  (accepted: chat)
        ");
        let fewer = Moves::since(earlier.as_bytes(), &now[..1], &answers[..1]).expect("compared");
        assert_eq!((fewer.compared, fewer.removed), (1, 3));
    }

    #[test]
    fn a_file_without_the_columns_is_an_error_that_says_so() {
        let error = Moves::since("a,b\n1,2\n".as_bytes(), &[], &[]).expect_err("no such column");
        assert!(error.to_string().contains("missing field `id`"), "{error}");
    }
}
