//! Where the arithmetic is done.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use candle_core::utils::{cuda_is_available, metal_is_available};

/// A device as a user names it: `auto`, `cpu`, `cuda:N` or `metal:N`; `cuda` and `metal` mean the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first of CUDA, Metal and CPU that is compiled in and there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU, counted from 0 in the driver's order.
    Cuda(usize),
    /// An Apple GPU, counted from 0.
    Metal(usize),
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// When support for it is not compiled in, or the device is not there. [`DeviceChoice::Auto`] never fails.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !cuda_is_available() => {
                Err(DeviceError::NotCompiledIn { device: self, feature: "cuda" })
            }
            Self::Metal(_) if !metal_is_available() => {
                Err(DeviceError::NotCompiledIn { device: self, feature: "metal" })
            }
            Self::Cuda(ordinal) => Device::new_cuda(ordinal).map_err(|error| self.not_there(&error)),
            Self::Metal(ordinal) => Device::new_metal(ordinal).map_err(|error| self.not_there(&error)),
            Self::Auto => Ok(Self::Cuda(0).open().or_else(|_| Self::Metal(0).open()).unwrap_or(Device::Cpu)),
        }
    }

    fn not_there(self, error: &candle_core::Error) -> DeviceError {
        // The first line says what failed; a stack trace may follow.
        let cause = error.to_string().lines().next().unwrap_or_default().to_owned();
        DeviceError::NotThere { device: self, cause }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
            Self::Metal(ordinal) => write!(f, "metal:{ordinal}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = ParseDeviceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
        let unknown = || ParseDeviceError { name: name.to_owned() };
        let ordinal: usize = ordinal.parse().map_err(|_| unknown())?;
        match kind {
            "auto" if kind == name => Ok(Self::Auto),
            "cpu" if kind == name => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(ordinal)),
            "metal" => Ok(Self::Metal(ordinal)),
            _ => Err(unknown()),
        }
    }
}

/// A string that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a device: use auto, cpu, cuda:N or metal:N with N counted from 0")]
pub struct ParseDeviceError {
    name: String,
}

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// This build has no code for it.
    #[error(
        "device `{device}` is not compiled in; build with `--features {feature}`, or use `cpu` or `auto`"
    )]
    NotCompiledIn {
        /// What was asked for.
        device: DeviceChoice,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// The driver does not offer it.
    #[error("device `{device}` is not there: {cause}; check its driver and number, or use `cpu` or `auto`")]
    NotThere {
        /// What was asked for.
        device: DeviceChoice,
        /// What the driver says.
        cause: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, device) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:3", DeviceChoice::Cuda(3)),
            ("metal:0", DeviceChoice::Metal(0)),
        ] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
    }

    #[test]
    fn other_names_are_refused_with_the_choice() {
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "auto:0", "CPU"] {
            let error = name.parse::<DeviceChoice>().expect_err(name);
            assert!(error.to_string().contains("use auto, cpu, cuda:N or metal:N"), "{error}");
        }
    }

    #[test]
    fn cpu_and_auto_are_always_there() {
        assert!(matches!(DeviceChoice::Cpu.open(), Ok(Device::Cpu)));
        assert!(DeviceChoice::Auto.open().is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_says_how_to_get_it() {
        insta::assert_snapshot!(DeviceChoice::Cuda(1).open().expect_err("not compiled in"), @"device `cuda:1` is not compiled in; build with `--features cuda`, or use `cpu` or `auto`");
    }

    #[test]
    fn a_device_that_is_not_there_says_what_to_check() {
        let error = candle_core::Error::Msg("no CUDA-capable device is detected\n  0: backtrace".to_owned());
        insta::assert_snapshot!(DeviceChoice::Cuda(0).not_there(&error), @"device `cuda:0` is not there: no CUDA-capable device is detected; check its driver and number, or use `cpu` or `auto`");
    }
}
