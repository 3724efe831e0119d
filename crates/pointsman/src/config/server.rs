//! `[server]`: where the sidecar listens and what it puts up with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pointsman_policy::config::{Diagnostics, Document, Entry};

use super::reading;

/// Settings of the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerConfig {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// Certificate and key, if clients are to be spoken to encrypted.
    pub(crate) tls: Option<TlsFiles>,
    /// The longest body that a request may have.
    pub(crate) body_limit_bytes: usize,
    /// The longest head that a request may have.
    pub(crate) header_limit_bytes: usize,
    /// The most messages that a request may hold.
    pub(crate) messages_limit: usize,
    /// The most images that a request may hold.
    pub(crate) images_limit: usize,
    /// How many requests may be answered at once.
    pub(crate) in_flight_limit: usize,
    /// How many connections may be open at once.
    pub(crate) connections_limit: usize,
    /// How long the head of a request may take to come, and a connection may be idle.
    pub(crate) header_timeout: Duration,
    /// How long the body of a request may take to come.
    pub(crate) body_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    pub(crate) write_timeout: Duration,
    /// How long streams may go on once the sidecar has been told to end.
    pub(crate) drain_timeout: Duration,
    /// How long a connection to a provider may take to be made.
    pub(crate) connect_timeout: Duration,
    /// Where it is kept what keys that may spend so much have spent today.
    pub(crate) spent_path: PathBuf,
}

/// Where certificate and key are, both PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate, and those that vouch for it, in order.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8484)),
            tls: None,
            body_limit_bytes: 10 << 20,
            header_limit_bytes: 64 << 10,
            messages_limit: 10_000,
            images_limit: 500,
            in_flight_limit: 4_096,
            connections_limit: 10_000,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            spent_path: PathBuf::from("pointsman-spent.json"),
        }
    }
}

const KEYS: [&str; 15] = [
    "listen",
    "tls_certificate",
    "tls_key",
    "body_limit_bytes",
    "header_limit_bytes",
    "messages_limit",
    "images_limit",
    "in_flight_limit",
    "connections_limit",
    "header_timeout_ms",
    "body_timeout_ms",
    "write_timeout_ms",
    "drain_timeout_ms",
    "connect_timeout_ms",
    "spent_path",
];

/// The shortest head that a limit may allow, which is what the HTTP library asks for.
const LEAST_HEADER_BYTES: u64 = 8 << 10;

impl ServerConfig {
    /// How clients speak to it: `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// What the section says. `has_keys` is whether clients need keys.
    pub(super) fn read(document: &Document<'_>, has_keys: bool, diagnostics: &mut Diagnostics) -> Self {
        let mut config = Self::default();
        let mut files = Vec::new();
        for entry in reading::entries(document, "server", diagnostics) {
            match entry.name() {
                "listen" => {
                    if let Some(address) = listen(&entry, has_keys, diagnostics) {
                        config.listen = address;
                    }
                }
                "tls_certificate" | "tls_key" => files.push(entry),
                "spent_path" => {
                    if let Some(path) = entry.string(diagnostics) {
                        config.spent_path = path.into_inner().into();
                    }
                }
                _ => config.set(&entry, diagnostics),
            }
        }
        config.tls = tls(&files, diagnostics);
        config
    }

    fn set(&mut self, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
        let most = u64::from(u32::MAX);
        let (duration, number) = match entry.name() {
            "body_limit_bytes" => (None, Some((&mut self.body_limit_bytes, 1))),
            "header_limit_bytes" => (None, Some((&mut self.header_limit_bytes, LEAST_HEADER_BYTES))),
            "messages_limit" => (None, Some((&mut self.messages_limit, 1))),
            "images_limit" => (None, Some((&mut self.images_limit, 0))),
            "in_flight_limit" => (None, Some((&mut self.in_flight_limit, 1))),
            "connections_limit" => (None, Some((&mut self.connections_limit, 1))),
            "header_timeout_ms" => (Some(&mut self.header_timeout), None),
            "body_timeout_ms" => (Some(&mut self.body_timeout), None),
            "write_timeout_ms" => (Some(&mut self.write_timeout), None),
            "drain_timeout_ms" => (Some(&mut self.drain_timeout), None),
            "connect_timeout_ms" => (Some(&mut self.connect_timeout), None),
            _ => return entry.unknown(&KEYS, diagnostics),
        };
        if let Some(duration) = duration
            && let Some(read) = reading::milliseconds(entry, diagnostics)
        {
            *duration = read;
        }
        if let Some((number, least)) = number
            && let Some(read) = reading::number(entry, least..=most, diagnostics)
        {
            *number = usize::try_from(read).unwrap_or(usize::MAX);
        }
    }
}

/// Certificate and key, of which none is of use without the other.
fn tls(files: &[Entry<'_>], diagnostics: &mut Diagnostics) -> Option<TlsFiles> {
    if let [alone] = files {
        let other = if alone.name() == "tls_key" { "tls_certificate" } else { "tls_key" };
        diagnostics
            .error(alone.key_span(), alone.path(), format!("`{}` without `{other}`", alone.name()))
            .help("name both, or neither");
    }
    let [first, second] = files else {
        return None;
    };
    let mut tls = TlsFiles::default();
    for entry in [first, second] {
        let path = PathBuf::from(entry.string(diagnostics)?.into_inner());
        if entry.name() == "tls_key" { tls.key = path } else { tls.certificate = path }
    }
    Some(tls)
}

fn listen(entry: &Entry<'_>, has_keys: bool, diagnostics: &mut Diagnostics) -> Option<SocketAddr> {
    let text = entry.string(diagnostics)?;
    let Ok(address) = text.get_ref().parse::<SocketAddr>() else {
        diagnostics
            .error(entry.value_span(), entry.path(), "`listen` is not an address and a port")
            .help("write one such as \"127.0.0.1:8484\" or \"[::1]:8484\"");
        return None;
    };
    if !address.ip().is_loopback() && !has_keys {
        diagnostics
            .warning(entry.value_span(), entry.path(), "others than this machine can reach the sidecar")
            .help("whoever can reach it spends your API keys: listen on 127.0.0.1, or give clients keys (`pointsman key NAME`)");
    }
    Some(address)
}
