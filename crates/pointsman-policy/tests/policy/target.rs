//! Mode `target`: what is chosen, what the file may say, what people are shown.

use pointsman_domain::{
    Ability, AbstainReason, Band, Decision, Labels, ModelId, ModelName, Needs, RequestFacts, TokenCount,
};
use pointsman_policy::config::Severity;
use pointsman_policy::{Policy, State, UnixMicros};

use crate::{abstained, labels, policy, read};

/// Three models of known ability with prices, and what the file says beside them.
fn file(quality: &str, rest: &str) -> String {
    format!(
        r#"[policy]
mode = "target"
quality = {quality}
[models]
strong = {{ use = "anthropic/strong", price = {{ input = 10.0, output = 40.0 }}, context = 9000 }}
cheap = {{ use = "openai/weak", price = {{ input = 0.1, output = 0.4 }} }}
mid = {{ use = "bedrock/middling", price = {{ input = 1.0, output = 4.0 }}, tools = false }}
[route]
default = "mid"
{rest}
"#
    )
}

/// Sure labels of a prompt that needs the ability `b`.
fn needing(task: &str, b: f32) -> Labels {
    Labels { ability: Ability(b), ..labels(task, Band::Medium) }
}

fn decide(text: &str, labels: &Labels, facts: RequestFacts, state: &State) -> Decision {
    policy(text).auto().decide(&facts, labels, state, UnixMicros(0))
}

/// Model, rule, reason and fallbacks.
fn summary(decision: &Decision) -> String {
    let fallbacks: Vec<&str> = decision.fallbacks.iter().map(ModelName::as_str).collect();
    let Decision { model, rule, reason, .. } = decision;
    format!("{model} {rule} {} [{}]", reason.as_str(), fallbacks.join(" "))
}

fn summary_of(text: &str, labels: &Labels) -> String {
    summary(&decide(text, labels, RequestFacts::default(), &State::default()))
}

#[test]
fn the_cheapest_that_reaches_the_wanted_chance_is_chosen() {
    let text = file("0.8", "");
    for (b, expected) in [
        (-3.0, "cheap target(0.80) reaches_quality [mid strong]"),
        (-1.0, "mid target(0.80) reaches_quality [strong cheap]"),
        (0.5, "strong target(0.80) reaches_quality [mid cheap]"),
        (1.5, "strong target(0.80) below_quality [mid cheap]"),
    ] {
        assert_eq!(summary_of(&text, &needing("planning", b)), expected, "{b}");
    }
    let decision = decide(&text, &needing("planning", -1.0), RequestFacts::default(), &State::default());
    insta::assert_json_snapshot!(decision);
}

#[test]
fn the_wanted_chance_decides_how_dear_it_gets() {
    let prompt = needing("planning", -1.0);
    for (quality, model) in
        [("0", "cheap"), ("0.6", "mid"), ("0.9", "mid"), ("0.95", "strong"), ("1", "strong")]
    {
        assert_eq!(summary_of(&file(quality, ""), &prompt).split(' ').next(), Some(model), "{quality}");
    }
}

#[test]
fn rows_are_orders_as_in_mode_table() {
    let text =
        file("0.8", "unsure = \"strong\"\n\"code.medium\" = [\"strong\", \"cheap\"]\nmath = \"cheap\"");
    for (labels, expected) in [
        (needing("code_editing", -3.0), "strong code.medium matched [cheap]"),
        (needing("math", 3.0), "cheap math matched []"),
        (needing("chat", -4.0), "cheap target(0.80) reaches_quality [mid strong]"),
        (abstained("chat", Band::Easy, AbstainReason::LowConfidence), "strong unsure low_confidence []"),
    ] {
        assert_eq!(summary_of(&text, &labels), expected);
    }
    let without = file("0.8", "");
    let unsure = abstained("chat", Band::Easy, AbstainReason::LowConfidence);
    assert_eq!(summary_of(&without, &unsure), "mid default low_confidence []");
}

#[test]
fn a_tasks_own_ability_counts() {
    let text = file("0.8", "");
    let chance = |task| {
        let decision = decide(&text, &needing(task, 2.0), RequestFacts::default(), &State::default());
        decision.candidates.iter().find(|one| one.model.as_str() == "strong").unwrap().success
    };
    assert!((chance("planning") - 0.5).abs() < 1e-6);
    assert!(chance("code_editing") > 0.8, "θ of the group code is one higher");
}

#[test]
fn doubt_about_the_difficulty_counts() {
    let text = file("0.8", "");
    let sure = needing("planning", -0.8);
    let doubtful = Labels { ability_sd: 2.0, ..sure.clone() };
    assert!(summary_of(&text, &sure).starts_with("mid "));
    assert!(summary_of(&text, &doubtful).starts_with("strong "));
}

#[test]
fn only_models_that_can_take_the_request_are_candidates() {
    let text = file("0.8", "");
    let prompt = needing("planning", -1.0);
    let tools = RequestFacts { needs: Needs { tools: true, ..Needs::default() }, ..RequestFacts::default() };
    let long = RequestFacts { input_tokens: TokenCount(10_000), ..tools };
    let down = State { unhealthy_until: [(ModelName::new("cheap"), UnixMicros(9))].into() };
    for (facts, state, expected) in [
        (tools, State::default(), "strong target(0.80) reaches_quality [cheap]"),
        (long, State::default(), "cheap target(0.80) below_quality []"),
        (long, down, "mid target(0.80) none_eligible [strong cheap]"),
    ] {
        let decision = decide(&text, &prompt, facts, &state);
        assert_eq!(summary(&decision), expected);
        let listed: Vec<&ModelName> = decision.candidates.iter().map(|one| &one.model).collect();
        assert_eq!(listed[1..], decision.fallbacks.iter().collect::<Vec<_>>()[..]);
    }
}

#[test]
fn a_row_that_cannot_hands_on_to_the_target() {
    let text = file("0.8", "planning = \"mid\"");
    let tools = RequestFacts { needs: Needs { tools: true, ..Needs::default() }, ..RequestFacts::default() };
    let decision = decide(&text, &needing("planning", -3.0), tools, &State::default());
    assert_eq!(summary(&decision), "cheap target(0.80) none_eligible [strong]");
}

#[test]
fn costs_are_expected_costs() {
    // Dear to send, cheap to answer, and the other way round.
    let text = "[policy]\nmode = \"target\"\nquality = 0.1\n[models]\n\
        a = { use = \"demo/strong\", price = { input = 10, output = 1 } }\n\
        b = { use = \"demo/middling\", price = { input = 1, output = 10 } }\n[route]\ndefault = \"a\"\n";
    let prompt = needing("planning", -1.0);
    for (input, most, model, cost) in [
        (100, None, "a", 0.0015),
        (2_000, None, "b", 0.007),
        (100, Some(8_000), "a", 0.0015),
        (100, Some(50), "b", 0.0006),
    ] {
        let facts = RequestFacts {
            input_tokens: TokenCount(input),
            max_output_tokens: most.map(TokenCount),
            ..RequestFacts::default()
        };
        let decision = decide(text, &prompt, facts, &State::default());
        let expected = decision.candidates[0].cost.unwrap().0;
        assert_eq!(decision.model.as_str(), model, "{input} {most:?}");
        assert!((expected - cost).abs() < 1e-12, "{expected}");
    }
}

#[test]
fn ties_go_to_the_likelier_and_then_to_the_order_of_the_file() {
    let price = "price = { input = 1, output = 1 }";
    let text = |models: &str| {
        format!("[policy]\nmode = \"target\"\nquality = 0.5\n[models]\n{models}\n[route]\ndefault = \"z\"\n")
    };
    let likelier = text(&format!(
        "z = {{ use = \"demo/middling\", {price} }}\na = {{ use = \"demo/strong\", {price} }}"
    ));
    assert!(summary_of(&likelier, &needing("planning", -1.0)).starts_with("a "));
    let equal = text(&format!(
        "z = {{ use = \"demo/strong\", {price} }}\na = {{ use = \"openai/strong\", {price} }}"
    ));
    for b in [-1.0, 4.0] {
        assert!(summary_of(&equal, &needing("planning", b)).starts_with("z "), "{b}");
    }
}

#[test]
fn what_has_no_price_is_the_dearest() {
    let text = "[policy]\nmode = \"target\"\nquality = 0.5\n[models]\nfree = \"demo/strong\"\n\
        dear = { use = \"demo/middling\", price = { input = 900, output = 900 } }\n[route]\ndefault = \"free\"\n";
    assert_eq!(summary_of(text, &needing("planning", -1.0)), "dear target(0.50) reaches_quality [free]");
    assert_eq!(summary_of(text, &needing("planning", 1.5)), "free target(0.50) reaches_quality [dear]");
}

#[test]
fn candidates_can_be_listed() {
    let listed =
        file("0.8", "").replacen("quality = 0.8", "quality = 0.8\ncandidates = [\"strong\", \"cheap\"]", 1);
    assert_eq!(
        summary_of(&listed, &needing("planning", -1.0)),
        "strong target(0.80) reaches_quality [cheap mid]",
        "the row default is asked last all the same"
    );
}

#[test]
fn a_model_like_another_has_its_ability_and_less_certainty() {
    let text = file("0.8", "").replacen(
        "[models]",
        "[models]\nown = { use = \"demo/llama\", like = \"STRONG\", price = { input = 0, output = 0 } }",
        1,
    );
    let decision = decide(&text, &needing("planning", 0.0), RequestFacts::default(), &State::default());
    let chance =
        |name: &str| decision.candidates.iter().find(|one| one.model.as_str() == name).unwrap().success;
    assert_eq!(decision.model.as_str(), "own");
    assert!(chance("own") < chance("strong") && chance("own") > 0.9);
}

#[test]
fn what_a_model_is_like_is_known_in_every_mode() {
    let policy = policy(
        "[models]\nown = { use = \"demo/llama\", like = \"STRONG\" }\nlisted = { use = \"demo/weak\", like = \"strong\" }\n\
         [route]\ndefault = [\"own\", \"demo/middling\", \"demo/nobody\"]\n",
    );
    let known = |name: &str| {
        let known = policy.models()[&ModelName::new(name)].known_ability.as_ref()?;
        Some((known.listed_as.to_string(), known.like, known.ability.general.ability))
    };
    assert_eq!(known("own"), Some(("strong".to_owned(), true, Ability(2.0))));
    assert_eq!(known("listed"), Some(("weak-1".to_owned(), false, Ability(-1.0))), "measured comes first");
    assert_eq!(known("demo/middling"), Some(("middling".to_owned(), false, Ability(0.5))));
    assert_eq!(known("demo/nobody"), None);
    let at = |target: &str| {
        let target = ModelId::parse(target).unwrap();
        policy.ability(&ModelName::new("own"), &target).map(|own| own.general.ability)
    };
    assert_eq!((at("demo/llama"), at("demo/other")), (Some(Ability(2.0)), None), "it is somewhere else now");
}

#[test]
fn named_tables_have_the_same_mode() {
    let text = file("0.8", "[tables.night]\ndefault = \"demo/strong\"");
    let policy = policy(&text);
    let table = policy.table("night").unwrap();
    let decision =
        table.decide(&RequestFacts::default(), &needing("planning", 0.5), &State::default(), UnixMicros(0));
    assert_eq!(summary(&decision), "strong target(0.80) reaches_quality [demo/strong mid cheap]");
}

#[test]
fn the_hash_knows_the_mode_the_quality_and_the_abilities() {
    let hash = |text: &str| policy(text).auto().hash().clone();
    let text = file("0.8", "");
    assert_eq!(hash(&text), hash(&text.replacen("quality = 0.8", "quality = 0.80", 1)));
    for (from, to) in [
        ("mode = \"target\"", "mode = \"table\""),
        ("quality = 0.8", "quality = 0.81"),
        ("openai/weak", "openai/m0"),
        ("quality = 0.8", "quality = 0.8\ncandidates = [\"cheap\"]"),
    ] {
        assert_ne!(hash(&text), hash(&text.replacen(from, to, 1)), "{to}");
    }
}

/// Findings of a severity, in the long form.
fn found(text: &str, severity: Severity) -> String {
    let (_, diagnostics) = read(text);
    let found = diagnostics.iter().filter(|found| found.severity == severity);
    found.map(|found| format!("{found:#}\n")).collect()
}

#[test]
fn faults_of_the_section_are_named() {
    let text = "[policy]\nmode = \"taget\"\nquality = 90\ncandidates = [\"chepa\"]\nabilities = 7\nqualty = 1\n\
        [models]\ncheap = { use = \"demo/x\", like = \"strng\" }\nother = { use = \"demo/x\", like = \"nobody\" }\n\
        third = { use = \"demo/x\", like = 7 }\n[route]\ndefault = \"cheap\"\n";
    insta::assert_snapshot!(found(text, Severity::Error));
    let empty = file("-0.1", "").replacen("quality", "candidates = []\nquality", 1);
    insta::assert_snapshot!(found(&empty, Severity::Error));
}

#[test]
fn what_keeps_models_from_being_chosen_is_a_warning() {
    let text = "[policy]\nmode = \"target\"\n[models]\nknown = \"demo/strong\"\nunknown = \"demo/x\"\n\
        said = { use = \"demo/middling\", like = \"strong\", price = { input = 1, output = 1 } }\n\
        [route]\ndefault = [\"known\", \"demo/y\"]\n[tables.night]\ndefault = \"unknown\"\n";
    insta::assert_snapshot!(found(text, Severity::Warning) + &found(text, Severity::Note));
    insta::assert_snapshot!(found(
        "[policy]\nmode = \"target\"\n[route]\ndefault = \"demo/x\"\n",
        Severity::Warning
    ));
    insta::assert_snapshot!(found(
        "[policy]\nquality = 0.9\n[route]\ndefault = \"demo/x\"\n\"*\" = \"demo/x\"\n",
        Severity::Warning
    ));
    insta::assert_snapshot!(found(&file("0.8", "\"*\" = \"cheap\""), Severity::Warning));
    assert_eq!(found(&file("0.8", ""), Severity::Warning), "");
}

#[test]
fn the_matrix_has_chances() {
    let policy = policy(&file("0.8", "\"code.hard\" = \"strong\"\nunsure = \"strong\""));
    let mut matrix = policy.auto().matrix(0.5);
    insta::assert_snapshot!(matrix);
    matrix.tasks.truncate(1);
    insta::assert_json_snapshot!(matrix);
}

fn explain(policy: &Policy, labels: &Labels, facts: &RequestFacts) -> pointsman_policy::Explanation {
    policy.auto().explain(facts, labels, &State::default(), UnixMicros(0))
}

#[test]
fn an_explanation_compares_the_candidates() {
    let text =
        file("0.8", "").replacen("[models]", "[models]\nown = { use = \"demo/llama\", like = \"weak\" }", 1);
    let policy = policy(&text);
    let facts = RequestFacts { input_tokens: TokenCount(120), ..RequestFacts::default() };
    let prompt = Labels { ability_sd: 0.3, ..needing("planning", -1.0) };
    insta::assert_snapshot!(explain(&policy, &prompt, &facts));
    insta::assert_snapshot!(explain(&policy, &needing("planning", 2.5), &facts));
    insta::assert_json_snapshot!(explain(&policy, &prompt, &facts));
}
