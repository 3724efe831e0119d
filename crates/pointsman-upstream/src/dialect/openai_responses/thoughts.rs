//! Thoughts of models that are not OpenAI's, in items of type `reasoning`.

use bytes::Bytes;
use serde_json::Value;

use super::super::conversation::Part;
use super::super::lossy::Lossy;

/// What stands before a signature that another provider gave to a thought.
const SIGNED: &str = "pointsman:signed:";

/// What stands before a thought that only its provider can read.
const REDACTED: &str = "pointsman:redacted:";

/// What both begin with, and nothing of OpenAI's does: its own is base64.
const FOREIGN: &str = "pointsman:";

/// `encrypted_content` for a signature.
pub(super) fn of_signature(signature: &str) -> String {
    format!("{SIGNED}{signature}")
}

/// `encrypted_content` for a thought that only its provider can read.
pub(super) fn of_redacted(data: &str) -> String {
    format!("{REDACTED}{data}")
}

/// The thought of an item, and whether its `encrypted_content`, which is OpenAI's own, was left behind.
pub(super) fn read(text: String, encrypted: Option<String>) -> (Part, bool) {
    let Some(encrypted) = encrypted else {
        return (Part::Thinking { text, signature: None }, false);
    };
    if let Some(data) = encrypted.strip_prefix(REDACTED) {
        return (Part::RedactedThinking { data: data.to_owned() }, false);
    }
    match encrypted.strip_prefix(SIGNED) {
        Some(signature) => (Part::Thinking { text, signature: Some(signature.to_owned()) }, false),
        None => (Part::Thinking { text, signature: None }, true),
    }
}

/// A request without the thoughts that OpenAI could not read, and would refuse; nothing if there are none in it.
pub(crate) fn without_foreign(body: &[u8]) -> Option<(Bytes, Lossy)> {
    // The key that comes before it may be written in many ways, the mark only in this one.
    body.windows(FOREIGN.len()).position(|window| window == FOREIGN.as_bytes())?;
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let items = value.get_mut("input")?.as_array_mut()?;
    let is_foreign =
        |item: &Value| item["encrypted_content"].as_str().is_some_and(|text| text.starts_with(FOREIGN));
    let mut lossy = Lossy::new();
    for (index, item) in items.iter().enumerate() {
        if is_foreign(item) {
            lossy.add(format!("input[{index}]"));
        }
    }
    items.retain(|item| !is_foreign(item));
    (!lossy.is_empty()).then(|| (value.to_string().into(), lossy))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_thoughts_of_others_are_taken_out() {
        let own = json!({"type": "reasoning", "encrypted_content": "gAAAAA=="});
        let said = json!({"role": "user", "content": "pointsman:signed: is a mark"});
        for encrypted in [of_signature("s"), of_redacted("d")] {
            let foreign = json!({"type": "reasoning", "encrypted_content": encrypted});
            let body = json!({"model": "m", "input": [own, foreign, said]}).to_string();
            let (rest, lossy) = without_foreign(body.as_bytes()).expect("a foreign thought");
            let rest: Value = serde_json::from_slice(&rest).expect("JSON");
            assert_eq!(rest, json!({"model": "m", "input": [own, said]}));
            assert_eq!(lossy.paths().collect::<Vec<_>>(), ["input[1]"]);
        }
        for body in [json!({"input": [own, said]}), json!({"input": "pointsman:signed:"})] {
            assert_eq!(without_foreign(body.to_string().as_bytes()), None);
        }
        assert_eq!(without_foreign(b"pointsman: not JSON"), None);
    }
}
