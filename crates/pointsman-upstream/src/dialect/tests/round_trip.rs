//! From one dialect to the other and back the meaning stays.

use proptest::prelude::*;
use serde_json::json;

use super::super::conversation::*;
use super::generate::{completion, conversation, near_json};
use super::*;

/// The same for all conversations that mean the same.
fn meaning(mut conversation: Conversation) -> Conversation {
    let mut messages: Vec<Message> = Vec::new();
    for mut message in conversation.messages {
        if message.role == Role::Developer {
            message.role = Role::System;
        }
        for part in &mut message.parts {
            if let Part::ToolCall { arguments, .. } = part {
                *arguments = serde_json::from_str::<Value>(arguments).expect("JSON").to_string();
            }
        }
        match messages.last_mut().filter(|last| last.role == message.role) {
            Some(last) => last.parts.append(&mut message.parts),
            None => messages.push(message),
        }
    }
    conversation.messages = messages;
    conversation.tool_choice = conversation.tool_choice.filter(|choice| *choice != ToolChoice::Auto);
    conversation.parallel_tool_calls = conversation.parallel_tool_calls.filter(|parallel| !parallel);
    conversation.include_usage = true;
    if conversation.reasoning.effort.is_some() {
        conversation.reasoning.thinking = None;
    }
    for tool in &mut conversation.tools {
        tool.strict = tool.strict.filter(|strict| *strict);
    }
    if let Some(OutputFormat::Schema { name, .. }) = &mut conversation.output {
        *name = None;
    }
    conversation
}

/// The conversation without what one of two dialects has no words for.
fn of_both(mut conversation: Conversation, first: Dialect, second: Dialect) -> Conversation {
    if [first, second].contains(&Dialect::OpenAiResponses) {
        conversation.stop.clear();
    }
    conversation
}

fn written_and_read(conversation: &Conversation, dialect: Dialect) -> (Conversation, Lossy) {
    let mut lossy = Lossy::new();
    let body = write_request(conversation, recipient(dialect), &mut lossy).expect("writable");
    let read = read_request(body, dialect, &mut lossy).expect("readable");
    (read, lossy)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_conversation_keeps_its_meaning(conversation in conversation()) {
        for (first, second) in pairs() {
            let conversation = of_both(conversation.clone(), first, second);
            let expected = meaning(conversation.clone());
            let (once, lossy) = written_and_read(&conversation, first);
            prop_assert_eq!(lossy.paths().collect::<Vec<_>>(), Vec::<&str>::new(), "{:?}", first);
            prop_assert_eq!(&meaning(once.clone()), &expected, "{:?}", first);
            let (twice, lossy) = written_and_read(&once, second);
            let named = |path: &&str| *path != "response_format.json_schema.name";
            prop_assert_eq!(lossy.paths().filter(named).collect::<Vec<_>>(), Vec::<&str>::new());
            prop_assert_eq!(&meaning(twice.clone()), &expected, "{:?} {:?}", first, second);
            let (thrice, _) = written_and_read(&twice, first);
            prop_assert_eq!(&meaning(thrice), &expected);
        }
    }

    #[test]
    fn a_reply_keeps_its_meaning(completion in completion()) {
        for (first, second) in pairs() {
            let mut lossy = Lossy::new();
            let once = write_reply(&completion, first, &called(), &mut lossy);
            prop_assert_eq!(&read_reply(once.clone(), spoken(first), &mut lossy).expect("readable"), &completion);
            let twice = translate_reply(once.clone(), spoken(first), second, &called(), &mut lossy).expect("readable");
            let thrice = translate_reply(twice, spoken(second), first, &called(), &mut lossy).expect("readable");
            prop_assert_eq!(thrice, once);
            prop_assert!(lossy.is_empty(), "{:?}", lossy);
        }
    }

    #[test]
    fn any_json_is_no_panic(value in near_json()) {
        for dialect in DIALECTS.into_iter().chain([Dialect::OpenAiCompletions]) {
            let mut lossy = Lossy::new();
            if let Ok(conversation) = read_request(value.clone(), dialect, &mut lossy) {
                for to in DIALECTS {
                    let _ = write_request(&conversation, recipient(to), &mut lossy);
                }
            }
            if let Ok(completion) = read_reply(value.clone(), spoken(dialect), &mut lossy) {
                for to in DIALECTS {
                    write_reply(&completion, to, &called(), &mut lossy);
                }
            }
        }
    }

    #[test]
    fn messages_of_any_json_are_no_panic(messages in prop::collection::vec(near_json(), 0..4), tool in near_json()) {
        let body = json!({"model": "m", "messages": messages, "input": messages, "tools": [tool], "max_tokens": 5});
        for dialect in DIALECTS {
            let _ = translated(body.clone(), dialect);
        }
    }
}
