//! Keys of clients: who may ask, which models, how often and for how much.

mod kept;
mod key;
mod spent;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use pointsman_domain::{ModelId, ModelName};
use pointsman_policy::{Models, Price, UnixMicros};
use pointsman_record::Attempt;
use pointsman_upstream::openai::ErrorBody;
use pointsman_upstream::{Call, Reply};
use tokio::time::Instant;

use self::kept::Kept;
pub(super) use self::kept::{finish, restore, run};
use self::key::Key;
use super::clock;
use super::error::ApiError;
use super::forward::passed_over;
use super::sidecar::Sidecar;
use crate::config::{ClientKey, KeyHash};

/// The keys of a configuration, with what has been done with them.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<KeyHash, Arc<Key>>);

impl Keys {
    /// `keys`, with the counts of those of `before` that are still the same. One whose settings have changed keeps what it
    /// has spent.
    pub(super) fn new(keys: &[ClientKey], before: &Self) -> Self {
        let key = |settings: &ClientKey| {
            let known = before.0.get(&settings.hash);
            let key = match known {
                Some(known) if *known.settings() == *settings => Arc::clone(known),
                _ => Arc::new(Key::new(settings.clone(), Instant::now())),
            };
            if let Some((day, usd)) =
                known.filter(|known| !Arc::ptr_eq(known, &key)).map(|known| known.spent_on())
            {
                key.restore(day, usd);
            }
            (settings.hash, key)
        };
        Self(keys.iter().map(key).collect())
    }

    /// Whether there is a limit to what any of them may spend.
    fn any_may_spend_so_much(&self) -> bool {
        self.0.values().any(|key| key.may_spend_so_much())
    }

    /// What has been spent on the day of `now`.
    fn kept(&self, now: UnixMicros) -> Kept {
        let day = key::day_of(now);
        let spent = self.0.iter().filter(|(_, key)| key.may_spend_so_much());
        let spent = spent.map(|(hash, key)| (hash, key.spent_on()));
        let usd = spent.filter(|(_, (on, usd))| *on == day && *usd > 0.0);
        Kept { day, usd: usd.map(|(hash, (_, usd))| (hash.to_string(), usd)).collect() }
    }

    /// Counts what was spent before.
    fn restore(&self, kept: &Kept) {
        for (hash, key) in &self.0 {
            if let Some(usd) = kept.usd.get(&hash.to_string()).filter(|usd| usd.is_finite()) {
                key.restore(kept.day, *usd);
            }
        }
    }

    /// Whether anybody may ask.
    fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Who sends these headers. A key is found by its hash, so that how long this takes tells nothing of it.
    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let key = self.0.get(&KeyHash::of(presented(headers)?))?;
        Some(Caller(Some(Arc::clone(key))))
    }
}

/// The key that a client sends, in any of the headers that clients use.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked("bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let named = |name: &str| headers.get(name).map(|value| value.as_bytes());
    bearer.or_else(|| named("x-api-key")).or_else(|| named("api-key"))
}

/// Who asks: one of the keys, or anybody where there are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller(Option<Arc<Key>>);

impl Caller {
    /// The name of its key.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_deref().map(Key::name)
    }

    /// Whether the model called `model` may be asked.
    pub(super) fn may_see(&self, model: &str) -> bool {
        self.0.as_ref().is_none_or(|key| key.allows(model))
    }

    /// Refuses a model that the key is not for.
    pub(super) fn may_ask(&self, model: &str) -> Result<(), ApiError> {
        match &self.0 {
            Some(key) if !key.allows(model) => {
                let message = format!(
                    "the key `{}` is not for the model `{model}`: GET /v1/models lists those that it is for",
                    key.name()
                );
                let body = ErrorBody::permission(message).param("model").code("model_not_allowed");
                Err(ApiError::new(StatusCode::FORBIDDEN, body))
            }
            _ => Ok(()),
        }
    }

    /// Those of `candidates` that the key may pay for: all, or those with a price if it may only spend so much. The others are noted
    /// in `attempts`.
    ///
    /// # Errors
    /// When none is left.
    pub(super) fn affordable(
        &self,
        candidates: Vec<(ModelName, ModelId)>,
        models: &Models,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Vec<(ModelName, ModelId)>, ApiError> {
        let Some(key) = self.0.as_ref().filter(|key| key.may_spend_so_much()) else {
            return Ok(candidates);
        };
        let has_price = |name: &ModelName| models.get(name).is_some_and(|model| model.price.is_some());
        let (kept, left): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|(name, _)| has_price(name));
        attempts.extend(left.iter().map(|(name, target)| passed_over(name, target, "price_unknown")));
        match left.first() {
            Some((_, target)) if kept.is_empty() => Err(price_unknown(key, target)),
            _ => Ok(kept),
        }
    }

    /// Refuses a model without a price to a key that may only spend so much.
    pub(super) fn may_spend_at(&self, target: &ModelId, price: Option<Price>) -> Result<(), ApiError> {
        match &self.0 {
            Some(key) if key.may_spend_so_much() && price.is_none() => Err(price_unknown(key, target)),
            _ => Ok(()),
        }
    }

    /// The same reply, whose cost counts as spent by the key once it has passed.
    pub(super) fn charge(&self, reply: Reply, call: &Call<'_>, price: Option<Price>) -> Reply {
        match (&self.0, price) {
            (Some(key), Some(price)) if key.may_spend_so_much() => {
                spent::counted(reply, call, Arc::clone(key), price)
            }
            _ => reply,
        }
    }
}

/// 403: what the model costs is not known, and the key may only spend so much.
fn price_unknown(key: &Key, target: &ModelId) -> ApiError {
    let message = format!(
        "the key `{}` may only spend so much, and what `{target}` costs is not known: give it a name and a price in \
         [models]",
        key.name()
    );
    let body = ErrorBody::permission(message).param("model").code("price_unknown");
    ApiError::new(StatusCode::FORBIDDEN, body)
}

/// Whether a path answers everybody.
fn is_public(path: &str) -> bool {
    !path.starts_with("/v1/") && path != "/metrics"
}

/// Turns away whoever has no key, where there are keys, or has used it up.
pub(super) async fn layer(State(sidecar): State<Arc<Sidecar>>, mut request: Request, next: Next) -> Response {
    let live = sidecar.live();
    if live.keys.is_open() || is_public(request.uri().path()) {
        return next.run(request).await;
    }
    let caller = live.keys.caller(request.headers()).ok_or_else(unknown);
    let admitted = caller.and_then(|caller| {
        if let Some(key) = &caller.0 {
            key.admit(Instant::now(), clock::now())?;
        }
        Ok(caller)
    });
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.at(request.uri().path()),
    }
}

fn unknown() -> ApiError {
    let message = "a key of this server is needed, as `authorization: Bearer KEY` or `x-api-key: KEY`: ask whoever runs it";
    let body = ErrorBody::authentication(message).code("invalid_api_key");
    ApiError::new(StatusCode::UNAUTHORIZED, body)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn keys_are_found_in_the_headers_that_clients_use() {
        for (name, value, key) in [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer  abc ", Some("abc")),
            ("x-api-key", "abc", Some("abc")),
            ("api-key", "abc", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "Bearer", None),
            ("cookie", "abc", None),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(presented(&headers), key.map(str::as_bytes), "{name}: {value}");
        }
    }
}
