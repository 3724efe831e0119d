//! Reading the configuration again when its file or the file of abilities that it names changes, or on SIGHUP.
//!
//! The files are looked at twice a second and their texts compared, which works where file events do not: on network and
//! bind mounts, with editors that replace the file, behind the symbolic links of Kubernetes. A text counts once two looks
//! in a row have found it, so that one that is half written is not taken for a whole one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pointsman_domain::Vocabulary;
use pointsman_policy::config::Severity;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::keys::Keys;
use super::live::Live;
use super::sidecar::Sidecar;
use crate::config::{Config, Written};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The configuration as it is used, and what was last seen of its files.
#[derive(Debug)]
pub(super) struct Reloader {
    sidecar: Arc<Sidecar>,
    vocabulary: Vocabulary,
    file: PathBuf,
    /// What the process was started with: some sections hold until it ends.
    started: Config,
    /// What tables and providers come from.
    used: Config,
    /// What was used or refused last.
    settled: Option<Written>,
    /// What was seen once.
    seen: Option<Written>,
}

/// What made us look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The time.
    Tick,
    /// Somebody who wants the files to be used as they are now.
    Hangup,
}

impl Reloader {
    /// Reloads what `sidecar` was started with; nothing if that was no file.
    pub(super) fn new(sidecar: Arc<Sidecar>, started: &Config, vocabulary: Vocabulary) -> Option<Self> {
        let file = started.file()?.to_owned();
        let settled = Some(started.written());
        let (started, used) = (started.clone(), started.clone());
        Some(Self { sidecar, vocabulary, file, started, used, settled, seen: None })
    }

    /// Looks at the files until `hangups` are over.
    pub(super) async fn run(mut self, mut hangups: mpsc::Receiver<()>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let cause = tokio::select! {
                _ = ticks.tick() => Cause::Tick,
                hangup = hangups.recv() => match hangup {
                    Some(()) => Cause::Hangup,
                    None => return,
                },
            };
            let file = self.file.clone();
            // A panic in there is as good as a file that cannot be read.
            let read = tokio::task::spawn_blocking(move || Written::read(&file)).await;
            self.look(cause, read.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
    }

    /// Uses what was read of the files if it is new.
    pub(super) fn look(&mut self, cause: Cause, read: io::Result<Written>) {
        let written = match read {
            Ok(written) => Some(written),
            Err(error) => {
                if self.settled.take().is_some() || cause == Cause::Hangup {
                    self.refused(&anyhow::Error::new(error).context("it cannot be read"));
                }
                None
            }
        };
        let is_news = written != self.settled && written.is_some();
        match written {
            Some(written) if cause == Cause::Hangup || is_news && self.seen.as_ref() == Some(&written) => {
                self.seen = None;
                self.settled = Some(written.clone());
                self.reload(written.text);
            }
            written => self.seen = written.filter(|_| is_news),
        }
    }

    fn reload(&mut self, text: String) {
        match self.read(text) {
            Ok((config, live)) => {
                self.warn_of_what_stays(&config);
                self.used = config;
                anstream::eprintln!("{} was read again and is used", self.file.display());
                super::announce_missing_keys(&live);
                self.sidecar.replace(live);
                self.sidecar.metrics.reloaded(true, super::clock::now());
            }
            Err(error) => self.refused(&error),
        }
    }

    /// What `text` says, checked.
    fn read(&self, text: String) -> Result<(Config, Live)> {
        let config = Config::of_file(&self.file, text)?;
        let (policy, findings) = config.policy(&self.vocabulary)?;
        for finding in findings.iter().filter(|finding| finding.severity > Severity::Note) {
            tracing::warn!(%finding, "the configuration is read again");
        }
        let is_same = config.providers == self.used.providers
            && config.connect_timeouts == self.used.connect_timeouts
            && config.failures == self.used.failures;
        let upstream = if is_same {
            Arc::clone(&self.sidecar.live().upstream)
        } else {
            // `[server]` holds as it was at the start, and so do its limits of connections.
            Arc::new(crate::upstream::client(&config, &self.started.server).context("[providers]")?)
        };
        let abilities = Arc::clone(&config.abilities);
        let keys = Keys::new(&config.keys, &self.sidecar.live().keys);
        Ok((config, Live { policy, abilities, upstream, keys }))
    }

    fn refused(&self, error: &anyhow::Error) {
        let file = self.file.display();
        let error = format_args!("{error:#}");
        tracing::error!(%file, %error, "the configuration cannot be read again: the last good one is kept");
        self.sidecar.metrics.reloaded(false, super::clock::now());
    }

    /// Names sections that have changed and hold until the process ends.
    fn warn_of_what_stays(&self, new: &Config) {
        let old = &self.started;
        for (section, has_changed) in [
            ("server", old.server != new.server),
            ("classifier", old.classifier != new.classifier),
            ("record", old.record != new.record),
            ("dashboard", old.dashboard != new.dashboard),
            ("telemetry", old.telemetry != new.telemetry),
        ] {
            if has_changed {
                tracing::warn!(section, "what has changed here takes effect when pointsman is started again");
            }
        }
    }
}

/// A message for every SIGHUP that the process gets, where there is such a thing.
pub(super) fn hangups() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move { while hangup.recv().await.is_some() && sender.send(()).await.is_ok() {} });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move { sender.closed().await });
    Ok(receiver)
}
