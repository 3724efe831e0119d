//! Which model a request gets.

use pointsman_domain::ModelName;
use pointsman_domain::{
    AbstainReason, Band, Decision, DecisionReason, Needs, RequestFacts, SkipReason, TokenCount,
};
use pointsman_policy::{Policy, State, UnixMicros};

use crate::{DESIGN, abstained, labels, policy};

fn decide(policy: &Policy, labels: &pointsman_domain::Labels) -> Decision {
    policy.auto().decide(&RequestFacts::default(), labels, &State::default(), UnixMicros(0))
}

fn rule_and_model(policy: &Policy, labels: &pointsman_domain::Labels) -> String {
    let decision = decide(policy, labels);
    format!("{} {} {}", decision.rule, decision.model, decision.reason.as_str())
}

#[test]
fn the_design_documents_table() {
    let policy = policy(DESIGN);
    for (task, band, expected) in [
        ("chat", Band::Easy, "default mid no_row_matched"),
        ("chat", Band::Expert, "*.expert strong matched"),
        ("code_completion", Band::Easy, "code_completion cheap matched"),
        ("code_completion", Band::Hard, "code.hard strong matched"),
        ("code_editing", Band::Hard, "code.hard strong matched"),
        ("code_editing", Band::Medium, "default mid no_row_matched"),
        ("planning", Band::Hard, "planning mid matched"),
        ("planning", Band::Expert, "*.expert strong matched"),
        ("poetry", Band::Easy, "default mid no_row_matched"),
    ] {
        assert_eq!(rule_and_model(&policy, &labels(task, band)), expected, "{task} {band}");
    }
    let hard = decide(&policy, &labels("code_editing", Band::Hard));
    assert_eq!(hard.target.to_string(), "bedrock/anthropic.claude-opus-5");
    assert_eq!(hard.fallbacks, [ModelName::new("mid")]);
}

#[test]
fn abstentions_take_unsure_or_else_the_default() {
    let unsure = abstained("code_editing", Band::Hard, AbstainReason::LowConfidence);
    assert_eq!(rule_and_model(&policy(DESIGN), &unsure), "unsure strong low_confidence");
    let without = policy("[route]\ndefault = \"demo/echo\"\ncode = \"demo/code\"\n");
    assert_eq!(rule_and_model(&without, &unsure), "default demo/echo low_confidence");
}

#[test]
fn all_ways_to_write_a_row_mean_the_same() {
    let written = [
        "code = \"a\"\n\"code.hard\" = \"b\"",
        "code = [\"a\"]\n'code.hard' = [\"b\"]",
        "\"code.hard\" = \"b\"\n\"code\" = \"a\"",
    ];
    let banded = ["code.easy = \"a\"\ncode.hard = \"b\"", "code = { easy = \"a\", hard = \"b\" }"];
    let table = |rows: &str| {
        policy(&format!("[models]\na = \"demo/a\"\nb = \"demo/b\"\n[route]\ndefault = \"demo/d\"\n{rows}\n"))
    };
    for rows in written.iter().chain(&banded) {
        let table = table(rows);
        assert_eq!(
            rule_and_model(&table, &labels("code_editing", Band::Hard)),
            "code.hard b matched",
            "{rows}"
        );
    }
    assert_eq!(
        table(written[0]).auto().hash(),
        table(written[2]).auto().hash(),
        "order of rows does not count"
    );
    assert_eq!(table(banded[0]).auto().hash(), table(banded[1]).auto().hash());
}

const CASCADE: &str = r#"
[models]
small  = { use = "demo/small", context = 1_000, tools = false }
blind  = { use = "demo/blind", context = 10_000, vision = false }
large  = { use = "demo/large", context = 100_000 }
[route]
default      = ["small", "large"]
math         = "blind"
"math.hard"  = ["small", "blind"]
"#;

fn cascade(facts: RequestFacts, state: &State) -> Decision {
    policy(CASCADE).auto().decide(&facts, &labels("math", Band::Hard), state, UnixMicros(1_000))
}

fn skips(decision: &Decision) -> Vec<(&str, SkipReason)> {
    decision.skipped.iter().map(|skip| (skip.model.as_str(), skip.reason)).collect()
}

fn long(tokens: u32) -> RequestFacts {
    RequestFacts { input_tokens: TokenCount(tokens), ..RequestFacts::default() }
}

#[test]
fn a_model_that_cannot_take_the_request_is_passed_over() {
    let decision = cascade(long(5_000), &State::default());
    assert_eq!((decision.model.as_str(), decision.rule.0.as_str()), ("blind", "math.hard"));
    assert_eq!(decision.reason, DecisionReason::Matched);
    assert_eq!(skips(&decision), [("small", SkipReason::ContextWindow)]);
    assert!(decision.fallbacks.is_empty());
}

#[test]
fn a_row_without_an_able_model_hands_on_to_the_next() {
    let decision = cascade(long(50_000), &State::default());
    assert_eq!((decision.model.as_str(), decision.rule.0.as_str()), ("large", "default"));
    assert_eq!(decision.reason, DecisionReason::NoneEligible);
    assert_eq!(
        skips(&decision),
        [("small", SkipReason::ContextWindow), ("blind", SkipReason::ContextWindow)]
    );
}

#[test]
fn when_nothing_is_able_the_first_choice_of_the_first_row_answers() {
    let decision = cascade(long(500_000), &State::default());
    assert_eq!((decision.model.as_str(), decision.rule.0.as_str()), ("small", "math.hard"));
    assert_eq!(decision.reason, DecisionReason::NoneEligible);
    assert_eq!(decision.fallbacks, [ModelName::new("blind")]);
    assert_eq!(decision.skipped.len(), 3);
}

#[test]
fn needs_and_health_count() {
    let tools = Needs { tools: true, ..Needs::default() };
    let decision = cascade(RequestFacts { needs: tools, ..long(10) }, &State::default());
    assert_eq!(decision.model.as_str(), "blind");
    assert_eq!(skips(&decision), [("small", SkipReason::Capability)]);

    let until = |moment| State { unhealthy_until: [(ModelName::new("small"), UnixMicros(moment))].into() };
    let decision = cascade(long(10), &until(1_001));
    assert_eq!(skips(&decision), [("small", SkipReason::Unhealthy)]);
    let decision = cascade(long(10), &until(1_000));
    assert_eq!((decision.model.as_str(), decision.skipped.len()), ("small", 0));
}

#[test]
fn fallbacks_are_models_that_could_take_the_request() {
    let text = CASCADE.replace("[\"small\", \"blind\"]", "[\"large\", \"small\", \"blind\"]");
    let facts = long(5_000);
    let decision =
        policy(&text).auto().decide(&facts, &labels("math", Band::Hard), &State::default(), UnixMicros(0));
    assert_eq!(decision.model.as_str(), "large");
    assert_eq!(decision.fallbacks, [ModelName::new("blind")]);
    assert_eq!(skips(&decision), [("small", SkipReason::ContextWindow)]);
}

#[test]
fn named_tables_stand_beside_auto() {
    let policy = policy(
        "[models]\na = \"demo/a\"\nunused = \"demo/b\"\n[route]\ndefault = \"a\"\n\
         [tables.night]\ndefault = \"demo/c\"\n[tables.batch]\ndefault = \"a\"\n",
    );
    let names: Vec<&str> = policy.tables().map(pointsman_policy::Table::name).collect();
    assert_eq!(names, ["auto", "batch", "night"]);
    assert_eq!(policy.table("night").unwrap().default().first().name.as_str(), "demo/c");
    assert!(policy.table("day").is_none());
    let models: Vec<&str> = policy.models().keys().map(ModelName::as_str).collect();
    assert_eq!(models, ["a", "demo/c", "unused"]);
    assert_eq!(policy.table("batch").unwrap().hash(), policy.auto().hash(), "a name is no content");
}

#[test]
fn the_hash_is_of_the_content() {
    let hash = |text: &str| policy(text).auto().hash().to_string();
    let base = hash(DESIGN);
    assert_eq!(
        base, "fa0972266559c8c5c262d4c9eeb03898f288fc6635e58027e7ddaf3dde963ad7",
        "published: a change of it makes recorded hashes useless"
    );
    let same = [
        DESIGN.replace("[route]", "# a comment\n[route]"),
        DESIGN.replace("cheap  =", "unused = \"demo/echo\"\ncheap  ="),
        DESIGN.replace("200_000", "200000"),
    ];
    let other = [
        DESIGN.replace("code_completion    = \"cheap\"", "code_completion = \"mid\""),
        DESIGN.replace("gpt-5-mini", "gpt-5-nano"),
        DESIGN.replace("15.0", "14.0"),
        DESIGN.replace("200_000", "100_000"),
        DESIGN.replace("[\"strong\", \"mid\"]", "[\"mid\", \"strong\"]"),
        DESIGN.replace("unsure             = \"strong\"", ""),
    ];
    for text in same {
        assert_eq!(hash(&text), base, "{text}");
    }
    for text in other {
        assert_ne!(hash(&text), base, "{text}");
    }
}
