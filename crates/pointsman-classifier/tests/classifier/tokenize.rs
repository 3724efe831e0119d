//! What of a prompt the model reads.

use pointsman_classifier::{TokenizeError, Tokenized, Tokenizer};
use pointsman_domain::{Prompt, Role, Turn};
use proptest::prelude::*;

use crate::tiny;

fn tokenizer(window: usize) -> Tokenizer {
    Tokenizer::from_json(&tiny::word_piece(), window).expect("a tokenizer")
}

/// `nA nA+1 … nB`, one token each.
fn words(from: usize, to: usize) -> String {
    (from..=to).map(|n| format!("n{n} ")).collect()
}

fn turn(role: Role, text: &str) -> Turn {
    Turn { role, text: text.to_owned() }
}

/// The tokens as text, segments of type 1 after `|`.
fn shown(tokenizer: &Tokenizer, tokenized: &Tokenized) -> String {
    let special = tokenizer.special_ids();
    let names: Vec<String> = ["system", "user", "assistant", "tool", ":"]
        .iter()
        .flat_map(|name| tokenizer.encode(name).expect("known").into_iter().map(move |id| (id, name)))
        .map(|(id, name)| format!("{id}={name}"))
        .collect();
    let name = |id: u32| match id {
        id if id == special.start => "[".to_owned(),
        id if id == special.separator => "]".to_owned(),
        id if (4..1004).contains(&id) => format!("n{}", id - 4),
        id => names
            .iter()
            .find_map(|entry| entry.strip_prefix(&format!("{id}=")))
            .map_or_else(|| format!("?{id}"), str::to_owned),
    };
    let ids = &tokenized.ids;
    let first = ids.type_ids.iter().filter(|kind| **kind == 0).count();
    let text = |ids: &[u32]| ids.iter().map(|id| name(*id)).collect::<Vec<_>>().join(" ");
    format!("{} | {}", text(&ids.ids[..first]), text(&ids.ids[first..]))
        .trim_end_matches(" | ")
        .replace(" :", ":")
}

fn laid_out(window: usize, prompt: &Prompt) -> String {
    let tokenizer = tokenizer(window);
    shown(&tokenizer, &tokenizer.tokenize(prompt).expect("tokenises"))
}

#[test]
fn a_prompt_that_fits_is_read_whole() {
    let prompt = Prompt::from_turns(vec![
        turn(Role::System, "n1 n2"),
        turn(Role::User, "n3"),
        turn(Role::Assistant, "n4"),
        turn(Role::Tool, " "),
        turn(Role::User, "n5 n6"),
        turn(Role::Assistant, "n7"),
    ]);
    assert_eq!(laid_out(64, &prompt), "[ n5 n6 ] | system: n1 n2 user: n3 assistant: n4 ]");
    assert_eq!(laid_out(64, &Prompt::from_text("n1")), "[ n1 ]");
    assert_eq!(laid_out(64, &Prompt::default()), "[ ]");
}

#[test]
fn head_and_tail_of_a_long_subject_stay() {
    let prompt = Prompt::from_text(words(0, 99));
    assert_eq!(laid_out(16, &prompt), "[ n0 n1 n2 n3 n4 n5 n6 n93 n94 n95 n96 n97 n98 n99 ]");
    let tokenized = tokenizer(16).tokenize(&prompt).expect("tokenises");
    assert_eq!((tokenized.tokens.0, tokenized.tokens_seen.0), (102, 16));
}

#[test]
fn context_has_its_share_of_a_full_window_and_more_of_an_empty_one() {
    let long = |text: &str| Prompt::from_turns(vec![turn(Role::User, &words(0, 99)), turn(Role::User, text)]);
    // 32 − 3 special tokens leave 29: a quarter is 7, of which `user:` takes 2.
    let full = laid_out(32, &long(&words(200, 299)));
    assert!(full.ends_with("| user: n0 n1 n2 n98 n99 ]"), "{full}");
    let short = laid_out(32, &long("n7 n8"));
    assert!(short.starts_with("[ n7 n8 ] | user: n0 n1 n2") && short.ends_with("n98 n99 ]"), "{short}");
    assert_eq!(tokenizer(32).tokenize(&long("n7 n8")).expect("tokenises").tokens_seen.0, 32);
}

#[test]
fn recent_turns_and_the_head_of_the_system_prompt_are_read() {
    let mut turns = vec![turn(Role::System, &words(0, 50))];
    turns.extend((100..110).map(|n| turn(Role::Assistant, &format!("n{n}"))));
    turns.push(turn(Role::User, "n1"));
    let prompt = Prompt::from_turns(turns);
    assert_eq!(
        laid_out(24, &prompt),
        "[ n1 ] | system: n0 n1 n2 n3 n4 n5 assistant: n106 assistant: n107 assistant: n108 assistant: n109 ]"
    );
    // 3 special tokens, the subject, `system:` with 51 words, ten turns of 3.
    assert_eq!(tokenizer(24).tokenize(&prompt).expect("tokenises").tokens.0, 3 + 1 + 53 + 30);
}

#[test]
fn a_turn_in_which_the_vocabulary_sees_nothing_is_not_there() {
    let prompt = Prompt::from_turns(vec![turn(Role::System, "\u{fffd}"), turn(Role::User, "n1")]);
    let tokenized = tokenizer(24).tokenize(&prompt).expect("tokenises");
    assert_eq!(shown(&tokenizer(24), &tokenized), "[ n1 ]");
    assert_eq!(tokenized.tokens, tokenized.tokens_seen);
}

#[test]
fn special_tokens_in_a_text_are_plain_text() {
    let tokenizer = tokenizer(64);
    let special = tokenizer.special_ids();
    let tokenized = tokenizer.tokenize(&Prompt::from_text("n1 [SEP] [CLS] [PAD] n2")).expect("tokenises");
    let count = |of: u32| tokenized.ids.ids.iter().filter(|id| **id == of).count();
    assert_eq!([count(special.start), count(special.separator), count(special.padding)], [1, 1, 0]);
}

#[test]
fn very_long_texts_are_read_at_their_ends_and_estimated() {
    let tokenizer = tokenizer(64);
    let middle = "lorem ipsum ".repeat(1_000_000);
    let prompt = Prompt::from_turns(vec![
        turn(Role::User, &middle),
        turn(Role::User, &format!("n1 n2 {middle} n998 n999")),
    ]);
    let tokenized = tokenizer.tokenize(&prompt).expect("tokenises");
    let text = shown(&tokenizer, &tokenized);
    assert!(text.starts_with("[ n1 n2 ") && text.contains(" n998 n999 ] | user:"), "{text}");
    // Ten letters are ten tokens here, in two turns of a million pairs of words.
    let exact = 20_000_000.0;
    assert!((f64::from(tokenized.tokens.0) / exact - 1.0).abs() < 0.02, "{}", tokenized.tokens);
}

#[test]
fn unigram_tokenizers_have_their_own_special_tokens() {
    let tokenizer = Tokenizer::from_json(&tiny::unigram(), 32).expect("a tokenizer");
    let special = tokenizer.special_ids();
    assert_eq!((special.start, special.padding, special.separator), (0, 1, 2));
    let prompt = Prompt::from_turns(vec![turn(Role::Assistant, "n1"), turn(Role::User, "n2 </s> n3")]);
    let ids = tokenizer.tokenize(&prompt).expect("tokenises").ids;
    assert_eq!(ids.ids[..2], [0, 6]);
    assert_eq!(ids.ids.iter().filter(|id| **id == special.separator).count(), 2);
    assert_eq!(ids.ids.last(), Some(&special.separator));
}

#[test]
fn a_tokenizer_that_cannot_serve_is_refused() {
    let message = |json: &[u8], window| Tokenizer::from_json(json, window).expect_err("refused").to_string();
    insta::assert_snapshot!(message(b"{}", 64), @"`tokenizer.json` cannot be read: Model missing. at line 1 column 2; it must be written by the `tokenizers` library");
    insta::assert_snapshot!(message(&tiny::word_piece(), 8), @"a window of 8 tokens is too small; it must be at least 16");
    let text = String::from_utf8(tiny::word_piece()).expect("JSON").replace("[SEP]", "[END]");
    insta::assert_snapshot!(message(text.as_bytes(), 64), @"`tokenizer.json` has neither `[SEP]` nor `</s>`; use the tokenizer of a BERT or XLM-RoBERTa model");
    assert!(matches!(Tokenizer::from_json(b"", 64), Err(TokenizeError::Json { .. })));
}

fn any_prompt() -> impl Strategy<Value = Prompt> {
    let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant), Just(Role::Tool)];
    let text =
        prop_oneof![any::<String>(), "[a-z0-9 \\n]{0,300}", "\\PC{0,60}", Just("漢字🙂\u{200d}".repeat(40))];
    let turns = proptest::collection::vec((role, text), 0..8);
    turns.prop_map(|turns| {
        Prompt::from_turns(turns.into_iter().map(|(role, text)| Turn { role, text }).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_prompt_fits_its_window(prompt in any_prompt(), window in 16usize..200) {
        for json in [tiny::word_piece(), tiny::unigram()] {
            let tokenizer = Tokenizer::from_json(&json, window).expect("a tokenizer");
            let Tokenized { ids, tokens, tokens_seen } = tokenizer.tokenize(&prompt).expect("tokenises");
            let special = tokenizer.special_ids();
            prop_assert!(ids.ids.len() <= window && ids.ids.len() == ids.type_ids.len());
            prop_assert_eq!(ids.ids.len(), tokens_seen.0 as usize);
            prop_assert!(tokens >= tokens_seen);
            prop_assert_eq!(ids.ids.first(), Some(&special.start));
            prop_assert_eq!(ids.ids.last(), Some(&special.separator));
            prop_assert!(ids.ids.iter().all(|id| (*id as usize) < tokenizer.vocabulary_size()));
            prop_assert!(ids.type_ids.is_sorted());
            let few_turns = prompt.turns().len() <= Tokenizer::RECENT_TURNS;
            prop_assert!(!few_turns || tokens.0 as usize > window || tokens == tokens_seen, "what fits is read whole");
        }
    }

    #[test]
    fn both_ends_of_any_subject_stay(count in 1usize..1000, window in 16usize..200) {
        let tokenizer = tokenizer(window);
        let prompt = Prompt::from_text(words(0, count - 1));
        let tokenized = tokenizer.tokenize(&prompt).expect("tokenises");
        let room = window - 2;
        let kept: Vec<u32> = tokenized.ids.ids[1..tokenized.ids.ids.len() - 1].iter().map(|id| id - 4).collect();
        let (head, tail) = (room.div_ceil(2), room / 2);
        let last = u32::try_from(count).expect("small");
        let expected: Vec<u32> = (0..last)
            .filter(|n| count <= room || (*n as usize) < head || (*n as usize) >= count - tail)
            .collect();
        prop_assert_eq!(kept, expected);
    }
}
