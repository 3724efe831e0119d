//! Reading the body of a request, up to a limit.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use futures_util::StreamExt as _;

use super::error::ApiError;
use super::limits::Limits;

/// How much of a body that is too long is read and thrown away before the refusal is sent. Clients that send all before
/// they listen would otherwise see a broken connection instead of the reason.
const DISCARDED_BYTES: usize = 64 << 20;

/// How long that may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The whole body, if it is no longer than it may be, however it is sent, and comes in time.
pub(super) async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, ApiError> {
    read_at_most(headers, body, limits, limits.body_bytes).await
}

/// As [`read`], if it is also no longer than `most_bytes`.
pub(super) async fn read_at_most(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    most_bytes: usize,
) -> Result<Bytes, ApiError> {
    let most_bytes = most_bytes.min(limits.body_bytes);
    match tokio::time::timeout(limits.body_timeout, read_all(headers, body, most_bytes)).await {
        Ok(read) => read,
        Err(_) => Err(ApiError::too_slow(limits.body_timeout)),
    }
}

async fn read_all(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    if declared_bytes(headers).is_some_and(|bytes| bytes > limit_bytes as u64) {
        // A client that asks before it sends has nothing to throw away.
        if !headers.contains_key(EXPECT) {
            discard(&mut stream).await;
        }
        return Err(ApiError::too_large(limit_bytes));
    }
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request(format!("the body broke off after {length} bytes: {error}"), None)
        })?;
        length += chunk.len();
        if length > limit_bytes {
            drop(chunks);
            discard(&mut stream).await;
            return Err(ApiError::too_large(limit_bytes));
        }
        chunks.push(chunk);
    }
    Ok(match chunks.len() {
        1 => chunks.swap_remove(0),
        _ => chunks.concat().into(),
    })
}

fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn discard(stream: &mut BodyDataStream) {
    let discard = async {
        let mut left = DISCARDED_BYTES;
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    // Out of time or not, the refusal is sent.
    let _: Result<(), _> = tokio::time::timeout(DISCARD_TIMEOUT, discard).await;
}
