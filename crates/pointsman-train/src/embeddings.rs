//! Pooled representations of prompts under a frozen encoder: computed once, kept between runs.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use pointsman_classifier::{FileHash, TokenIds};
use safetensors::SafeTensors;

use crate::error::TrainError;
use crate::network::Network;
use crate::progress::Progress;
use crate::side::Side;

/// Name of the file in the checkpoint folder.
const FILE: &str = "embeddings.safetensors";
/// Name of the tensor: (rows, width).
const POOLED: &str = "pooled";
/// Key in the file's metadata of what the rows were computed from.
const ORIGIN: &str = "origin";

/// Gives every side its pooled representations under the encoder with the weights `encoder`.
pub(crate) fn of_sides(
    network: &Network,
    encoder: &FileHash,
    sides: &mut [Side<'_>],
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<(), TrainError> {
    let rows: Vec<TokenIds> = sides.iter().flat_map(|side| side.tokens.iter().cloned()).collect();
    let pooled = of_rows(network, encoder, &rows, folder, progress)?;
    let mut start = 0;
    for side in sides {
        side.pooled = Some(pooled.narrow(0, start, side.rows.len())?);
        start += side.rows.len();
    }
    Ok(())
}

/// What the encoder with the weights `encoder` makes of `rows`: (rows, width), on the CPU.
///
/// The rows are read from `folder` if they were computed before from the same weights and tokens, whatever the rest of the
/// recipe was; else they are computed and written there.
fn of_rows(
    network: &Network,
    encoder: &FileHash,
    rows: &[TokenIds],
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<Tensor, TrainError> {
    let path = folder.join(FILE);
    let origin = origin(encoder, network.width(), rows);
    if let Some(pooled) = read(&path, &origin)? {
        progress.note(&format!("{} embeddings read from {}", rows.len(), path.display()));
        return Ok(pooled);
    }
    progress.note(&format!("computing {} embeddings once; {} keeps them", rows.len(), path.display()));
    let pooled = network.pooled(rows)?;
    write(folder, origin, &pooled)?;
    Ok(pooled)
}

/// Replaces the embeddings in `folder`; a crash leaves the old ones or the new.
fn write(folder: &Path, origin: String, pooled: &Tensor) -> Result<(), TrainError> {
    std::fs::create_dir_all(folder).map_err(|source| TrainError::io(folder, source))?;
    let tensors = HashMap::from([(POOLED.to_owned(), pooled.clone())]);
    let metadata = HashMap::from([(ORIGIN.to_owned(), origin)]);
    let bytes = safetensors::serialize(&tensors, Some(metadata)).map_err(candle_core::Error::from)?;
    let (path, draft) = (folder.join(FILE), folder.join("embeddings.draft"));
    std::fs::write(&draft, bytes).map_err(|source| TrainError::io(&draft, source))?;
    std::fs::rename(&draft, &path).map_err(|source| TrainError::io(&path, source))
}

/// Tells apart what must not share embeddings.
fn origin(encoder: &FileHash, width: usize, rows: &[TokenIds]) -> String {
    let mut bytes = format!("{encoder} {width}").into_bytes();
    for row in rows {
        bytes.extend(format!("\n{:?} {:?}", row.ids, row.type_ids).into_bytes());
    }
    FileHash::of(&bytes).to_string()
}

/// The embeddings at `path`; none if the file is not there or of another origin.
fn read(path: &Path, origin: &str) -> Result<Option<Tensor>, TrainError> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(path).map_err(|source| TrainError::io(path, source))?;
    let Ok((_, header)) = SafeTensors::read_metadata(&bytes) else { return Ok(None) };
    let found = header.metadata().as_ref().and_then(|metadata| metadata.get(ORIGIN));
    if found.map(String::as_str) != Some(origin) {
        return Ok(None);
    }
    Ok(candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?.remove(POOLED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_read_for_what_they_were_computed_from() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run").join(FILE);
        let rows = |ids: &[u32]| vec![TokenIds { ids: ids.to_vec(), type_ids: vec![0; ids.len()] }];
        let (encoder, other) = (FileHash::of(b"weights"), FileHash::of(b"other weights"));
        let of = |encoder, ids: &[u32]| origin(encoder, 3, &rows(ids));
        assert!(read(&path, &of(&encoder, &[1, 2])).expect("no file").is_none());
        let pooled = Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu).expect("built");
        write(&folder.path().join("run"), of(&encoder, &[1, 2]), &pooled).expect("written");
        let found = read(&path, &of(&encoder, &[1, 2])).expect("readable").expect("the same");
        assert_eq!(found.to_vec2::<f32>().expect("f32"), [[1.0, 2.0, 3.0]]);
        for another in [of(&other, &[1, 2]), of(&encoder, &[1, 3]), of(&encoder, &[1, 2, 3])] {
            assert!(read(&path, &another).expect("readable").is_none());
        }
        std::fs::write(&path, b"torn").expect("written");
        assert!(read(&path, &of(&encoder, &[1, 2])).expect("computed anew").is_none());
    }
}
