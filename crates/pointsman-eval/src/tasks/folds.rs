//! Coarser vocabularies of others, so that figures can be set beside theirs.

use pointsman_domain::Task;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::metrics::{ClassScore, Confusion, Proportion, wilson};

/// A vocabulary that the standard one folds into: each of our tasks is one of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// Whose vocabulary it is.
    pub name: &'static str,
    /// Our task, its class.
    pub classes: &'static [(&'static str, &'static str)],
}

/// The task types of NVIDIA's `prompt-task-and-complexity-classifier`. It knows neither calculation nor deduction, which
/// its annotators called questions, and no tools.
pub const NVIDIA: Fold = Fold {
    name: "nvidia",
    classes: &[
        ("chat", "chatbot"),
        ("open_qa", "open_qa"),
        ("closed_qa", "closed_qa"),
        ("summarization", "summarization"),
        ("extraction", "extraction"),
        ("classification", "classification"),
        ("rewriting", "rewrite"),
        ("translation", "rewrite"),
        ("brainstorming", "brainstorming"),
        ("creative_writing", "text_generation"),
        ("text_writing", "text_generation"),
        ("code_generation", "code_generation"),
        ("code_completion", "code_generation"),
        ("code_editing", "code_generation"),
        ("math", "open_qa"),
        ("reasoning", "open_qa"),
        ("planning", "other"),
    ],
};

/// The task groups of OpenRouter's router: `code`, `data` and `agent` stand for all its classes with that prefix. Its classes
/// by subject (finance, security, support) have no counterpart here.
pub const OPENROUTER: Fold = Fold {
    name: "openrouter",
    classes: &[
        ("chat", "conversational_reply"),
        ("open_qa", "qa_knowledge"),
        ("closed_qa", "qa_knowledge"),
        ("summarization", "summarization"),
        ("extraction", "data"),
        ("classification", "classification_tagging"),
        ("rewriting", "content_writing"),
        ("translation", "translation"),
        ("brainstorming", "content_writing"),
        ("creative_writing", "roleplay_fiction"),
        ("text_writing", "content_writing"),
        ("code_generation", "code"),
        ("code_completion", "code"),
        ("code_editing", "code"),
        ("math", "math"),
        ("reasoning", "qa_knowledge"),
        ("planning", "agent"),
    ],
};

/// All of them.
pub const FOLDS: [Fold; 2] = [NVIDIA, OPENROUTER];

impl Fold {
    /// The class of `task`; `None` for a task outside the standard vocabulary.
    #[must_use]
    pub fn class(&self, task: &Task) -> Option<Task> {
        let (_, class) = self.classes.iter().find(|(name, _)| *name == task.as_str())?;
        Task::new(class).ok()
    }
}

/// How good the labels are when both sides are folded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldReport {
    /// Whose vocabulary it is.
    pub name: String,
    /// How often the class of an accepted label was given, over the items whose labels have a class.
    pub accuracy: Proportion,
    /// Mean F1 over the classes that occur.
    pub macro_f1: f64,
    /// Figures for each class, in the order of the fold.
    pub classes: Vec<ClassScore>,
}

impl FoldReport {
    /// Folds `answers`; `None` where no label has a class.
    pub(super) fn new(fold: &Fold, answers: &[Answer<'_>]) -> Option<Self> {
        let pairs: Vec<(Task, Task)> = answers.iter().filter_map(|answer| pair(fold, answer)).collect();
        if pairs.is_empty() {
            return None;
        }
        let mut classes: Vec<Task> = Vec::new();
        for (_, class) in fold.classes {
            if let Some(class) = Task::new(class).ok().filter(|class| !classes.contains(class)) {
                classes.push(class);
            }
        }
        let confusion = Confusion::new(classes, pairs.iter().map(|(truth, given)| (truth, given)));
        Some(Self {
            name: fold.name.to_owned(),
            accuracy: wilson(pairs.iter().map(|(truth, given)| truth == given)),
            macro_f1: confusion.macro_f1(),
            classes: confusion.classes(),
        })
    }
}

/// True class and given class of an answer: where the given one is accepted it is the true one.
fn pair(fold: &Fold, answer: &Answer<'_>) -> Option<(Task, Task)> {
    let given = fold.class(&answer.labels.task)?;
    let accepted: Vec<Task> = answer.item.accepted.iter().filter_map(|task| fold.class(task)).collect();
    let truth = if accepted.contains(&given) { given.clone() } else { accepted.first()?.clone() };
    Some((truth, given))
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Vocabulary;

    use super::*;

    #[test]
    fn every_standard_task_has_one_class() {
        for fold in FOLDS {
            let vocabulary = Vocabulary::standard();
            assert_eq!(fold.classes.len(), vocabulary.len(), "{}", fold.name);
            for task in vocabulary.tasks() {
                assert!(fold.class(task).is_some(), "{}: {task}", fold.name);
            }
            assert_eq!(fold.class(&Task::new("haiku").expect("a name")), None);
        }
    }
}
