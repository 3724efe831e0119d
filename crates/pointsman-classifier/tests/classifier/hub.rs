//! Models from a mirror of the Hub that listens on this machine.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use pointsman_classifier::{Download, Hub, HubEnvironment, ModelFiles, ModelSource, SourceError};

use crate::tiny;

/// A commit, as the Hub names one.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the mirror was asked for.
#[derive(Debug, Clone, Default)]
struct Seen {
    paths: Vec<String>,
    authorization: Vec<Option<String>>,
}

/// A server of `/ORG/NAME/resolve/REVISION/FILE` for some revisions of one repository.
struct Mirror {
    address: String,
    seen: Arc<Mutex<Seen>>,
}

impl Mirror {
    fn start(repository: &str, revisions: &[&str], files: &ModelFiles) -> Self {
        let mut contents = HashMap::new();
        for revision in revisions {
            for (file, content) in [
                ("card.toml", &files.card),
                ("tokenizer.json", &files.tokenizer),
                ("model.safetensors", &files.weights),
            ] {
                contents.insert(format!("/{repository}/resolve/{revision}/{file}"), content.to_vec());
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let log = Arc::clone(&seen);
        // Ends with the test process: it only ever waits for connections of this test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(&stream, &contents, &log);
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().expect("not poisoned").clone()
    }

    fn environment(&self, home: &Path, more: &[(&str, &str)]) -> HubEnvironment {
        HubEnvironment::from_variables(|name| match name {
            "HF_HOME" => home.to_str().map(str::to_owned),
            "HF_ENDPOINT" => Some(self.address.clone()),
            name => more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        })
    }
}

/// Answers one request with the range that it asks for, as the Hub does, and closes.
fn serve(mut stream: &TcpStream, contents: &HashMap<String, Vec<u8>>, log: &Mutex<Seen>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: HashMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    {
        let mut log = log.lock().expect("not poisoned");
        log.paths.push(path.clone());
        log.authorization.push(headers.get("authorization").cloned());
    }
    let reply = match contents.get(&path) {
        None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        Some(content) => {
            let range = headers.get("range").map_or("0-", |range| range.trim_start_matches("bytes="));
            let (start, end) = range.split_once('-').expect("a range");
            let start: usize = start.parse().expect("a number");
            let end = end.parse().map_or(content.len(), |end: usize| (end + 1).min(content.len()));
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nETag: \"{:x}\"\r\nX-Repo-Commit: {COMMIT}\r\n\
                 Content-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len(),
                end - 1,
                content.len(),
                end - start
            );
            [head.as_bytes(), &content[start..end]].concat()
        }
    };
    // A client that hangs up early is its own business.
    let _: std::io::Result<()> = stream.write_all(&reply);
}

fn source(name: &str) -> ModelSource {
    name.parse().expect("a source")
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

#[test]
fn a_model_is_downloaded_once_and_then_found_offline() {
    let (mirror, home) = (Mirror::start("org/tiny", &["main"], &tiny::files()), home());
    let online = mirror.environment(home.path(), &[]);
    let progress: Mutex<Vec<(String, u64, u64)>> = Mutex::default();
    let report = |Download { file, received, total }: Download<'_>| {
        progress.lock().expect("not poisoned").push((file.to_owned(), received, total));
    };
    let hub = Hub::new(online).with_progress(&report);
    assert_eq!(source("hf:org/tiny").open(None, &hub).expect("downloads"), tiny::files());

    let requests = mirror.seen().paths.len();
    assert!(mirror.seen().paths[0].ends_with("/org/tiny/resolve/main/card.toml"));
    assert!(mirror.seen().authorization.iter().all(Option::is_none));
    let weights = tiny::files().weights.len() as u64;
    assert_eq!(
        progress.lock().expect("not poisoned").last(),
        Some(&("model.safetensors".to_owned(), weights, weights))
    );

    let offline = Hub::new(mirror.environment(home.path(), &[("HF_HUB_OFFLINE", "1")]));
    assert_eq!(source("hf:org/tiny").open(None, &offline).expect("cached"), tiny::files());
    let by_commit = source(&format!("hf:org/tiny@{COMMIT}"));
    assert_eq!(by_commit.open(None, &offline).expect("cached"), tiny::files());
    assert_eq!(source("hf:org/tiny").open(None, &hub).expect("cached"), tiny::files());
    assert_eq!(mirror.seen().paths.len(), requests, "a warm cache asks nobody");
}

#[test]
fn the_revision_and_the_token_are_sent() {
    let (mirror, home) = (Mirror::start("org/tiny", &["v1.2", "refs%2Fpr%2F1"], &tiny::files()), home());
    let hub = Hub::new(mirror.environment(home.path(), &[("HF_TOKEN", "secret")]));
    source("hf:org/tiny@v1.2").open(None, &hub).expect("downloads");
    source("hf:org/tiny@refs/pr/1").read("card.toml", &hub).expect("downloads");
    let seen = mirror.seen();
    assert!(seen.paths[0].ends_with("/org/tiny/resolve/v1.2/card.toml"), "{:?}", seen.paths);
    assert!(seen.authorization.iter().all(|sent| sent.as_deref() == Some("Bearer secret")));
}

#[test]
fn the_token_file_beside_the_cache_is_used() {
    let (mirror, home) = (Mirror::start("org/tiny", &["main"], &tiny::files()), home());
    std::fs::write(home.path().join("token"), "from-file\n").expect("written");
    let hub = Hub::new(mirror.environment(home.path(), &[]));
    source("hf:org/tiny").read("card.toml", &hub).expect("downloads");
    assert_eq!(mirror.seen().authorization[0].as_deref(), Some("Bearer from-file"));
}

#[test]
fn what_cannot_be_had_is_explained() {
    let (mirror, home) = (Mirror::start("org/tiny", &["main"], &tiny::files()), home());
    let message = |source: &str, more: &[(&str, &str)]| {
        let hub = Hub::new(mirror.environment(home.path(), more));
        let error = self::source(source).open(None, &hub).expect_err("not there").to_string();
        error.replace(&mirror.address, "MIRROR").replace(home.path().to_str().expect("UTF-8"), "HOME")
    };
    insta::assert_snapshot!(message("hf:org/other", &[]), @"MIRROR has no `card.toml` in hf:org/other (404); check its name and revision, and HF_TOKEN if it is private");
    insta::assert_snapshot!(message("hf:org/tiny@v9", &[]), @"MIRROR has no `card.toml` in hf:org/tiny@v9 (404); check its name and revision, and HF_TOKEN if it is private");
    insta::assert_snapshot!(message("hf:org/tiny", &[("HF_HUB_OFFLINE", "1")]), @"`card.toml` of hf:org/tiny is not in the cache `HOME/hub` and HF_HUB_OFFLINE is set; unset it once to download");

    let nowhere = Hub::new(HubEnvironment::from_variables(|_| None));
    let error = source("hf:org/tiny").open(None, &nowhere).expect_err("no cache");
    assert!(matches!(error, SourceError::NoCache), "{error}");
}

#[test]
fn a_mirror_that_is_down_is_a_download_error() {
    let home = home();
    // Bound and closed again, so that nobody listens there.
    let address =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let environment = HubEnvironment {
        cache: Some(home.path().join("hub")),
        endpoint: format!("http://{address}"),
        token: None,
        offline: false,
    };
    let error = source("hf:org/tiny").open(None, &Hub::new(environment)).expect_err("nobody listens");
    assert!(matches!(error, SourceError::Download { .. }), "{error}");
    assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
}
