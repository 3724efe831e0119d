//! An item beside its labels.

use pointsman_domain::{Labels, Task};

use crate::dataset::Item;

/// One item with what the classifier said of it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The item.
    pub item: &'a Item,
    /// The classifier's labels for it.
    pub labels: &'a Labels,
}

impl<'a> Answer<'a> {
    /// Pairs items with their labels, in order; items without an accepted label are left out.
    #[must_use]
    pub fn pair(items: &'a [Item], labels: &'a [Labels]) -> Vec<Self> {
        let pairs = items.iter().zip(labels).map(|(item, labels)| Self { item, labels });
        pairs.filter(|answer| !answer.item.accepted.is_empty()).collect()
    }

    /// Whether the label is accepted.
    #[must_use]
    pub fn correct(&self) -> bool {
        self.item.accepts(&self.labels.task)
    }

    /// The true class, as [`TaskReport`](super::TaskReport) defines it; `None` for an item that accepts no label.
    #[must_use]
    pub fn truth(&self) -> Option<&'a Task> {
        if self.correct() { Some(&self.labels.task) } else { self.item.accepted.first() }
    }
}
