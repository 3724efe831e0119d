//! Where a run stands, so that one that was cut short goes on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use crate::error::TrainError;

/// Weights and optimizer state after a number of steps, tied to what they belong to.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    /// Steps that were taken.
    pub(crate) step: usize,
    /// Every tensor by name.
    pub(crate) tensors: HashMap<String, Tensor>,
}

/// Key of the step count in the file's metadata.
const STEP: &str = "step";
/// Key of the run's fingerprint in the file's metadata.
const RUN: &str = "run";

impl Checkpoint {
    /// The checkpoint file in `folder`.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("checkpoint.safetensors")
    }

    /// Replaces the checkpoint in `folder`, which is made if it is not there. A crash leaves the old one or the new.
    pub(crate) fn write(&self, folder: &Path, run: &str) -> Result<(), TrainError> {
        std::fs::create_dir_all(folder).map_err(|source| TrainError::io(folder, source))?;
        let metadata =
            HashMap::from([(STEP.to_owned(), self.step.to_string()), (RUN.to_owned(), run.to_owned())]);
        let bytes =
            safetensors::serialize(&self.tensors, Some(metadata)).map_err(candle_core::Error::from)?;
        let (path, draft) = (Self::path(folder), folder.join("checkpoint.draft"));
        std::fs::write(&draft, bytes).map_err(|source| TrainError::io(&draft, source))?;
        std::fs::rename(&draft, &path).map_err(|source| TrainError::io(&path, source))
    }

    /// The checkpoint in `folder`, if there is one.
    ///
    /// `run` is the fingerprint of recipe and data: state of another run is refused.
    pub(crate) fn read(folder: &Path, run: &str) -> Result<Option<Self>, TrainError> {
        let path = Self::path(folder);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path).map_err(|source| TrainError::io(&path, source))?;
        let refuse = |message: String| TrainError::Checkpoint { path: path.clone(), message };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| refuse(error.to_string()))?;
        let metadata = header.metadata().as_ref();
        let field = |key: &str| metadata.and_then(|metadata| metadata.get(key));
        if field(RUN).map(String::as_str) != Some(run) {
            return Err(refuse(
                "it belongs to another recipe, data or backbone; delete it to start anew, or give --checkpoints DIR"
                    .to_owned(),
            ));
        }
        let step =
            field(STEP).and_then(|step| step.parse().ok()).ok_or_else(|| refuse("no step".to_owned()))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
        Ok(Some(Self { step, tensors }))
    }

    /// Removes the checkpoint in `folder`, and the folder if nothing else is in it.
    pub(crate) fn remove(folder: &Path) -> Result<(), TrainError> {
        let path = Self::path(folder);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|source| TrainError::io(&path, source))?;
        }
        let _ = std::fs::remove_dir(folder);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_the_same_run_only() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path().join("run");
        assert!(Checkpoint::read(&folder, "a").expect("nothing there").is_none());
        let tensor = Tensor::new(&[1f32, 2.0], &Device::Cpu).expect("built");
        let checkpoint = Checkpoint { step: 7, tensors: HashMap::from([("w".to_owned(), tensor)]) };
        checkpoint.write(&folder, "a").and_then(|()| checkpoint.write(&folder, "a")).expect("written");
        let back = Checkpoint::read(&folder, "a").expect("readable").expect("there");
        assert_eq!((back.step, back.tensors["w"].to_vec1::<f32>().expect("f32")), (7, vec![1.0, 2.0]));
        let error = Checkpoint::read(&folder, "b").expect_err("another run");
        assert!(error.to_string().contains("another recipe"), "{error}");
        std::fs::write(Checkpoint::path(&folder), b"torn").expect("written");
        assert!(Checkpoint::read(&folder, "a").is_err());
        Checkpoint::remove(&folder).expect("removed");
        assert!(!folder.exists());
    }
}
