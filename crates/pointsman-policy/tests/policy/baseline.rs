//! The model that costs are compared with.

use pointsman_policy::BaselineReason;
use pointsman_policy::config::Severity;

use crate::{policy, read};

/// `middling` and the abler `strong`, which is the cheaper one here, and what the file says beside them.
fn file(section: &str, more_models: &str) -> String {
    format!(
        "{section}\n[models]\nmid = {{ use = \"openai/middling\", price = {{ input = 10, output = 40 }} }}\n\
         best = {{ use = \"anthropic/strong\", price = {{ input = 1, output = 4 }} }}\n{more_models}\n\
         [route]\ndefault = \"mid\"\n"
    )
}

fn baseline(section: &str, more_models: &str) -> Option<(String, BaselineReason)> {
    let policy = policy(&file(section, more_models));
    policy.baseline().map(|own| (own.name.to_string(), own.reason))
}

#[test]
fn it_is_the_named_model_else_the_ablest_else_the_dearest() {
    use BaselineReason::{Ablest, Dearest, Named};
    let unknown = "new = { use = \"openai/x\", price = { input = 2, output = 2 } }";
    let free = "free = \"openai/x\"";
    let embeds = "embeds = { use = \"openai/x\", price = { input = 90, output = 0 } }";
    let dearer = "twin = { use = \"openai/x\", like = \"strong\", price = { input = 9, output = 9 } }";
    let named = "[policy]\nbaseline = \"mid\"";
    for (section, more_models, name, reason) in [
        ("", "", "best", Ablest),
        ("", free, "best", Ablest),
        ("", embeds, "best", Ablest),
        ("", dearer, "twin", Ablest),
        ("", unknown, "mid", Dearest),
        (named, "", "mid", Named),
        (named, unknown, "mid", Named),
    ] {
        let expected = Some((name.to_owned(), reason));
        assert_eq!(baseline(section, more_models), expected, "{section} {more_models}");
    }
    let unpriced = policy("[route]\ndefault = \"openai/strong\"\n");
    assert_eq!(unpriced.baseline(), None);
}

#[test]
fn another_name_for_a_provider_changes_it_not() {
    let policy = policy(&file("[policy]\nbaseline = \"mid\"", ""));
    let renamed = policy.renamed(&|_| pointsman_domain::ProviderName::new("demo"));
    assert_eq!(renamed.baseline(), policy.baseline());
}

#[test]
fn a_name_that_cannot_be_compared_with_is_an_error_with_its_place_and_remedy() {
    let free = "free = \"openai/x\"";
    for (written, line, message, help) in [
        ("\"bets\"", 2, "unknown model `bets`", "did you mean `best`?"),
        ("\"free\"", 2, "costs cannot be compared with `free`: it has no price", "add price = { input ="),
        ("7", 2, "`baseline` must be a string, not 7", ""),
    ] {
        let (policy, found) = read(&file(&format!("[policy]\nbaseline = {written}"), free));
        assert!(policy.is_none(), "{written}");
        let [error] = &found[..] else { panic!("one finding: {found:#?}") };
        assert_eq!((error.severity, error.line, error.column), (Severity::Error, line, 12), "{error}");
        assert_eq!((error.key.as_str(), error.message.as_str()), ("policy.baseline", message));
        assert!(error.help.as_deref().unwrap_or_default().starts_with(help), "{error:#}");
    }
}
