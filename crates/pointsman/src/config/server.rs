//! `[server]`: where the sidecar listens and what it puts up with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pointsman_policy::config::{Diagnostics, Document, Entry};

use super::reading;

/// Settings of the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerConfig {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// The longest body that a request may have.
    pub(crate) body_limit_bytes: usize,
    /// How long streams may go on once the sidecar has been told to end.
    pub(crate) drain_timeout: Duration,
    /// How long a connection to a provider may take to be made.
    pub(crate) connect_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8484)),
            body_limit_bytes: 10 << 20,
            drain_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

const KEYS: [&str; 4] = ["listen", "body_limit_bytes", "drain_timeout_ms", "connect_timeout_ms"];

impl ServerConfig {
    pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut config = Self::default();
        for entry in reading::entries(document, "server", diagnostics) {
            config.set(&entry, diagnostics);
        }
        config
    }

    fn set(&mut self, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
        match entry.name() {
            "listen" => {
                if let Some(address) = listen(entry, diagnostics) {
                    self.listen = address;
                }
            }
            "body_limit_bytes" => {
                let most = u64::from(u32::MAX);
                if let Some(bytes) = reading::number(entry, 1..=most, diagnostics) {
                    self.body_limit_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                }
            }
            "drain_timeout_ms" => {
                if let Some(timeout) = reading::milliseconds(entry, diagnostics) {
                    self.drain_timeout = timeout;
                }
            }
            "connect_timeout_ms" => {
                if let Some(timeout) = reading::milliseconds(entry, diagnostics) {
                    self.connect_timeout = timeout;
                }
            }
            _ => entry.unknown(&KEYS, diagnostics),
        }
    }
}

fn listen(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<SocketAddr> {
    let text = entry.string(diagnostics)?;
    let Ok(address) = text.get_ref().parse::<SocketAddr>() else {
        diagnostics
            .error(entry.value_span(), entry.path(), "`listen` is not an address and a port")
            .help("write one such as \"127.0.0.1:8484\" or \"[::1]:8484\"");
        return None;
    };
    if !address.ip().is_loopback() {
        diagnostics
            .warning(entry.value_span(), entry.path(), "others than this machine can reach the sidecar")
            .help("whoever can reach it spends your API keys: listen on 127.0.0.1, or put a guard before it");
    }
    Some(address)
}
