//! The matrix and the explanation, as text and as data.

use pointsman_domain::{AbstainReason, Band, Labels, ModelName, RequestFacts, TokenCount};
use pointsman_policy::{Explanation, State, UnixMicros};

use crate::{DESIGN, abstained, labels, policy, task};

fn explain(labels: &Labels, facts: RequestFacts, state: &State) -> Explanation {
    policy(DESIGN).auto().explain(&facts, labels, state, UnixMicros(0))
}

#[test]
fn the_matrix_is_a_table_of_text() {
    insta::assert_snapshot!(policy(DESIGN).auto().matrix(0.0));
}

#[test]
fn the_matrix_is_data() {
    let policy = policy("[route]\ndefault = \"demo/a\"\n\"chat.hard\" = [\"demo/b\", \"demo/a\"]\n");
    let mut matrix = policy.auto().matrix(0.0);
    matrix.tasks.truncate(1);
    insta::assert_json_snapshot!(matrix);
}

#[test]
fn an_explanation_is_text() {
    let facts = RequestFacts::default();
    insta::assert_snapshot!(explain(&labels("code_completion", Band::Hard), facts, &State::default()));
    insta::assert_snapshot!(explain(&labels("chat", Band::Easy), facts, &State::default()));
}

#[test]
fn an_explanation_of_an_abstention() {
    let labels = abstained("math", Band::Expert, AbstainReason::UnsupportedLanguage);
    insta::assert_snapshot!(explain(&labels, RequestFacts::default(), &State::default()));
}

#[test]
fn an_explanation_of_what_was_passed_over() {
    let facts = RequestFacts { input_tokens: TokenCount(300_000), ..RequestFacts::default() };
    let hard = labels("code_editing", Band::Expert);
    let down = State { unhealthy_until: [(ModelName::new("mid"), UnixMicros(1))].into() };
    insta::assert_snapshot!(explain(&hard, facts, &State::default()));
    insta::assert_snapshot!(explain(&hard, facts, &down));
}

#[test]
fn an_explanation_is_data() {
    insta::assert_json_snapshot!(explain(
        &labels("chat", Band::Hard),
        RequestFacts::default(),
        &State::default()
    ));
}

#[test]
fn without_a_second_guess_there_is_none_to_explain() {
    let only = Labels { task_scores: vec![(task("chat"), 1.0)], ..labels("chat", Band::Hard) };
    let explanation = explain(&only, RequestFacts::default(), &State::default());
    assert_eq!(explanation.if_runner_up, None);
    assert!(explanation.if_easier.is_some() && explanation.if_harder.is_some());
}
