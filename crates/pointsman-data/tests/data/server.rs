//! A publisher on this machine, with ranges, versions and accidents.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A published file.
#[derive(Debug, Clone)]
struct Published {
    content: Vec<u8>,
    /// Breaks off after so many bytes of the first answer.
    breaks_after: Option<usize>,
    /// More lines of the head.
    head: String,
}

/// A server of files by path that remembers which ranges it was asked for.
pub(crate) struct Server {
    pub(crate) address: String,
    files: Arc<Mutex<HashMap<String, Published>>>,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let (files, ranges) =
            (Arc::<Mutex<HashMap<String, Published>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (served, log) = (Arc::clone(&files), Arc::clone(&ranges));
        // Ends with the test process: it only ever waits for connections of this test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(&stream, &served, &log);
            }
        });
        Self { address, files, ranges }
    }

    pub(crate) fn publish(&self, path: &str, content: impl AsRef<[u8]>) {
        self.put(
            path,
            Published { content: content.as_ref().to_vec(), breaks_after: None, head: String::new() },
        );
    }

    /// Publishes as the Hub does, which names the commit.
    pub(crate) fn put_on_hub(&self, path: &str, content: &str, commit: &str) {
        let head = format!("x-repo-commit: {commit}\r\n");
        self.put(path, Published { content: content.into(), breaks_after: None, head });
    }

    /// Publishes a file whose first answer breaks off.
    pub(crate) fn publish_broken(&self, path: &str, content: &str, breaks_after: usize) {
        let content = content.into();
        self.put(path, Published { content, breaks_after: Some(breaks_after), head: String::new() });
    }

    fn put(&self, path: &str, file: Published) {
        self.files.lock().expect("not poisoned").insert(path.to_owned(), file);
    }

    /// The `Range` of every request so far.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().expect("not poisoned").clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    files: &Mutex<HashMap<String, Published>>,
    log: &Mutex<Vec<Option<String>>>,
) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: HashMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let range = headers.get("range").cloned();
    log.lock().expect("not poisoned").push(range.clone());
    let mut files = files.lock().expect("not poisoned");
    let Some(file) = files.get_mut(path) else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let tag = format!("\"{}\"", file.content.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    let same = headers.get("if-range").is_none_or(|asked| *asked == tag);
    let asked = range.filter(|_| same).and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse::<usize>().ok()?, end.parse::<usize>().unwrap_or(file.content.len() - 1)))
    });
    let (start, end) = asked.unwrap_or((0, file.content.len() - 1));
    let body = &file.content[start..=end];
    let length = body.len();
    let status = match asked {
        Some(_) => {
            format!("206 Partial Content\r\nContent-Range: bytes {start}-{end}/{}", file.content.len())
        }
        None => "200 OK".to_owned(),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: {tag}\r\n{}Content-Length: {length}\r\nConnection: close\r\n\r\n",
        file.head
    );
    let sent = file.breaks_after.take().unwrap_or(body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..sent]));
}
