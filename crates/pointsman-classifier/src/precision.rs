//! Which numbers the engine `candle` computes with.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};

/// The numbers of the encoder's layers in the engine `candle`. Embeddings, pooling and heads are in f32 whatever is chosen,
/// and so is everything in the engines of our own kernels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// f16 on CUDA and Metal, f32 on the processor.
    #[default]
    Auto,
    /// 24 bits of significand: the reference.
    F32,
    /// 8 bits of significand and the range of f32: for encoders whose activations are too large for f16. NVIDIA GPUs have it
    /// from compute capability 8.0 on.
    Bf16,
    /// 11 bits of significand, and no value above 65,504. As fast as bf16, and eight times as close to f32.
    F16,
}

impl Precision {
    const ALL: [(&'static str, Self); 4] =
        [("auto", Self::Auto), ("f32", Self::F32), ("bf16", Self::Bf16), ("f16", Self::F16)];

    /// The numbers that this stands for on `device`.
    #[must_use]
    pub fn on(self, device: &Device) -> DType {
        match (self, device) {
            (Self::F32, _) | (Self::Auto, Device::Cpu) => DType::F32,
            (Self::Bf16, _) => DType::BF16,
            (Self::F16, _) | (Self::Auto, Device::Cuda(_) | Device::Metal(_)) => DType::F16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, precision)| precision == self);
        f.pad(name.map_or("auto", |(name, _)| name))
    }
}

impl FromStr for Precision {
    type Err = ParsePrecisionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, precision)| *precision).ok_or_else(|| ParsePrecisionError { name: name.to_owned() })
    }
}

/// A string that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a precision: use auto, f32, bf16 or f16")]
pub struct ParsePrecisionError {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (name, precision) in Precision::ALL {
            assert_eq!(name.parse(), Ok(precision));
            assert_eq!(precision.to_string(), name);
        }
        insta::assert_snapshot!("fp8".parse::<Precision>().expect_err("unknown"), @"`fp8` is not a precision: use auto, f32, bf16 or f16");
    }

    #[test]
    fn the_processor_computes_in_f32_unless_told_otherwise() {
        assert_eq!(Precision::Auto.on(&Device::Cpu), DType::F32);
        assert_eq!(Precision::Bf16.on(&Device::Cpu), DType::BF16);
    }
}
