//! Where labelled rows go: a file that appears when it is complete, or a stream.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::checkpoint::{Checkpoint, Place};
use super::format::Packing;
use super::with_ending;

/// An output in the making.
pub(super) struct Output {
    path: PathBuf,
    packing: Packing,
    target: Target,
    bytes: u64,
}

enum Target {
    /// Standard output, a pipe, a device: what is written is gone.
    Stream(Box<dyn Write + Send>),
    /// A file that takes its name when it is complete. It is locked, so that two runs do not write the same one.
    Part(File, Place),
}

/// Whether a run that writes there can be gone on with.
pub(super) fn is_resumable(path: &Path) -> bool {
    path != Path::new("-") && fs::metadata(path).map_or(true, |metadata| metadata.is_file())
}

/// Whether the part file, which had `bytes`, was renamed to `path` already.
pub(super) fn was_complete(path: &Path, place: &Place, bytes: u64) -> bool {
    !place.part.exists() && fs::metadata(path).is_ok_and(|metadata| metadata.len() == bytes)
}

impl Output {
    /// To standard output (`-`), or to something that is there and is no regular file.
    pub(super) fn stream(path: &Path, packing: Packing) -> Result<Self> {
        let target: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            ensure!(!path.is_dir(), "{}: this is a folder; give a file", path.display());
            let file = OpenOptions::new().write(true).open(path);
            Box::new(file.with_context(|| format!("{}: cannot be written", path.display()))?)
        };
        Ok(Self { path: path.to_owned(), packing, target: Target::Stream(target), bytes: 0 })
    }

    /// To a file, from the beginning.
    pub(super) fn create(path: &Path, packing: Packing, place: Place) -> Result<Self> {
        Self::go_on(path, packing, place, 0)
    }

    /// To a file of which `bytes` are written. What is behind them was not finished and is cut off.
    pub(super) fn go_on(path: &Path, packing: Packing, place: Place, bytes: u64) -> Result<Self> {
        let unwritable = || format!("{}: cannot be written", place.part.display());
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&place.part);
        let mut file = options.with_context(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{}: another process is writing it; wait for its end", place.part.display())
            }
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        let there = file.metadata().with_context(unwritable)?.len();
        ensure!(
            there >= bytes,
            "{}: it has {there} bytes where {bytes} were written; remove it and {} to start anew",
            place.part.display(),
            place.progress.display()
        );
        file.set_len(bytes).and_then(|()| file.seek(SeekFrom::Start(bytes))).with_context(unwritable)?;
        Ok(Self { path: path.to_owned(), packing, target: Target::Part(file, place), bytes })
    }

    /// Writes the lines of a window as one piece.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<()> {
        let piece = self.packing.pack(lines).context("the output cannot be packed")?;
        let written = match &mut self.target {
            Target::Stream(stream) => stream.write_all(&piece).and_then(|()| stream.flush()),
            Target::Part(file, _) => file.write_all(&piece),
        };
        written.with_context(|| format!("{}: the output cannot be written", self.path.display()))?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Notes that everything that was written answers the rows that `checkpoint` counts.
    pub(super) fn commit(&self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.bytes = self.bytes;
        let Target::Part(file, place) = &self.target else { return Ok(()) };
        // The checkpoint must never be ahead of what it vouches for, not even after a power cut.
        file.sync_data().with_context(|| format!("{}: cannot be written", place.part.display()))?;
        checkpoint.write(place)
    }

    /// Replaces the part file by what `make` makes of it: it is given the part file and a path to write to.
    pub(super) fn replace_part(&mut self, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
        let Target::Part(_, place) = &self.target else { return Ok(()) };
        let made = with_ending(&self.path, ".new");
        make(&place.part, &made)?;
        fs::rename(&made, &self.path)
            .with_context(|| format!("{}: cannot be written", self.path.display()))?;
        self.target = Target::Stream(Box::new(io::sink()));
        remove(&Place::of(&self.path))
    }

    /// Gives a complete file its name, and removes what was needed on the way.
    pub(super) fn complete(mut self) -> Result<()> {
        if self.bytes == 0 {
            // Nothing, packed: an empty file is no gzip.
            self.write(b"")?;
        }
        let Target::Part(file, place) = &self.target else { return Ok(()) };
        let failed = || format!("{}: cannot be written", self.path.display());
        file.sync_all().with_context(failed)?;
        fs::rename(&place.part, &self.path).with_context(failed)?;
        remove(place)
    }
}

/// Removes the files of an unfinished run, as far as they are there.
pub(super) fn remove(place: &Place) -> Result<()> {
    for path in [&place.progress, &place.part] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{}: cannot be removed", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::identity;
    use super::*;

    #[test]
    fn what_is_behind_the_checkpoint_is_cut_off() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.jsonl");
        let place = Place::of(&path);
        let mut output = Output::create(&path, Packing::Plain, place.clone()).expect("created");
        let mut checkpoint = Checkpoint::new(identity());
        output.write(b"one\n").expect("written");
        output.commit(&mut checkpoint).expect("committed");
        output.write(b"two\nthr").expect("written");
        let second = Output::go_on(&path, Packing::Plain, place.clone(), 0).err().expect("locked");
        assert!(second.to_string().contains("another process is writing it"), "{second}");
        drop(output);

        let too_far = Output::go_on(&path, Packing::Plain, place.clone(), 100).err().expect("too short");
        assert!(too_far.to_string().contains("it has 11 bytes where 100 were written"), "{too_far}");
        let found = super::super::checkpoint::read(&place).expect("readable").expect("there");
        let mut output = Output::go_on(&path, Packing::Plain, place.clone(), found.bytes).expect("opened");
        output.write(b"TWO\n").expect("written");
        assert!(!path.exists());
        output.complete().expect("completed");
        assert_eq!(fs::read_to_string(&path).expect("there"), "one\nTWO\n");
        assert!(!place.part.exists() && !place.progress.exists());
    }

    #[test]
    fn nothing_is_a_sound_file_too() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("out.jsonl.gz");
        Output::create(&path, Packing::Gzip, Place::of(&path)).and_then(Output::complete).expect("written");
        assert!(fs::read(&path).expect("there").starts_with(&[0x1f, 0x8b]));
    }
}
