//! Which arithmetic runs the encoder, and with which instructions.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};
use pointsman_kernels::Tier;
use serde::{Deserialize, Serialize};

use crate::gate::Gate;

/// How an engine computes. It decides the results, up to rounding in the last places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// candle's own steps, on any device: the reference.
    Candle,
    /// The kernels in f32, on the processor.
    F32,
    /// The kernels with 8-bit weights and 16-bit activations, on the processor; it cannot be trained.
    Int8,
}

impl Arithmetic {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Int8, Self::F32, Self::Candle];

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

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An implementation of the encoder's layers that this machine can run.
///
/// Its name is that of the arithmetic, and for the kernels that of the instruction set: `candle`, `f32-avx2`,
/// `int8-avx512-vnni`, … The arithmetic alone, `f32` or `int8`, stands for the best instruction set of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// [`Arithmetic::Candle`].
    Candle,
    /// [`Arithmetic::F32`] with these instructions.
    F32(Tier),
    /// [`Arithmetic::Int8`] with these instructions.
    Int8(Tier),
}

impl Engine {
    /// The fastest engine of this arithmetic.
    #[must_use]
    pub fn best(arithmetic: Arithmetic) -> Self {
        match arithmetic {
            Arithmetic::Candle => Self::Candle,
            Arithmetic::F32 => Self::F32(Tier::detect().of_floats()),
            Arithmetic::Int8 => Self::Int8(Tier::detect()),
        }
    }

    /// The fastest engine for `device` and `dtype` whose weights can be variables.
    #[must_use]
    pub fn trainable(device: &Device, dtype: DType) -> Self {
        let fused = device.is_cpu() && dtype == DType::F32;
        Self::best(if fused { Arithmetic::F32 } else { Arithmetic::Candle })
    }

    /// Every engine of this machine, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let tiers = || Tier::available().into_iter().rev();
        let int8 = tiers().map(Self::Int8);
        let f32 = tiers().filter(|tier| tier.of_floats() == *tier).map(Self::F32);
        int8.chain(f32).chain([Self::Candle]).collect()
    }

    /// How it computes.
    #[must_use]
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Candle => Arithmetic::Candle,
            Self::F32(_) => Arithmetic::F32,
            Self::Int8(_) => Arithmetic::Int8,
        }
    }

    /// Whether it computes on `device`.
    #[must_use]
    pub fn runs_on(self, device: &Device) -> bool {
        self == Self::Candle || device.is_cpu()
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candle => f.pad("candle"),
            Self::F32(tier) | Self::Int8(tier) => {
                f.pad(&format!("{}-{}", self.arithmetic().name(), tier.name()))
            }
        }
    }
}

impl FromStr for Engine {
    type Err = ParseEngineError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let available = Self::available();
        if let Some(engine) = available.iter().find(|engine| engine.to_string() == name) {
            return Ok(*engine);
        }
        if let Some(arithmetic) = Arithmetic::ALL.into_iter().find(|arithmetic| arithmetic.name() == name) {
            return Ok(Self::best(arithmetic));
        }
        Err(ParseEngineError {
            name: name.to_owned(),
            of_another_machine: Tier::names().any(|tier| {
                name.strip_suffix(tier).is_some_and(|arithmetic| matches!(arithmetic, "int8-" | "f32-"))
            }),
            available: available.iter().map(ToString::to_string).collect(),
        })
    }
}

/// An engine as a user names it: `auto`, or that of [`Engine`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The fastest engine that the machine has and that is accurate by the model's card; on other devices than the
    /// processor, candle.
    #[default]
    Auto,
    /// This one.
    Named(Engine),
}

impl EngineChoice {
    /// The engine for a model whose card records these gates.
    #[must_use]
    pub fn choose(self, device: &Device, gates: &[Gate]) -> Engine {
        let int8 = gates.iter().any(|gate| gate.arithmetic == Arithmetic::Int8 && gate.passes());
        match self {
            Self::Named(engine) => engine,
            Self::Auto if device.is_cpu() && int8 => Engine::best(Arithmetic::Int8),
            Self::Auto => Engine::trainable(device, DType::F32),
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Named(engine) => engine.fmt(f),
        }
    }
}

impl FromStr for EngineChoice {
    type Err = ParseEngineError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "auto" { Ok(Self::Auto) } else { name.parse().map(Self::Named) }
    }
}

/// A string that names no engine of this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}; use auto, int8, f32 or one of {}",
    if *of_another_machine { format!("this processor cannot run the engine `{name}`") } else { format!("`{name}` is not an engine") },
    available.join(", ")
)]
pub struct ParseEngineError {
    name: String,
    of_another_machine: bool,
    available: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for engine in Engine::available() {
            assert_eq!(engine.to_string().parse(), Ok(engine));
            assert_eq!(engine.to_string().parse(), Ok(EngineChoice::Named(engine)));
        }
        assert_eq!("auto".parse(), Ok(EngineChoice::Auto));
        for arithmetic in Arithmetic::ALL {
            assert_eq!(arithmetic.to_string().parse(), Ok(Engine::best(arithmetic)));
            assert_eq!(Engine::best(arithmetic).arithmetic(), arithmetic);
        }
    }

    #[test]
    fn the_fastest_of_each_arithmetic_is_available() {
        let available = Engine::available();
        assert_eq!(available[0], Engine::best(Arithmetic::Int8));
        assert!(available.contains(&Engine::best(Arithmetic::F32)));
        assert_eq!(available.last(), Some(&Engine::Candle));
        assert!(available.contains(&Engine::Int8(Tier::PORTABLE)));
    }

    #[test]
    fn other_names_are_refused_with_the_engines_of_the_machine() {
        let mut error = "avx9".parse::<Engine>().expect_err("no engine");
        assert_eq!(error.available.last().map(String::as_str), Some("candle"));
        error.available =
            ["int8-avx2", "int8-portable", "f32-avx2", "f32-portable", "candle"].map(String::from).into();
        insta::assert_snapshot!(error, @"`avx9` is not an engine; use auto, int8, f32 or one of int8-avx2, int8-portable, f32-avx2, f32-portable, candle");
        for name in Tier::names().filter(|name| Tier::named(name).is_none()) {
            let error = format!("int8-{name}").parse::<EngineChoice>().expect_err(name).to_string();
            assert!(error.starts_with("this processor cannot run the engine `int8-"), "{error}");
        }
    }

    #[test]
    fn auto_takes_the_fastest_that_passed() {
        let gate = |cosine| Gate { cosine, ..Gate::perfect(Arithmetic::Int8, 100) };
        let choose = |gates: &[Gate]| EngineChoice::Auto.choose(&Device::Cpu, gates).arithmetic();
        assert_eq!(choose(&[]), Arithmetic::F32);
        assert_eq!(choose(&[gate(0.9)]), Arithmetic::F32);
        assert_eq!(choose(&[gate(0.999)]), Arithmetic::Int8);
        let named = EngineChoice::Named(Engine::Candle);
        assert_eq!(named.choose(&Device::Cpu, &[gate(0.999)]), Engine::Candle);
    }
}
