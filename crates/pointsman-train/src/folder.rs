//! The folder of a model.

use std::path::Path;

use pointsman_classifier::{CARD_FILE, Card, TOKENIZER_FILE, WEIGHTS_FILE};

use crate::error::TrainError;

/// Writes the three files to the folder of the model's name in `out`; the card comes last, so that a folder with a card is whole.
pub(crate) fn write(out: &Path, card: &Card, tokenizer: &[u8], weights: &[u8]) -> Result<(), TrainError> {
    let folder = out.join(&card.name);
    std::fs::create_dir_all(&folder).map_err(|source| TrainError::io(&folder, source))?;
    let text = card.to_toml().map_err(|error| TrainError::Model(Box::new(error)))?;
    for (name, content) in
        [(WEIGHTS_FILE, weights), (TOKENIZER_FILE, tokenizer), (CARD_FILE, text.as_bytes())]
    {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|source| TrainError::io(&path, source))?;
    }
    Ok(())
}
