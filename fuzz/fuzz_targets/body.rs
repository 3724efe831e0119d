//! Bodies of requests and replies: read for routing, given another model, translated between all dialects.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_upstream::fuzzing::translate_body;
use pointsman_upstream::openai::ChatRequest;
use pointsman_upstream::{CompletionsRequest, MessagesRequest, RequestBody, ResponsesRequest};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(body) = RequestBody::parse(bytes.to_vec().into()) {
        let asked = body.model().to_owned();
        let rewritten = RequestBody::parse(body.with_model("another")).expect("still a request");
        assert_eq!(rewritten.model(), "another");
        let back = RequestBody::parse(rewritten.with_model(&asked)).expect("still a request");
        assert_eq!(back.model(), asked);
    }
    let _ = ChatRequest::parse(bytes);
    let _ = ResponsesRequest::parse(bytes);
    let _ = CompletionsRequest::parse(bytes);
    let _ = MessagesRequest::parse(bytes);
    translate_body(bytes);
});
