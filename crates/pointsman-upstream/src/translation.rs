//! A call in one dialect to a provider of another.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use pointsman_domain::ProviderName;
use serde_json::{Map, Value};

use crate::client::Call;
use crate::dialect::{
    Called, Dialect, ErrorReply, Lossy, ProviderDialect, Recipient, ReplyForm, StreamTranslator,
    TranslationError, openai_responses, translate_reply, translate_request,
};
use crate::error::{ErrorKind, UpstreamError};
use crate::headers;
use crate::reply::{Reply, ReplyBody};

/// Names what the other side did not get.
pub(crate) const LOSSY: HeaderName = HeaderName::from_static("x-pointsman-lossy");

/// Bedrock's id of a request, which is the only one that its replies have.
const AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How long a reply that has to be read as a whole may be.
const REPLY_LIMIT_BYTES: usize = 64 << 20;

/// What has to be known of a translated request to translate its reply.
#[derive(Debug)]
pub(crate) struct Translation {
    client: Dialect,
    provider: ProviderDialect,
    form: ReplyForm,
    /// What the reply is called if the provider does not say.
    called: Called,
    lossy: Lossy,
}

impl Translation {
    /// The body of `call` as `recipient` takes it.
    pub(crate) fn of_request(
        call: &Call<'_>,
        recipient: Recipient<'_>,
    ) -> Result<(Bytes, Self), TranslationError> {
        let body: Value = serde_json::from_slice(call.body.bytes())
            .map_err(|error| TranslationError::new("body", format!("cannot be read: {error}")))?;
        let asked = match call.dialect {
            Dialect::OpenAiResponses => openai_responses::repeated(&body),
            _ => Map::new(),
        };
        let mut lossy = Lossy::new();
        let (body, form) = translate_request(body, call.dialect, recipient, &mut lossy)?;
        let called = Called {
            id: call.request_id.to_owned(),
            model: recipient.model.to_owned(),
            created_unix_s: call.received_unix_s,
            asked,
        };
        let translation = Self { client: call.dialect, provider: recipient.dialect, form, called, lossy };
        Ok((body.to_string().into(), translation))
    }

    /// Whether the client asked for a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.form.stream
    }

    /// The reply as the client takes it: a stream as it comes, anything else once it has come whole.
    pub(crate) async fn of_reply(
        mut self,
        reply: Reply,
        name: &ProviderName,
    ) -> Result<Reply, UpstreamError> {
        let bad = |detail: String| UpstreamError::new(ErrorKind::BadReply, name, detail);
        let encoding = reply.headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
        if let Some(encoding) = encoding {
            return Err(bad(format!("it is encoded as {encoding:?}, which was not asked for")));
        }
        if !reply.status.is_success() {
            let status = self.status(reply.status);
            let body = read(reply.body, name).await?;
            let error = ErrorReply::read(status, &body).to_json(self.client);
            let headers = self.headers(reply.headers);
            return Ok(whole(status, headers, error.to_string()));
        }
        if let Some(id) = reply.headers.get(AMZN_REQUEST_ID).and_then(|id| id.to_str().ok()) {
            id.clone_into(&mut self.called.id);
        }
        let content_type = reply.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_stream = content_type.to_ascii_lowercase().starts_with(self.stream_type());
        match (is_stream, self.form.stream) {
            (true, true) => Ok(self.of_stream(reply, name)),
            (false, false) => self.of_whole(reply, name).await,
            (true, false) => Err(bad("it is a stream, which was not asked for".to_owned())),
            (false, true) => Err(bad("it is no stream, which was asked for".to_owned())),
        }
    }

    async fn of_whole(mut self, reply: Reply, name: &ProviderName) -> Result<Reply, UpstreamError> {
        let bad = |detail: String| UpstreamError::new(ErrorKind::BadReply, name, detail);
        let body = read(reply.body, name).await?;
        let body = serde_json::from_slice(&body).map_err(|error| bad(format!("it is not JSON: {error}")))?;
        let translated = translate_reply(body, self.provider, self.client, &self.called, &mut self.lossy);
        let translated = translated.map_err(|error| bad(error.to_string()))?.to_string();
        let headers = self.headers(reply.headers);
        Ok(whole(reply.status, headers, translated))
    }

    fn of_stream(self, reply: Reply, name: &ProviderName) -> Reply {
        let mut headers = self.headers(reply.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        let translator = StreamTranslator::new(self.provider, self.client, self.form, self.called);
        let body = translated_stream(reply.body, translator, name.clone());
        Reply { status: reply.status, headers, body, tells_of_its_end: true }
    }

    /// How the provider's streams begin to say what they are.
    fn stream_type(&self) -> &'static [u8] {
        match self.provider {
            ProviderDialect::OpenAiChat | ProviderDialect::OpenAiResponses | ProviderDialect::Anthropic => {
                b"text/event-stream"
            }
            ProviderDialect::Converse => b"application/vnd.amazon.eventstream",
        }
    }

    /// The status as the client has to take it: Bedrock says 424 where the model has failed, not the client.
    fn status(&self, status: StatusCode) -> StatusCode {
        match self.provider {
            ProviderDialect::Converse if status == StatusCode::FAILED_DEPENDENCY => StatusCode::BAD_GATEWAY,
            _ => status,
        }
    }

    fn headers(&self, headers: HeaderMap) -> HeaderMap {
        let request_id = match self.client {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => {
                HeaderName::from_static("x-request-id")
            }
            Dialect::Anthropic => HeaderName::from_static("request-id"),
        };
        let mut headers = headers::of_translated_reply(headers, request_id);
        match self.lossy.header() {
            Some(paths) => headers.insert(LOSSY, paths),
            None => headers.remove(LOSSY),
        };
        headers
    }
}

fn whole(status: StatusCode, mut headers: HeaderMap, body: String) -> Reply {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, body.len().into());
    let body = stream::iter([Ok(Bytes::from(body))]).boxed();
    Reply { status, headers, body, tells_of_its_end: false }
}

async fn read(mut body: ReplyBody, name: &ProviderName) -> Result<Vec<u8>, UpstreamError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > REPLY_LIMIT_BYTES {
            let detail = format!("it is longer than {REPLY_LIMIT_BYTES} bytes");
            return Err(UpstreamError::new(ErrorKind::BadReply, name, detail));
        }
    }
    Ok(bytes)
}

/// What is left to do for a stream.
enum Left {
    Translate(ReplyBody, Box<StreamTranslator>),
    Fail(UpstreamError),
    Nothing,
}

/// The stream in the client's dialect. When the provider breaks off, the client is told in its dialect, then the error
/// is yielded for those who count.
fn translated_stream(body: ReplyBody, translator: StreamTranslator, name: ProviderName) -> ReplyBody {
    stream::unfold(Left::Translate(body, Box::new(translator)), move |left| {
        let failed =
            UpstreamError::new(ErrorKind::FailedStream, &name, "it told of an error, or did not end");
        translated_chunk(left, failed)
    })
    .filter(|chunk| std::future::ready(!chunk.as_ref().is_ok_and(Bytes::is_empty)))
    .boxed()
}

/// The next piece for the client, and what is left then. `failed` is what is yielded once the client has been told of an
/// error that was not the connection's.
async fn translated_chunk(left: Left, failed: UpstreamError) -> Option<(Result<Bytes, UpstreamError>, Left)> {
    let (mut body, mut translator) = match left {
        Left::Translate(body, translator) => (body, translator),
        Left::Fail(error) => return Some((Err(error), Left::Nothing)),
        Left::Nothing => return None,
    };
    loop {
        let (text, ended) = match body.next().await {
            Some(Ok(bytes)) => {
                let text = translator.push(&bytes);
                if text.is_empty() {
                    continue;
                }
                (text, false)
            }
            Some(Err(error)) => {
                let text = translator.broken(&error.to_string());
                return Some((Ok(Bytes::from(text)), Left::Fail(error)));
            }
            None => (translator.end(), true),
        };
        let left = match (translator.has_failed(), ended) {
            (true, _) => Left::Fail(failed),
            (false, true) => Left::Nothing,
            (false, false) => Left::Translate(body, translator),
        };
        return Some((Ok(Bytes::from(text)), left));
    }
}
