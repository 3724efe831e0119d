//! Which arithmetic runs the encoder.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};

/// An implementation of the encoder's layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// candle's own steps, on any device: the reference.
    Candle,
    /// The kernels in f32, on the processor.
    F32,
    /// The kernels with 8-bit weights and 16-bit activations, on the processor; it cannot be trained.
    Int8,
}

impl Engine {
    /// All engines, the reference first.
    pub const ALL: [Self; 3] = [Self::Candle, Self::F32, Self::Int8];

    /// The fastest engine for `device` and `dtype` whose weights can be variables.
    #[must_use]
    pub fn trainable(device: &Device, dtype: DType) -> Self {
        if device.is_cpu() && dtype == DType::F32 { Self::F32 } else { Self::Candle }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = ParseEngineError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let engine = Self::ALL.into_iter().find(|engine| engine.name() == name);
        engine.ok_or_else(|| ParseEngineError { name: name.to_owned() })
    }
}

/// A string that names no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an engine: use int8, f32 or candle")]
pub struct ParseEngineError {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for engine in Engine::ALL {
            assert_eq!(engine.to_string().parse(), Ok(engine));
        }
        let error = "avx9".parse::<Engine>().expect_err("no engine");
        insta::assert_snapshot!(error, @"`avx9` is not an engine: use int8, f32 or candle");
    }
}
