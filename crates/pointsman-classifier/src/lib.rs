//! From a prompt to labels: task, difficulty, and how far to trust them.
//!
//! ```text
//! Prompt ──tokenize──▶ TokenIds ──batch──▶ TokenBatch ──model──▶ Logits ──calibration──▶ Labels
//! ```

mod batch;
mod encoder;
mod model;
mod ops;
