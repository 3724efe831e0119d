//! The thread that waits for the disk, so that the one that writes need not: a slow disk delays no commit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::store::{Disk, StoreError};

/// The thread. Dropping it ends it; what was committed last is brought to the disk when the file is closed.
#[derive(Debug)]
pub(super) struct DiskThread {
    state: Arc<State>,
    /// Nothing only while it is dropped.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// There was a commit that the thread has not seen yet.
    committed: AtomicBool,
    /// Bytes of such commits.
    bytes: AtomicUsize,
    /// The thread is to end.
    end: AtomicBool,
    /// What went wrong last and has not been told yet.
    error: Mutex<Option<StoreError>>,
}

impl DiskThread {
    /// Starts the thread for the file at `path`, which need not be there before the first commit.
    pub(super) fn start(path: PathBuf) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread =
            std::thread::Builder::new().name("record-disk".to_owned()).spawn(move || shared.run(&path))?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// Tells of a commit. Returns at once.
    pub(super) fn committed(&self, bytes: usize) {
        self.state.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.state.committed.store(true, Ordering::Release);
        self.wake();
    }

    /// What went wrong since this was last asked.
    pub(super) fn take_error(&self) -> Option<StoreError> {
        self.state.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for DiskThread {
    fn drop(&mut self) {
        self.state.end.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // How it ended is of no use to anyone now.
            let _: std::thread::Result<()> = thread.join();
        }
    }
}

impl State {
    fn run(&self, path: &Path) {
        let mut disk = None;
        while !self.end.load(Ordering::Acquire) {
            if self.committed.swap(false, Ordering::Acquire) {
                let bytes = self.bytes.swap(0, Ordering::Relaxed);
                if let Err(error) = sync(&mut disk, path, bytes) {
                    *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            } else {
                std::thread::park();
            }
        }
    }
}

fn sync(disk: &mut Option<Disk>, path: &Path, bytes: usize) -> Result<(), StoreError> {
    let disk = match disk {
        Some(disk) => disk,
        none => none.insert(Disk::open(path)?),
    };
    disk.sync(bytes)
}
