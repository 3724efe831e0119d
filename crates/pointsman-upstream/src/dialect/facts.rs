//! What a passing reply says of itself, beside its token counts.

use std::collections::BTreeMap;

use serde_json::Value;

/// Who answered, and why the reply ended, in the words of the reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyFacts {
    /// The reply's id.
    pub id: Option<String>,
    /// The model that the reply names.
    pub model: Option<String>,
    /// Why each choice ended, by its index; of dialects without choices why the reply did, at 0.
    pub finish_reasons: BTreeMap<u64, String>,
}

impl ReplyFacts {
    /// Takes what a reply, or an event of its stream, says. What it does not say stays as it is.
    ///
    /// Dialects put it into the object itself, into the message with which a stream begins, or into the response with which
    /// it ends. What is blank is not said: Azure's first chunk has an id and a model without a letter.
    pub(super) fn take(&mut self, told: &Value) {
        for part in [told, &told["message"], &told["response"]] {
            let text = |key: &str| part[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            self.id = self.id.take().or_else(|| text("id"));
            self.model = self.model.take().or_else(|| text("model"));
            self.ended(0, part["stop_reason"].as_str().or_else(|| end_of_response(part)));
        }
        for choice in told["choices"].as_array().into_iter().flatten() {
            self.ended(choice["index"].as_u64().unwrap_or(0), choice["finish_reason"].as_str());
        }
        self.ended(0, told["delta"]["stop_reason"].as_str());
    }

    fn ended(&mut self, choice: u64, reason: Option<&str>) {
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.finish_reasons.insert(choice, reason.to_owned());
        }
    }
}

/// Why a response of OpenAI's Responses ended, if `part` is one that has.
fn end_of_response(part: &Value) -> Option<&str> {
    let status = part["status"].as_str().filter(|status| !["in_progress", "queued"].contains(status))?;
    Some(part["incomplete_details"]["reason"].as_str().unwrap_or(status))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is known after these objects, as `id model reasons`.
    fn known(told: &[Value]) -> String {
        let mut facts = ReplyFacts::default();
        told.iter().for_each(|one| facts.take(one));
        let ReplyFacts { id, model, finish_reasons } = facts;
        format!("{} {} {finish_reasons:?}", id.unwrap_or_default(), model.unwrap_or_default())
    }

    #[test]
    fn facts_are_found_in_every_dialect() {
        let choice = |index: u64, reason: Option<&str>| json!({"index": index, "finish_reason": reason});
        let chat = |choices: &[Value]| json!({"id": "c", "model": "m", "choices": choices});
        let both = chat(&[choice(0, Some("stop")), choice(1, Some("length"))]);
        assert_eq!(known(&[both]), "c m {0: \"stop\", 1: \"length\"}");
        let (on, last) = (chat(&[choice(0, None)]), chat(&[choice(0, Some("stop"))]));
        assert_eq!(known(&[on.clone(), last]), "c m {0: \"stop\"}");
        assert_eq!(known(std::slice::from_ref(&on)), "c m {}", "it broke off");
        let blank = json!({"id": "", "model": "", "choices": [{"index": 0, "finish_reason": ""}]});
        assert_eq!(known(&[blank, on]), "c m {}", "Azure begins so");
        let message = json!({"id": "a", "model": "m", "stop_reason": "end_turn"});
        assert_eq!(known(&[message]), "a m {0: \"end_turn\"}");
        let start = json!({"message": {"id": "a", "model": "m", "stop_reason": null}});
        let end = json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}});
        assert_eq!(known(&[start, end]), "a m {0: \"max_tokens\"}");
        let response = |status: &str| json!({"id": "r", "model": "m", "status": status});
        assert_eq!(known(&[response("completed")]), "r m {0: \"completed\"}");
        let event = |status: &str| json!({"type": "response.any", "response": response(status)});
        let text = json!({"type": "response.output_text.delta", "delta": "hi", "item_id": "i"});
        assert_eq!(known(&[event("in_progress"), text, event("completed")]), "r m {0: \"completed\"}");
        let mut short = response("incomplete");
        short["incomplete_details"] = json!({"reason": "max_output_tokens"});
        assert_eq!(known(&[short]), "r m {0: \"max_output_tokens\"}");
        assert_eq!(known(&[json!({"id": 7, "choices": "none"}), json!([1]), json!("text")]), "  {}");
    }
}
