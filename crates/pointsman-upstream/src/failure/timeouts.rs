//! Limits on waiting.

use std::future::Future;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use pointsman_domain::ProviderName;
use tokio::time::{Instant, timeout_at};

use crate::error::{ErrorKind, UpstreamError};
use crate::reply::ReplyBody;

/// What `reply` gives, if it comes within `limit` and before `deadline`.
pub(crate) async fn head<T>(
    reply: impl Future<Output = Result<T, UpstreamError>>,
    limit: Duration,
    deadline: Instant,
    name: &ProviderName,
) -> Result<T, UpstreamError> {
    let until = deadline.min(Instant::now() + limit);
    match timeout_at(until, reply).await {
        Ok(reply) => reply,
        Err(_) => Err(UpstreamError::new(ErrorKind::Timeout, name, late(until, deadline))),
    }
}

/// The body, with an error where nothing comes for `idle`, or at `deadline`.
pub(crate) fn timed(body: ReplyBody, idle: Duration, deadline: Instant, name: &ProviderName) -> ReplyBody {
    let name = name.clone();
    stream::unfold(Some(body), move |body| {
        let name = name.clone();
        async move {
            let mut body = body?;
            let until = deadline.min(Instant::now() + idle);
            match timeout_at(until, body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Err(_) => {
                    let error = UpstreamError::new(ErrorKind::Stalled, &name, late(until, deadline));
                    Some((Err(error), None))
                }
            }
        }
    })
    .fuse()
    .boxed()
}

fn late(until: Instant, deadline: Instant) -> &'static str {
    if until == deadline { "the time of the request is up" } else { "nothing came" }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);
    const AGE: Duration = Duration::from_secs(600);

    fn name() -> ProviderName {
        ProviderName::new("p")
    }

    /// So many chunks, then silence, or the end.
    fn body(chunks: usize, ends: bool) -> ReplyBody {
        let chunks = stream::iter(vec![Ok(Bytes::from_static(b"x")); chunks]);
        if ends { chunks.boxed() } else { chunks.chain(stream::pending()).boxed() }
    }

    #[tokio::test]
    async fn silence_and_the_deadline_end_a_body() {
        for (ends, idle, left, why) in [
            (true, AGE, AGE, None),
            (false, MOMENT, AGE, Some("nothing came")),
            (false, AGE, MOMENT, Some("the time of the request is up")),
        ] {
            let body = timed(body(3, ends), idle, Instant::now() + left, &name());
            let mut came: Vec<Result<Bytes, UpstreamError>> = body.collect().await;
            let error = why.and_then(|_| came.pop()?.err()).map(|error| (error.kind(), error.to_string()));
            assert!(came.len() == 3 && came.iter().all(Result::is_ok), "{came:?}");
            let stopped = |why| (ErrorKind::Stalled, format!("provider `p` stopped within its reply: {why}"));
            assert_eq!(error, why.map(stopped));
        }
    }

    #[tokio::test]
    async fn a_head_has_to_come_in_time() {
        for (limit, left, why) in
            [(MOMENT, AGE, "nothing came"), (AGE, MOMENT, "the time of the request is up")]
        {
            let never = std::future::pending::<Result<(), UpstreamError>>();
            let error = head(never, limit, Instant::now() + left, &name()).await.expect_err("late");
            let said = format!("provider `p` did not answer in time: {why}");
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Timeout, said));
        }
        let at_once = std::future::ready(Ok(7));
        assert_eq!(head(at_once, AGE, Instant::now() + AGE, &name()).await, Ok(7));
    }
}
