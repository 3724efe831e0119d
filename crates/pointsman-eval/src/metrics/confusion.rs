//! Which classes are taken for which.

use pointsman_domain::Task;
use serde::{Deserialize, Serialize};

/// Counts of true class against predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// The classes, in the order of rows and columns.
    pub tasks: Vec<Task>,
    /// `counts[truth][prediction]`.
    pub counts: Vec<Vec<usize>>,
}

/// How well one class is told from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub task: Task,
    /// How many prompts are of the class.
    pub support: usize,
    /// How many prompts were put into the class.
    pub predicted: usize,
    /// Of those put into the class, the share that belongs there; `None` if none was.
    pub precision: Option<f64>,
    /// Of those that belong there, the share put into the class; `None` if there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall, 0 if either is missing or 0.
    pub f1: f64,
}

impl Confusion {
    /// Counts pairs of truth and prediction over `tasks`; a pair with a class that is not among them is left out.
    #[must_use]
    pub fn new<'t>(tasks: Vec<Task>, pairs: impl IntoIterator<Item = (&'t Task, &'t Task)>) -> Self {
        let mut counts = vec![vec![0; tasks.len()]; tasks.len()];
        let place = |task: &Task| tasks.iter().position(|own| own == task);
        for (truth, prediction) in pairs {
            if let (Some(row), Some(column)) = (place(truth), place(prediction)) {
                counts[row][column] += 1;
            }
        }
        Self { tasks, counts }
    }

    /// Precision, recall and F1 of every class, in order.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassScore> {
        let share = |right: usize, of: usize| (of > 0).then(|| right as f64 / of as f64);
        let score = |(i, task): (usize, &Task)| {
            let right = self.counts[i][i];
            let support = self.counts[i].iter().sum();
            let predicted = self.counts.iter().map(|row| row[i]).sum();
            let (precision, recall) = (share(right, predicted), share(right, support));
            let f1 = 2.0 * right as f64 / (support + predicted).max(1) as f64;
            ClassScore { task: task.clone(), support, predicted, precision, recall, f1 }
        };
        self.tasks.iter().enumerate().map(score).collect()
    }

    /// Mean F1 over the classes that occur among the truths; 0 if none does.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let present: Vec<f64> =
            self.classes().iter().filter(|class| class.support > 0).map(|class| class.f1).collect();
        present.iter().sum::<f64>() / present.len().max(1) as f64
    }

    /// The most frequent mistakes as (truth, prediction, count), the most frequent first.
    #[must_use]
    pub fn mistakes(&self) -> Vec<(&Task, &Task, usize)> {
        let cells = self.tasks.iter().zip(&self.counts).flat_map(|(truth, row)| {
            self.tasks.iter().zip(row).map(move |(prediction, count)| (truth, prediction, *count))
        });
        let mut mistakes: Vec<_> =
            cells.filter(|(truth, prediction, count)| truth != prediction && *count > 0).collect();
        mistakes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        Task::new(name).expect("well formed")
    }

    fn confusion(pairs: &[(&str, &str)]) -> Confusion {
        let pairs: Vec<_> = pairs.iter().map(|(truth, prediction)| (task(truth), task(prediction))).collect();
        let tasks = ["a", "b", "c", "d"].map(task).to_vec();
        Confusion::new(tasks, pairs.iter().map(|(truth, prediction)| (truth, prediction)))
    }

    /// Truths a a a a b b c; checked by hand.
    fn example() -> Confusion {
        confusion(&[("a", "a"), ("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("b", "c"), ("c", "b")])
    }

    #[test]
    fn precision_recall_and_f1_by_hand() {
        let classes = example().classes();
        let close = |left: f64, right: f64| (left - right).abs() < 1e-12;
        assert_eq!((classes[0].support, classes[0].predicted), (4, 3));
        assert_eq!((classes[0].precision, classes[0].recall), (Some(1.0), Some(0.75)));
        assert!(close(classes[0].f1, 6.0 / 7.0));
        assert!(close(classes[1].precision.expect("predicted"), 1.0 / 3.0));
        assert!(close(classes[1].f1, 0.4));
        assert_eq!((classes[2].precision, classes[2].recall, classes[2].f1), (Some(0.0), Some(0.0), 0.0));
        assert_eq!((classes[3].precision, classes[3].recall, classes[3].f1), (None, None, 0.0));
        assert!(
            close(example().macro_f1(), (6.0 / 7.0 + 0.4) / 3.0),
            "the class that does not occur is left out"
        );
    }

    #[test]
    fn mistakes_come_by_frequency() {
        let mut pairs = vec![("a", "b"), ("c", "d"), ("c", "d"), ("d", "d")];
        pairs.push(("x_unknown", "a"));
        let confusion = confusion(&pairs);
        let mistakes: Vec<_> =
            confusion.mistakes().into_iter().map(|(t, p, n)| (t.to_string(), p.to_string(), n)).collect();
        assert_eq!(mistakes, [("c".to_owned(), "d".to_owned(), 2), ("a".to_owned(), "b".to_owned(), 1)]);
    }

    #[test]
    fn nothing_gives_zero() {
        assert_eq!(confusion(&[]).macro_f1(), 0.0);
    }
}
