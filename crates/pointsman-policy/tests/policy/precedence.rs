//! Properties of every decision, on generated tables, labels, facts and states.

use std::collections::BTreeMap;

use pointsman_domain::{
    Ability, AbstainReason, Band, Decision, Labels, ModelName, Needs, ProviderName, RequestFacts, Task,
    TokenCount, Vocabulary,
};
use pointsman_policy::{Policy, State, TYPICAL_INPUT, UnixMicros};
use proptest::prelude::*;

use crate::{labels, policy};

/// A table as a person would write it.
#[derive(Debug, Clone)]
struct Written {
    /// The models `m0` to `m4`.
    models: Vec<WrittenModel>,
    /// The wanted chance of success in hundredths, in mode `target`.
    quality: Option<u32>,
    /// Row key to models.
    rows: BTreeMap<String, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct WrittenModel {
    provider: usize,
    context: Option<u32>,
    no_tools: bool,
    /// Dollars per million tokens, in and out.
    price: Option<(u32, u32)>,
}

const PROVIDERS: [&str; 4] = ["openai", "anthropic", "bedrock", "demo"];

impl Written {
    fn text(&self, providers: [&str; 4]) -> String {
        let mut text = "[models]\n".to_owned();
        // Not in the order of their names.
        for (i, model) in self.models.iter().enumerate().rev() {
            let WrittenModel { provider, context, no_tools, price } = model;
            let context = context.map(|tokens| format!(", context = {tokens}")).unwrap_or_default();
            let price = price
                .map(|(input, output)| format!(", price = {{ input = {input}, output = {output} }}"))
                .unwrap_or_default();
            let provider = providers[*provider];
            text +=
                &format!("m{i} = {{ use = \"{provider}/m{i}\", tools = {}{context}{price} }}\n", !no_tools);
        }
        if let Some(hundredths) = self.quality {
            text += &format!("[policy]\nmode = \"target\"\nquality = {}\n", f64::from(hundredths) / 100.0);
        }
        text += "[route]\n";
        for (key, models) in &self.rows {
            let models: Vec<String> = models.iter().map(|model| format!("\"m{model}\"")).collect();
            text += &format!("\"{key}\" = [{}]\n", models.join(", "));
        }
        text
    }

    fn policy(&self) -> Policy {
        policy(&self.text(PROVIDERS))
    }
}

fn any_written() -> impl Strategy<Value = Written> {
    let subjects = ["chat", "math", "code_editing", "talk", "code", "think", "*"];
    let bands = ["", ".easy", ".medium", ".hard", ".expert"];
    let key = (prop::sample::select(subjects.to_vec()), prop::sample::select(bands.to_vec()))
        .prop_map(|(subject, band)| format!("{subject}{band}"));
    let choices = || prop::collection::vec(0..5usize, 1..4);
    let rows = prop::collection::btree_map(key, choices(), 0..14);
    let price = prop::option::weighted(0.8, (0..4u32, 0..4u32));
    let model = (0..4usize, prop::option::of(1..2_000u32), any::<bool>(), price)
        .prop_map(|(provider, context, no_tools, price)| WrittenModel { provider, context, no_tools, price });
    let quality = prop::option::of(0..=100u32);
    (prop::collection::vec(model, 5), quality, rows, choices(), prop::option::of(choices())).prop_map(
        |(models, quality, mut rows, default, unsure)| {
            rows.insert("default".to_owned(), default);
            rows.extend(unsure.map(|unsure| ("unsure".to_owned(), unsure)));
            Written { models, quality, rows }
        },
    )
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let tasks = ["chat", "open_qa", "math", "planning", "code_editing", "translation", "own_task"];
    let reasons = [AbstainReason::LowConfidence, AbstainReason::Empty, AbstainReason::Unavailable];
    (
        prop::sample::select(tasks.to_vec()),
        prop::sample::select(Band::ALL.to_vec()),
        prop::option::weighted(0.2, prop::sample::select(reasons.to_vec())),
        any::<f32>(),
        prop_oneof![9 => -4f32..4.0, 1 => prop::num::f32::ANY],
        0f32..2.0,
    )
        .prop_map(|(task, band, abstained, task_confidence, ability, ability_sd)| Labels {
            abstained,
            task_confidence,
            ability: Ability(ability),
            ability_sd,
            ..labels(task, band)
        })
}

fn any_facts() -> impl Strategy<Value = RequestFacts> {
    let tokens = prop_oneof![0..3_000u32, any::<u32>()];
    (tokens.clone(), prop::option::of(tokens), any::<[bool; 3]>()).prop_map(
        |(input, output, [tools, vision, structured_output])| RequestFacts {
            input_tokens: TokenCount(input),
            max_output_tokens: output.map(TokenCount),
            needs: Needs { tools, vision, structured_output },
        },
    )
}

fn any_state() -> impl Strategy<Value = State> {
    let name = prop::sample::select(vec!["m0", "m1", "m2", "m3", "m4", "gone"]).prop_map(ModelName::new);
    prop::collection::btree_map(name, (0..2_000u64).prop_map(UnixMicros), 0..4)
        .prop_map(|unhealthy_until| State { unhealthy_until })
}

const NOW: UnixMicros = UnixMicros(1_000);

/// The documented precedence, spelt out: row keys for these labels, the most specific first.
fn reference_order(labels: &Labels) -> Vec<String> {
    if labels.abstained.is_some() {
        return vec!["unsure".into(), "default".into()];
    }
    let (task, band) = (&labels.task, labels.band);
    let group = match task.as_str() {
        "chat" | "open_qa" => "talk",
        "math" | "planning" => "think",
        "code_editing" => "code",
        "translation" => "text",
        _ => "(no group)",
    };
    vec![
        format!("{task}.{band}"),
        format!("{group}.{band}"),
        format!("*.{band}"),
        task.to_string(),
        group.to_owned(),
        "*".to_owned(),
        "default".to_owned(),
    ]
}

/// The models of known ability, `m0` to `m3`, in the order that the documentation of mode `target` promises, spelt out:
/// one after the other, the best of those that are left.
fn reference_ranking(written: &Written, facts: &RequestFacts, labels: &Labels) -> Vec<usize> {
    let quality = f64::from(written.quality.unwrap_or(0)) / 100.0;
    let chance = |model: usize| {
        let (mut ability, mut se) = [(-1.5, 0.1), (-0.5, 0.2), (0.5, 0.3), (1.5, 0.0)][model];
        let slope: f64 = if labels.task.as_str() == "chat" { 1.0 } else { 1.5 };
        if (model, labels.task.as_str()) == (3, "math") {
            (ability, se) = (-2.0, 0.1);
        }
        let (needed, sd) = (f64::from(labels.ability.0), f64::from(labels.ability_sd));
        let variance = sd * sd + f64::from(se as f32).powi(2);
        let logit =
            slope * (ability - needed) / (1.0 + std::f64::consts::PI / 8.0 * slope * slope * variance).sqrt();
        let chance = if logit.is_nan() { 0.5 } else { 1.0 / (1.0 + (-logit).exp()) };
        (chance * 1e6).round() / 1e6
    };
    let reply = f64::from(facts.max_output_tokens.map_or(500, |most| most.0.min(500)));
    let cost = |model: usize| match written.models[model].price {
        Some((input, output)) => {
            f64::from(input) * f64::from(facts.input_tokens.0) / 1e6 + f64::from(output) * reply / 1e6
        }
        None => f64::INFINITY,
    };
    // As the file has them: the last first.
    let mut left = vec![3, 2, 1, 0];
    let mut ranking = Vec::new();
    while !left.is_empty() {
        let reaching: Vec<usize> = left.iter().copied().filter(|model| chance(*model) >= quality).collect();
        let better = |a: usize, b: usize| {
            if reaching.is_empty() {
                chance(a) > chance(b) || chance(a) == chance(b) && cost(a) < cost(b)
            } else {
                cost(a) < cost(b) || cost(a) == cost(b) && chance(a) > chance(b)
            }
        };
        let pool = if reaching.is_empty() { left.clone() } else { reaching.clone() };
        let best =
            pool.into_iter().reduce(|best, next| if better(next, best) { next } else { best }).unwrap();
        left.retain(|model| *model != best);
        ranking.push(best);
    }
    ranking
}

/// The row and the model that the documentation promises.
fn reference(written: &Written, facts: &RequestFacts, labels: &Labels, state: &State) -> (String, usize) {
    let able = |model: &usize| {
        let WrittenModel { context, no_tools, .. } = written.models[*model];
        let tokens = u64::from(facts.input_tokens.0) + u64::from(facts.max_output_tokens.map_or(0, |t| t.0));
        let name = ModelName::new(format!("m{model}"));
        context.is_none_or(|context| tokens <= u64::from(context))
            && !(no_tools && facts.needs.tools)
            && state.unhealthy_until.get(&name).is_none_or(|until| *until <= NOW)
    };
    let mut rows: Vec<(String, Vec<usize>)> = reference_order(labels)
        .into_iter()
        .filter_map(|key| written.rows.get(&key).map(|models| (key, models.clone())))
        .collect();
    if let (Some(quality), None) = (written.quality, labels.abstained) {
        let target =
            (format!("target({:.2})", f64::from(quality) / 100.0), reference_ranking(written, facts, labels));
        rows.insert(rows.len() - 1, target);
    }
    for (key, models) in &rows {
        if let Some(model) = models.iter().find(|model| able(model)) {
            return (key.clone(), *model);
        }
    }
    (rows[0].0.clone(), rows[0].1[0])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_most_specific_able_row_wins(
        written in any_written(), labels in any_labels(), facts in any_facts(), state in any_state()
    ) {
        let decision = written.policy().auto().decide(&facts, &labels, &state, NOW);
        let (rule, model) = reference(&written, &facts, &labels, &state);
        prop_assert_eq!((decision.rule.0, decision.model.to_string()), (rule, format!("m{model}")));
    }

    #[test]
    fn there_is_always_a_decision_and_its_models_exist(
        written in any_written(), labels in any_labels(), facts in any_facts(), state in any_state()
    ) {
        let policy = written.policy();
        let decision = policy.auto().decide(&facts, &labels, &state, NOW);
        prop_assert_eq!(&policy.models()[&decision.model].target, &decision.target);
        let skipped = decision.skipped.iter().map(|skip| &skip.model);
        for name in decision.fallbacks.iter().chain(skipped) {
            prop_assert!(policy.models().contains_key(name));
        }
        prop_assert!(!decision.fallbacks.contains(&decision.model));
        let by_row = decision.rule.0 == "default" || written.rows.contains_key(&decision.rule.0);
        prop_assert!(by_row != decision.rule.0.starts_with("target("));
        prop_assert_eq!(by_row, decision.candidates.is_empty());
        if let Some(first) = decision.candidates.first() {
            prop_assert_eq!(&first.model, &decision.model);
        }
    }

    #[test]
    fn a_decision_is_the_same_after_a_record(
        written in any_written(), labels in any_labels(), facts in any_facts(), state in any_state()
    ) {
        let decision = written.policy().auto().decide(&facts, &labels, &state, NOW);
        let text = serde_json::to_string(&decision).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
    }

    #[test]
    fn the_same_input_gives_the_same_decision(
        written in any_written(), labels in any_labels(), facts in any_facts(), state in any_state()
    ) {
        let (one, other) = (written.policy(), written.policy());
        prop_assert_eq!(one.auto().hash(), other.auto().hash());
        let decide = |policy: &Policy| policy.auto().decide(&facts, &labels, &state, NOW);
        prop_assert_eq!(decide(&one), decide(&other));
        prop_assert_eq!(one.auto().explain(&facts, &labels, &state, NOW).decision, decide(&one));
    }

    #[test]
    fn renaming_providers_renames_targets_and_changes_nothing_else(
        written in any_written(), labels in any_labels(), facts in any_facts(), state in any_state(),
        shuffled in Just(PROVIDERS.to_vec()).prop_shuffle()
    ) {
        let renamed = [shuffled[0], shuffled[1], shuffled[2], shuffled[3]];
        let before = written.policy().auto().decide(&facts, &labels, &state, NOW);
        let written_so = policy(&written.text(renamed));
        let place_of = |name: &ProviderName| PROVIDERS.iter().position(|own| *own == name.as_str()).unwrap();
        let named_so = written.policy().renamed(&|name| ProviderName::new(renamed[place_of(name)]));
        prop_assert_eq!(named_so.auto().hash(), written_so.auto().hash());
        prop_assert_eq!(named_so.models(), written_so.models());
        let mut after = named_so.auto().decide(&facts, &labels, &state, NOW);
        prop_assert_eq!(&after, &written_so.auto().decide(&facts, &labels, &state, NOW));
        let place = PROVIDERS.iter().position(|name| *name == before.target.provider().as_str()).unwrap();
        prop_assert_eq!(after.target.provider().as_str(), renamed[place]);
        prop_assert_eq!(after.target.model(), before.target.model());
        after.target = before.target.clone();
        prop_assert_eq!(after, before);
    }

    #[test]
    fn the_matrix_is_what_is_decided(mut written in any_written()) {
        // The matrix supposes that every model can take the request.
        written.models.iter_mut().for_each(|model| model.context = None);
        let policy = written.policy();
        let facts = RequestFacts { input_tokens: TYPICAL_INPUT, ..RequestFacts::default() };
        for row in policy.auto().matrix(0.0).tasks {
            for cell in row.cells {
                let band = cell.band.unwrap();
                let ability = band.middle().ability();
                let labels = Labels { task: row.task.clone(), ability, ..labels("chat", band) };
                let decision = policy.auto().decide(&facts, &labels, &State::default(), NOW);
                prop_assert_eq!((decision.rule, decision.model), (cell.rule, cell.model));
                prop_assert_eq!(decision.fallbacks, cell.fallbacks);
            }
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "[a-z\\[\\]{}=\"'.*#,0-9_ \n\u{e4}\u{1f600}-]{0,200}") {
        let (policy, diagnostics) = crate::read(&text);
        for diagnostic in &diagnostics {
            prop_assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
            let long = format!("{diagnostic:#}");
            prop_assert!(long.starts_with("pointsman.toml:"));
        }
        prop_assert!(policy.is_some() || !diagnostics.is_empty());
    }
}

#[test]
fn the_reference_knows_the_groups_of_its_tasks() {
    let standard = Vocabulary::standard();
    for name in ["chat", "open_qa", "math", "planning", "code_editing", "translation", "own_task"] {
        let group = Task::new(name).ok().and_then(|task| standard.group_of(&task).cloned());
        let spelt = reference_order(&labels(name, Band::Easy)).remove(4);
        assert_eq!(group.map_or("(no group)".to_owned(), |group| group.to_string()), spelt);
    }
}
