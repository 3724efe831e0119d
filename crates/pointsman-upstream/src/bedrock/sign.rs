//! Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as aws_sign};
use aws_sigv4::sign::v4;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use reqsign_aws_core::Credential;
use reqwest::Url;

/// The service's name in signatures.
const SERVICE: &str = "bedrock";

/// Adds to `headers` the date, the session's token and the signature of a `POST` of `body` to `url`.
pub(super) fn sign(
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
    credential: &Credential,
    region: &str,
    now: SystemTime,
) -> Result<(), String> {
    let identity = Credentials::new(
        credential.access_key_id.clone(),
        credential.secret_access_key.clone(),
        credential.session_token.clone(),
        None,
        "pointsman",
    )
    .into();
    // Everything but S3 encodes the path twice and leaves the body's hash out of the headers, which is the default.
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let signed = content_type.map(|value| ("content-type", value));
    let request = SignableRequest::new("POST", url.as_str(), signed.into_iter(), SignableBody::Bytes(body));
    let request = request.map_err(|error| error.to_string())?;
    let (instructions, _) = aws_sign(request, &params).map_err(|error| error.to_string())?.into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        let mut value = HeaderValue::from_str(header.value()).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}
