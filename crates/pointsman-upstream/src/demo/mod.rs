//! The provider that answers on its own: same request, same reply, no network, no key.

mod completion;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::client::Call;
use crate::openai::{ChatRequest, ErrorBody};
use crate::reply::Reply;
use completion::Completion;

/// Answers the chat `body`, which is that of `call` in OpenAI's dialect, as `demo/{model}`.
pub(crate) fn chat_completion(model: &str, body: &Bytes, call: &Call<'_>) -> Reply {
    match ChatRequest::parse(body) {
        Ok(request) if request.stream => {
            let completion = Completion::new(model, &request, call);
            reply(
                StatusCode::OK,
                "text/event-stream; charset=utf-8",
                completion.events(request.include_usage),
            )
        }
        Ok(request) => json(StatusCode::OK, Completion::new(model, &request, call).to_json()),
        Err(error) => {
            let body = ErrorBody::invalid_request(error.to_string()).param(error.param());
            json(StatusCode::BAD_REQUEST, body.to_json())
        }
    }
}

fn json(status: StatusCode, body: String) -> Reply {
    let length = body.len();
    let mut reply = reply(status, "application/json", [body]);
    reply.headers.insert(CONTENT_LENGTH, length.into());
    reply
}

fn reply<I>(status: StatusCode, content_type: &'static str, chunks: I) -> Reply
where
    I: IntoIterator<Item = String>,
    I::IntoIter: Send + 'static,
{
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")];
    let headers: HeaderMap =
        headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    let body = stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk))));
    Reply { status, headers, body: body.boxed(), tells_of_its_end: false }
}
