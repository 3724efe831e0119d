//! `/`: a page that shows what the sidecar does, and the data that it asks for.
//!
//! The page is a few files in this program. It loads nothing from elsewhere, and its content security policy lets no
//! text become markup or script: prompts and names of models are shown as text alone.

mod api;
mod guard;
mod overview;
mod sum;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

pub(super) use self::guard::Access;
pub(super) use self::sum::Sums;
use super::sidecar::Sidecar;

const PAGE: &str = include_str!("assets/index.html");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page consists of beside itself.
const ASSETS: [(&str, &str, &str); 10] = [
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("main.js", JAVASCRIPT, include_str!("assets/main.js")),
    ("dom.js", JAVASCRIPT, include_str!("assets/dom.js")),
    ("format.js", JAVASCRIPT, include_str!("assets/format.js")),
    ("charts.js", JAVASCRIPT, include_str!("assets/charts.js")),
    ("traffic.js", JAVASCRIPT, include_str!("assets/traffic.js")),
    ("health.js", JAVASCRIPT, include_str!("assets/health.js")),
    ("playground.js", JAVASCRIPT, include_str!("assets/playground.js")),
    ("decisions.js", JAVASCRIPT, include_str!("assets/decisions.js")),
];

/// Everything from this program, nothing inline, nothing from elsewhere, no markup from text.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The paths of the dashboard, for those whom [`Access`] lets in.
pub(super) fn routes(sidecar: &Arc<Sidecar>) -> Router<Arc<Sidecar>> {
    Router::new()
        .route("/", get(page))
        .route("/dashboard/{file}", get(asset))
        .route("/dashboard/api/traffic", get(api::traffic))
        .route("/dashboard/api/table", get(api::table))
        .route("/dashboard/api/decisions", get(api::decisions))
        .route("/dashboard/api/decisions/{id}", get(api::decision))
        .route("/dashboard/api/named", get(api::named_requests))
        .route("/dashboard/api/explain", post(api::explain))
        .layer(from_fn_with_state(Arc::clone(sidecar), guard::layer))
        .layer(map_response(with_headers))
}

async fn page() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

async fn asset(Path(file): Path<String>) -> Response {
    match ASSETS.iter().find(|(name, ..)| *name == file) {
        Some((_, content_type, text)) => ([(CONTENT_TYPE, *content_type)], *text).into_response(),
        None => (StatusCode::NOT_FOUND, "the dashboard has no such file\n").into_response(),
    }
}

async fn with_headers(mut response: Response) -> Response {
    let same_origin = HeaderValue::from_static("same-origin");
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // Files change with the program, and numbers are to be new.
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("cross-origin-opener-policy"), same_origin.clone()),
        (HeaderName::from_static("cross-origin-resource-policy"), same_origin),
    ];
    response.headers_mut().extend(headers);
    response
}
