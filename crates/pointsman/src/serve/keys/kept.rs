//! What keys have spent, kept in a file, so that a restart does not give it to them again.
//!
//! The file holds sums of one day by the keys' hashes. It is written once a second while they change, and when the
//! process ends, as a whole: to a file beside it, which then takes its name. What a killed process has not written is
//! at most what the last second cost.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::super::clock;
use super::super::sidecar::Sidecar;

/// How often the file is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// What keys have spent on one day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Days since the start of 1970 (UTC).
    pub(super) day: u64,
    /// US dollars by the keys' hashes. Keys that have spent nothing are not here.
    pub(super) usd: BTreeMap<String, f64>,
}

impl Kept {
    /// What the file holds; nothing if there is none.
    fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(&beside, path)
    }
}

/// Counts what was spent before the process was started, if any key may spend so much.
pub(in crate::serve) fn restore(sidecar: &Sidecar, path: &Path) {
    let live = sidecar.live();
    if !live.keys.any_may_spend_so_much() {
        return;
    }
    match Kept::read(path) {
        Ok(kept) => live.keys.restore(&kept),
        Err(error) => {
            let path = path.display();
            anstream::eprintln!(
                "warning: {path}: what keys have spent today is not known, and counts from nothing: {error}"
            );
        }
    }
}

/// Writes the file while the process runs.
pub(in crate::serve) async fn run(sidecar: Arc<Sidecar>, path: PathBuf) {
    let (mut written, mut is_failing) = (sidecar.live().keys.kept(clock::now()), false);
    let mut ticks = interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let kept = sidecar.live().keys.kept(clock::now());
        if kept == written || kept.usd.is_empty() {
            continue;
        }
        let (to, what) = (path.clone(), kept.clone());
        let outcome = tokio::task::spawn_blocking(move || what.write(&to)).await;
        match outcome.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(()) => (written, is_failing) = (kept, false),
            Err(error) if !is_failing => {
                let path = path.display();
                tracing::error!(%path, %error, "what keys have spent cannot be kept; it counts until the process ends");
                is_failing = true;
            }
            Err(_) => {}
        }
    }
}

/// Writes the file before the process ends. Blocks.
pub(in crate::serve) fn finish(sidecar: &Sidecar, path: &Path) {
    let kept = sidecar.live().keys.kept(clock::now());
    if kept.usd.is_empty() {
        return;
    }
    if let Err(error) = kept.write(path) {
        anstream::eprintln!(
            "warning: {}: what keys have spent today cannot be kept: {error}",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("state").join("spent.json");
        assert_eq!(Kept::read(&path).expect("none"), Kept::default());
        for spent in [0.1 + 0.2, 1e-9, 12_345.678_9] {
            let kept = Kept { day: 20_413, usd: BTreeMap::from([("sha256:ab".to_owned(), spent)]) };
            kept.write(&path).expect("written");
            assert_eq!(Kept::read(&path).expect("read"), kept);
        }
        assert_eq!(
            fs::read_dir(path.parent().expect("a folder")).expect("readable").count(),
            1,
            "nothing beside it"
        );
        fs::write(&path, "{").expect("written");
        assert!(Kept::read(&path).is_err());
    }
}
