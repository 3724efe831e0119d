//! One file over HTTP: resumed where it stopped, and whole or absent under its final name.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_classifier::Download;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::error::DataError;
use crate::rows::make_parent;

/// How long a server may take to accept a connection, and then to begin its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A download that may have stopped half way: bytes so far, and the tag of the version that they belong to.
struct Partial {
    bytes: PathBuf,
    tag: PathBuf,
}

impl Partial {
    fn of(path: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { bytes: beside(".part"), tag: beside(".part-tag") }
    }

    /// How many bytes there are, and of which version; a part whose version is not known is of no use.
    fn state(&self) -> Option<(u64, String)> {
        let length = std::fs::metadata(&self.bytes).ok()?.len();
        let tag = std::fs::read_to_string(&self.tag).ok()?;
        (length > 0 && !tag.is_empty()).then_some((length, tag))
    }

    fn remove(&self) {
        // What is not there need not be removed.
        let _ = std::fs::remove_file(&self.bytes);
        let _ = std::fs::remove_file(&self.tag);
    }
}

/// A client for downloads.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .http_status_as_error(false)
        // Ranges of a compressed answer would not fit together.
        .accept_encoding("identity")
        .user_agent(concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// Downloads `url`; `accept` looks at the whole file before it gets the name `path`.
///
/// A file that is not accepted is deleted. What has arrived of one that broke off is kept and continued by the next call,
/// if the server names versions (`ETag`) and still has the same one.
pub(crate) fn download(
    agent: &Agent,
    url: &str,
    path: &Path,
    progress: &dyn Fn(Download<'_>),
    accept: impl FnOnce(&Path) -> Result<(), DataError>,
) -> Result<(), DataError> {
    make_parent(path)?;
    let partial = Partial::of(path);
    receive(agent, url, &partial, progress)?;
    if let Err(error) = accept(&partial.bytes) {
        partial.remove();
        return Err(error);
    }
    std::fs::rename(&partial.bytes, path).map_err(|error| DataError::io(path, error))?;
    partial.remove();
    Ok(())
}

fn receive(
    agent: &Agent,
    url: &str,
    partial: &Partial,
    progress: &dyn Fn(Download<'_>),
) -> Result<(), DataError> {
    let broken = |message: String| DataError::Network { address: url.to_owned(), message };
    let state = partial.state();
    let mut request = agent.get(url);
    if let Some((have, tag)) = &state {
        request = request.header(header::RANGE, format!("bytes={have}-")).header(header::IF_RANGE, tag);
    }
    let response = request.call().map_err(|error| broken(error.to_string()))?;
    let (start, file) = match response.status() {
        StatusCode::OK => {
            partial.remove();
            (0, File::create(&partial.bytes))
        }
        StatusCode::PARTIAL_CONTENT
            if state.as_ref().is_some_and(|(have, _)| starts_at(&response, *have)) =>
        {
            (state.map_or(0, |(have, _)| have), OpenOptions::new().append(true).open(&partial.bytes))
        }
        status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE) => {
            partial.remove();
            return Err(broken(format!("the server answers {} to a request for the rest", status.as_u16())));
        }
        status @ (StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::GONE) => {
            return Err(DataError::Gone { address: url.to_owned(), status: status.as_u16() });
        }
        status => return Err(broken(format!("the server answers {}", status.as_u16()))),
    };
    let mut file = file.map_err(|error| DataError::io(&partial.bytes, error))?;
    if let Some(tag) = strong_tag(&response) {
        std::fs::write(&partial.tag, tag).map_err(|error| DataError::io(&partial.tag, error))?;
    }
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let total = length.map(|length| start + length);
    let mut body = response.into_body().into_reader();
    let (mut buffer, mut received) = (vec![0; 1 << 16], start);
    loop {
        progress(Download { file: url, received, total: total.unwrap_or(0) });
        let read = body.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read]).map_err(|error| DataError::io(&partial.bytes, error))?;
        received += read as u64;
    }
    match total {
        Some(total) if received < total => {
            Err(broken(format!("it broke off after {received} of {total} bytes")))
        }
        _ => Ok(()),
    }
}

/// Whether the answer continues at byte `have`.
fn starts_at(response: &Response<Body>, have: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

/// The version's tag, if equal tags mean equal bytes (RFC 9110, section 8.8.1).
fn strong_tag(response: &Response<Body>) -> Option<&str> {
    let tag = response.headers().get(header::ETAG)?.to_str().ok()?;
    (!tag.starts_with("W/")).then_some(tag)
}
