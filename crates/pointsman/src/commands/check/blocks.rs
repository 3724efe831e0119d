//! The tests of a table, run with the classifier.

use anyhow::Result;
use pointsman_classifier::Classifier;
use pointsman_domain::{Band, Labels, ModelName, Prompt, Rule, Task};
use pointsman_policy::{Explanation, Policy, State, TestBlock, UnixMicros};
use serde::Serialize;

use crate::commands::route;
use crate::terminal::{ASIDE, ERROR, GOOD, NAME, styled};

/// A test that was run.
#[derive(Debug, Serialize)]
pub(super) struct Ran {
    /// Line of the file.
    line: usize,
    prompt: String,
    expect: Vec<ModelName>,
    /// The model that the prompt goes to.
    model: ModelName,
    rule: Rule,
    task: Task,
    band: Band,
    /// Whether that is a model that was expected.
    pub(super) ok: bool,
    /// Why it goes there, in a sentence or more.
    why: Vec<String>,
}

/// Labels every prompt and asks its table.
pub(super) fn run(policy: &Policy, classifier: &Classifier) -> Result<Vec<Ran>> {
    let prompts: Vec<Prompt> =
        policy.tests().iter().map(|test| Prompt::from_text(test.prompt.as_str())).collect();
    let labels = classifier.classify(&prompts)?;
    let ran = policy.tests().iter().zip(&prompts).zip(&labels);
    Ok(ran.map(|((test, prompt), labels)| judge(policy, test, prompt, labels)).collect())
}

fn judge(policy: &Policy, test: &TestBlock, prompt: &Prompt, labels: &Labels) -> Ran {
    let table = policy.table(&test.table).unwrap_or(policy.auto());
    let facts = route::facts(prompt, labels);
    let explanation = table.explain(&facts, labels, &State::default(), UnixMicros(0));
    let decision = &explanation.decision;
    Ran {
        line: test.line,
        prompt: test.prompt.clone(),
        expect: test.expect.clone(),
        model: decision.model.clone(),
        rule: decision.rule.clone(),
        task: labels.task.clone(),
        band: labels.band,
        ok: test.expect.contains(&decision.model),
        why: why(&explanation, labels, &test.expect),
    }
}

/// What the prompt was taken for and what chose the model, then what would have led to one of `expect`.
fn why(explanation: &Explanation, labels: &Labels, expect: &[ModelName]) -> Vec<String> {
    let Explanation { decision, table, .. } = explanation;
    let runner_up =
        labels.runner_up().map_or(String::new(), |(task, score)| format!(", then {task} {score:.2}"));
    let judged = match labels.abstained {
        None => String::new(),
        Some(reason) => format!("abstained ({reason}); the best guess is "),
    };
    let labelled =
        format!("{judged}{} ({:.2}{runner_up}), {}", labels.task, labels.task_confidence, labels.band);
    let mut why =
        vec![format!("{labelled}: `{}` of table `{table}` chose `{}`", decision.rule, decision.model)];
    let others = [
        ("had the classifier been sure", &explanation.if_sure),
        ("one band easier", &explanation.if_easier),
        ("one band harder", &explanation.if_harder),
        ("as its second guess", &explanation.if_runner_up),
    ];
    let led = others.iter().filter_map(|(when, other)| Some((when, other.as_ref()?)));
    why.extend(
        led.filter(|(_, other)| expect.contains(&other.model))
            .map(|(when, other)| format!("{when} it would go to `{}` by `{}`", other.model, other.rule)),
    );
    why
}

/// A line for each test, and for one that failed what came out and why.
pub(super) fn print(tests: &[Ran], file: &str) {
    if tests.is_empty() {
        return;
    }
    anstream::println!("tests");
    for test in tests {
        let prompt = shortened(&test.prompt);
        if test.ok {
            anstream::println!("  {}  {prompt} → {}", styled(GOOD, "pass"), styled(NAME, &test.model));
            continue;
        }
        let expected: Vec<&str> = test.expect.iter().map(ModelName::as_str).collect();
        anstream::println!(
            "  {}  {prompt} → {}, expected {} {}",
            styled(ERROR, "FAIL"),
            styled(NAME, &test.model),
            styled(NAME, expected.join(" or ")),
            styled(ASIDE, format_args!("({file}:{})", test.line))
        );
        for sentence in &test.why {
            anstream::println!("        {sentence}");
        }
    }
    anstream::println!();
}

/// The first line of a prompt, as far as it fits in a line.
fn shortened(prompt: &str) -> String {
    const MOST: usize = 60;
    let first = prompt.trim().lines().next().unwrap_or_default();
    let mut text: String = first.chars().take(MOST).collect();
    if text.len() < prompt.trim().len() {
        text.push('…');
    }
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_prompt_is_named_by_its_beginning() {
        assert_eq!(shortened(" hi \n"), "\"hi\"");
        assert_eq!(shortened("first\nsecond"), "\"first…\"");
        assert_eq!(shortened(&"ü".repeat(61)), format!("\"{}…\"", "ü".repeat(60)));
        assert_eq!(shortened(""), "\"\"");
    }
}
