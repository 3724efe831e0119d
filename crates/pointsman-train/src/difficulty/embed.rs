//! Pooled layers of many prompts.

use candle_core::Device;
use pointsman_classifier::{Encoder, TokenBatch, TokenIds};
use pointsman_eval::linear::Design;

use crate::error::TrainError;
use crate::progress::Progress;

/// Tokens that go through the encoder together.
const BATCH_TOKENS: usize = 4096;

/// Notes of progress on the way.
const NOTES: usize = 10;

/// The means of `layers` of each row, see [`Encoder::forward`]: (rows, layers · hidden), in order.
pub(crate) fn embed(
    encoder: &Encoder,
    rows: &[TokenIds],
    layers: &[usize],
    device: &Device,
    progress: &mut dyn Progress,
) -> Result<Design, TrainError> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| rows[*row].ids.len());
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); rows.len()];
    let (mut done, mut start) = (0, 0);
    while start < order.len() {
        let end = end_of_batch(&order, rows, start);
        let batch: Vec<TokenIds> = order[start..end].iter().map(|row| rows[*row].clone()).collect();
        let pooled = encoder.forward(&TokenBatch::new(&batch, device)?, layers)?.to_vec2::<f32>()?;
        for (row, pooled) in order[start..end].iter().zip(pooled) {
            values[*row] = pooled;
        }
        start = end;
        if end * NOTES / order.len() > done {
            done = end * NOTES / order.len();
            progress.note(&format!("{end} of {} prompts embedded", order.len()));
        }
    }
    let width = layers.len() * encoder.config().hidden;
    let mut design = Design::new(width);
    for row in values {
        design.push(row.into_iter().map(f64::from));
    }
    Ok(design)
}

/// Where the batch ends that starts at `start` of rows ordered by length.
fn end_of_batch(order: &[usize], rows: &[TokenIds], start: usize) -> usize {
    let mut room = BATCH_TOKENS;
    let fitting = order[start..].iter().take_while(|row| {
        let length = rows[**row].ids.len();
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    });
    start + fitting.count().max(1)
}
