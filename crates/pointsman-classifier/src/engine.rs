//! Which arithmetic runs the encoder, and with which instructions.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};
use pointsman_kernels::Tier;
use serde::{Deserialize, Serialize};

use crate::encoder::EncoderConfig;
use crate::gate::Gate;

/// How an engine computes. It decides the results, up to rounding in the last places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// candle's own steps, on any device: the reference.
    Candle,
    /// The kernels in f32, on the processor.
    F32,
    /// The kernels with weights and activations in bfloat16, on processors with tiles; training has its
    /// products in bfloat16 and all else in f32.
    Bf16,
    /// The kernels with 8-bit weights and 16-bit activations, on the processor; it cannot be trained.
    Int16,
    /// The kernels with 8-bit weights and 8-bit activations, on processors with tiles; it cannot be trained.
    Int8,
}

impl Arithmetic {
    /// All of them, the fastest first where a processor has them.
    pub const ALL: [Self; 5] = [Self::Int8, Self::Bf16, Self::Int16, Self::F32, Self::Candle];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int16 => "int16",
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
/// `int16-avx512-vnni`, `int8-amx`, … The arithmetic alone stands for the best instruction set of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// [`Arithmetic::Candle`].
    Candle,
    /// [`Arithmetic::F32`] with these instructions.
    F32(Tier),
    /// [`Arithmetic::Bf16`] with these instructions.
    Bf16(Tier),
    /// [`Arithmetic::Int16`] with these instructions.
    Int16(Tier),
    /// [`Arithmetic::Int8`] with these instructions.
    Int8(Tier),
}

impl Engine {
    /// The fastest engine of this arithmetic, if the machine has one. There is always one for 16-bit activations, f32 and
    /// candle.
    #[must_use]
    pub fn best(arithmetic: Arithmetic) -> Option<Self> {
        Self::available().into_iter().find(|engine| engine.arithmetic() == arithmetic)
    }

    /// The kernels in f32 with the best instructions of the machine.
    #[must_use]
    pub fn f32() -> Self {
        Self::F32(Tier::detect().of_floats())
    }

    /// The fastest engine for `device` and `dtype` whose weights can be variables.
    #[must_use]
    pub fn trainable(device: &Device, dtype: DType) -> Self {
        if device.is_cpu() && dtype == DType::F32 { Self::f32() } else { Self::Candle }
    }

    /// Every engine of this machine, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let tiers = || Tier::available().into_iter().rev();
        let int8 = tiers().filter(|tier| tier.has_tiles()).map(Self::Int8);
        let bf16 = tiers().filter(|tier| tier.has_tiles()).map(Self::Bf16);
        let int16 = tiers().filter(|tier| tier.of_16_bits() == *tier).map(Self::Int16);
        let f32 = tiers().filter(|tier| tier.of_floats() == *tier).map(Self::F32);
        int8.chain(bf16).chain(int16).chain(f32).chain([Self::Candle]).collect()
    }

    /// How it computes.
    #[must_use]
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Candle => Arithmetic::Candle,
            Self::F32(_) => Arithmetic::F32,
            Self::Bf16(_) => Arithmetic::Bf16,
            Self::Int16(_) => Arithmetic::Int16,
            Self::Int8(_) => Arithmetic::Int8,
        }
    }

    /// Whether it computes on `device`.
    #[must_use]
    pub fn runs_on(self, device: &Device) -> bool {
        self == Self::Candle || device.is_cpu()
    }

    /// Whether it can run an encoder of this shape: tiles ask for some.
    #[must_use]
    pub fn fits(self, config: &EncoderConfig) -> bool {
        match self {
            Self::Candle | Self::F32(_) | Self::Int16(_) => true,
            Self::Bf16(_) | Self::Int8(_) => config.fits_tiles(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candle => f.pad("candle"),
            Self::F32(tier) | Self::Bf16(tier) | Self::Int16(tier) | Self::Int8(tier) => {
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
        let arithmetic = Arithmetic::ALL.into_iter().find(|arithmetic| arithmetic.name() == name);
        if let Some(engine) = arithmetic.and_then(Self::best) {
            return Ok(engine);
        }
        let of_tier = |tier: &str| {
            let arithmetic = name.strip_suffix(tier).and_then(|name| name.strip_suffix('-'));
            arithmetic.is_some_and(|name| Arithmetic::ALL.iter().any(|arithmetic| arithmetic.name() == name))
        };
        Err(ParseEngineError {
            name: name.to_owned(),
            of_another_machine: arithmetic.is_some() || Tier::names().any(of_tier),
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
    /// The engine for a model of this shape whose card records these gates.
    #[must_use]
    pub fn choose(self, device: &Device, config: &EncoderConfig, gates: &[Gate]) -> Engine {
        let passes = |arithmetic| gates.iter().any(|gate| gate.arithmetic == arithmetic && gate.passes());
        match self {
            Self::Named(engine) => engine,
            Self::Auto if device.is_cpu() => Engine::available()
                .into_iter()
                .find(|engine| engine.fits(config) && passes(engine.arithmetic()))
                .unwrap_or_else(Engine::f32),
            Self::Auto => Engine::Candle,
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
    "{}; use auto, or one of {}",
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
        for engine in Arithmetic::ALL.into_iter().filter_map(Engine::best) {
            assert_eq!(engine.arithmetic().to_string().parse(), Ok(engine));
        }
    }

    #[test]
    fn the_fastest_of_each_arithmetic_is_available() {
        let available = Engine::available();
        for arithmetic in [Arithmetic::Int16, Arithmetic::F32, Arithmetic::Candle] {
            assert!(
                Engine::best(arithmetic).is_some_and(|engine| available.contains(&engine)),
                "{arithmetic}"
            );
        }
        assert_eq!(Engine::best(Arithmetic::F32), Some(Engine::f32()));
        assert_eq!(available.last(), Some(&Engine::Candle));
        assert!(available.contains(&Engine::Int16(Tier::PORTABLE)));
    }

    #[test]
    fn other_names_are_refused_with_the_engines_of_the_machine() {
        let mut error = "avx9".parse::<Engine>().expect_err("no engine");
        assert_eq!(error.available.last().map(String::as_str), Some("candle"));
        error.available =
            ["int16-avx2", "int16-portable", "f32-avx2", "f32-portable", "candle"].map(String::from).into();
        insta::assert_snapshot!(error, @"`avx9` is not an engine; use auto, or one of int16-avx2, int16-portable, f32-avx2, f32-portable, candle");
        for name in Tier::names().filter(|name| Tier::named(name).is_none()) {
            let error = format!("int16-{name}").parse::<EngineChoice>().expect_err(name).to_string();
            assert!(error.starts_with("this processor cannot run the engine `int16-"), "{error}");
        }
    }

    #[test]
    fn auto_takes_the_fastest_that_passed() {
        let gate = |cosine| Gate { cosine, ..Gate::perfect(Arithmetic::Int16, 100) };
        let config = EncoderConfig {
            vocab: 2,
            hidden: 36,
            layers: 1,
            heads: 3,
            intermediate: 50,
            max_positions: 2,
            type_vocab: 1,
            layer_norm_eps: 1e-12,
        };
        let choose = |gates: &[Gate]| EngineChoice::Auto.choose(&Device::Cpu, &config, gates).arithmetic();
        assert_eq!(choose(&[]), Arithmetic::F32);
        assert_eq!(choose(&[gate(0.9)]), Arithmetic::F32);
        assert_eq!(choose(&[gate(0.999)]), Arithmetic::Int16);
        // Tiles do not fit this shape.
        assert_eq!(choose(&[gate(0.999), Gate::perfect(Arithmetic::Int8, 100)]), Arithmetic::Int16);
        let named = EngineChoice::Named(Engine::Candle);
        assert_eq!(named.choose(&Device::Cpu, &config, &[gate(0.999)]), Engine::Candle);
    }
}
