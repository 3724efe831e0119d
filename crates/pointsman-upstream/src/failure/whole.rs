//! Replies that are not streamed, of which a part is of no use.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_ENCODING;
use pointsman_domain::ProviderName;
use serde_json::value::RawValue;

use crate::error::{ErrorKind, UpstreamError};
use crate::reply::Reply;

/// How much is held. What is longer is passed on as it comes.
const LIMIT_BYTES: usize = 4 << 20;

/// The same reply, which says that it is JSON, once all of it has come: one that is cut or garbled can make way for another.
///
/// # Errors
/// When the reply breaks off, or is no JSON.
pub(super) async fn until_whole(mut reply: Reply, name: &ProviderName) -> Result<Reply, UpstreamError> {
    let (mut came, mut bytes) = (Vec::new(), 0);
    while let Some(chunk) = reply.body.next().await.transpose()? {
        bytes += chunk.len();
        came.push(chunk);
        if bytes > LIMIT_BYTES {
            reply.body = stream::iter(came.into_iter().map(Ok)).chain(reply.body).boxed();
            return Ok(reply);
        }
    }
    let body = joined(came);
    let is_encoded = reply.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    // Raw, so that no depth is too deep.
    if !is_encoded && let Err(error) = serde_json::from_slice::<&RawValue>(&body) {
        let detail = format!("it is not JSON: {error}");
        return Err(UpstreamError::new(ErrorKind::BadReply, name, detail));
    }
    reply.body = stream::iter([Ok(body)]).boxed();
    Ok(reply)
}

fn joined(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() == 1 {
        return chunks.swap_remove(0);
    }
    chunks.concat().into()
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use http::{HeaderValue, StatusCode};

    use super::*;

    async fn outcome(
        encoding: Option<&'static str>,
        chunks: Vec<Result<Bytes, UpstreamError>>,
    ) -> Result<Bytes, ErrorKind> {
        let encoding = encoding.map(|encoding| (CONTENT_ENCODING, HeaderValue::from_static(encoding)));
        let headers = encoding.into_iter().collect();
        let body = stream::iter(chunks).boxed();
        let reply = Reply { status: StatusCode::OK, headers, body, tells_of_its_end: false };
        let reply = until_whole(reply, &ProviderName::new("p")).await.map_err(|error| error.kind())?;
        let chunks: Vec<Bytes> = reply.body.try_collect().await.map_err(|error| error.kind())?;
        Ok(joined(chunks))
    }

    fn chunks(texts: &[&'static str]) -> Vec<Result<Bytes, UpstreamError>> {
        texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect()
    }

    #[tokio::test]
    async fn what_is_whole_passes_and_what_is_not_is_an_error() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cut = || UpstreamError::new(ErrorKind::CutReply, &ProviderName::new("p"), "gone");
        for (encoding, given, expected) in [
            (None, chunks(&["{\"a\": ", "[1, 2]}\n"]), Ok("{\"a\": [1, 2]}\n")),
            (None, chunks(&["\n\n", "{}"]), Ok("\n\n{}")),
            (None, vec![Ok(deep.clone().into())], Ok(deep.as_str())),
            (None, chunks(&["{ no JSON"]), Err(ErrorKind::BadReply)),
            (None, chunks(&["{}{}"]), Err(ErrorKind::BadReply)),
            (None, chunks(&[]), Err(ErrorKind::BadReply)),
            (Some("gzip"), chunks(&["zipped"]), Ok("zipped")),
            (Some("identity"), chunks(&["no JSON"]), Err(ErrorKind::BadReply)),
            (None, vec![Ok(Bytes::from_static(b"{\"a\":")), Err(cut())], Err(ErrorKind::CutReply)),
        ] {
            let expected = expected.map(|text| Bytes::copy_from_slice(text.as_bytes()));
            assert_eq!(outcome(encoding, given).await, expected);
        }
    }

    #[tokio::test]
    async fn what_is_long_passes_as_it_comes() {
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        let given = (0..6).map(|_| Ok(chunk.clone())).collect();
        assert_eq!(outcome(None, given).await.map(|bytes| bytes.len()), Ok(6 << 20));
    }
}
