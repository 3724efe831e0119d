//! Where the arithmetic is done.

use std::fmt;
use std::panic::catch_unwind;
use std::str::FromStr;

use candle_core::utils::{cuda_is_available, metal_is_available};
use candle_core::{DType, Device, Tensor};

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

/// A device that was opened.
#[derive(Debug, Clone)]
pub struct FoundDevice {
    /// What it is: never [`DeviceChoice::Auto`].
    pub choice: DeviceChoice,
    /// The device.
    pub device: Device,
    /// Why those that [`DeviceChoice::Auto`] would have preferred cannot be used; empty where one was named.
    pub passed_over: Vec<DeviceError>,
}

impl DeviceChoice {
    /// Opens the device, and says which one it is and what was passed over.
    ///
    /// # Errors
    /// As [`DeviceChoice::open`].
    pub fn find(self) -> Result<FoundDevice, DeviceError> {
        if self != Self::Auto {
            return Ok(FoundDevice { choice: self, device: self.open()?, passed_over: Vec::new() });
        }
        let mut passed_over = Vec::new();
        for choice in [Self::Cuda(0), Self::Metal(0)] {
            match choice.open() {
                Ok(device) => return Ok(FoundDevice { choice, device, passed_over }),
                Err(error) => passed_over.push(error),
            }
        }
        Ok(FoundDevice { choice: Self::Cpu, device: Device::Cpu, passed_over })
    }

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
            Self::Cuda(ordinal) => self.checked(|| Device::new_cuda(ordinal)),
            Self::Metal(ordinal) => self.checked(|| Device::new_metal(ordinal)),
            Self::Auto => self.find().map(|found| found.device),
        }
    }

    /// Opens a device and computes something on it: a driver that is too old for the kernels, or kernels for another kind of
    /// GPU, show only then.
    fn checked(
        self,
        open: impl FnOnce() -> candle_core::Result<Device> + std::panic::UnwindSafe,
    ) -> Result<Device, DeviceError> {
        let opened = catch_unwind(|| {
            let device = open()?;
            let two = (Tensor::ones(1, DType::F32, &device)? + 1.0)?.to_vec1::<f32>()?;
            if two == [2.0] { Ok(device) } else { candle_core::bail!("it computes 1 + 1 = {two:?}") }
        });
        match opened {
            Ok(device) => device.map_err(|error| self.not_there(&error.to_string())),
            // candle takes it for granted that a Metal device of this number is there.
            Err(_) => Err(self.not_there("there is no device of this number")),
        }
    }

    fn not_there(self, cause: &str) -> DeviceError {
        // The first line says what failed; a stack trace may follow.
        let cause = cause.lines().next().unwrap_or_default().to_owned();
        DeviceError::NotThere { device: self, remedy: remedy(&cause), cause }
    }
}

/// What to do about a device that cannot be opened, by the name of CUDA's error.
fn remedy(cause: &str) -> &'static str {
    const KNOWN: [(&str, &str); 10] = [
        ("CUDA_ERROR_NO_DEVICE", "the driver sees no GPU: check `nvidia-smi` and CUDA_VISIBLE_DEVICES"),
        ("CUDA_ERROR_INVALID_DEVICE", "GPUs are counted from 0: `nvidia-smi -L` lists them"),
        ("no device of this number", "GPUs are counted from 0"),
        (
            "CUDA_ERROR_STUB_LIBRARY",
            "a stub took the place of NVIDIA's driver: install it, or put it first in LD_LIBRARY_PATH",
        ),
        ("CUDA_ERROR_INSUFFICIENT_DRIVER", "install a newer NVIDIA driver"),
        ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "the driver and its kernel module differ: restart the machine"),
        (
            "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
            "the driver is older than the CUDA that this was built with: install a newer one",
        ),
        (
            "CUDA_ERROR_NO_BINARY_FOR_GPU",
            "this was built for newer GPUs: build with a lower CUDA_COMPUTE_CAP",
        ),
        ("CUDA_ERROR_INVALID_PTX", "this was built for newer GPUs: build with a lower CUDA_COMPUTE_CAP"),
        ("CUDA_ERROR_OUT_OF_MEMORY", "other programs fill its memory: `nvidia-smi` lists them"),
    ];
    let known = KNOWN.iter().find(|(name, _)| cause.contains(name));
    known.map_or("check its driver and number", |(_, remedy)| remedy)
}

/// Whether an operation failed because the device has no memory left for it.
pub(crate) fn is_out_of_memory(error: &candle_core::Error) -> bool {
    const NAMES: [&str; 4] = [
        "CUDA_ERROR_OUT_OF_MEMORY",
        "CUBLAS_STATUS_ALLOC_FAILED",
        // Metal refuses a buffer that is too large without a reason.
        "Failed to create metal resource: Buffer",
        "kIOGPUCommandBufferCallbackErrorOutOfMemory",
    ];
    let text = error.to_string();
    NAMES.iter().any(|name| text.contains(name))
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
    #[error("device `{device}` cannot be used: {cause}; {remedy}, or use `cpu` or `auto`")]
    NotThere {
        /// What was asked for.
        device: DeviceChoice,
        /// What the driver says.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl DeviceError {
    /// What was asked for.
    #[must_use]
    pub fn device(&self) -> DeviceChoice {
        match self {
            Self::NotCompiledIn { device, .. } | Self::NotThere { device, .. } => *device,
        }
    }

    /// Why it cannot be used and what would help, for those who go on with another device.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::NotCompiledIn { feature, .. } => {
                format!("not compiled in; build with `--features {feature}`")
            }
            Self::NotThere { cause, remedy, .. } => format!("{cause}; {remedy}"),
        }
    }
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

    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    #[test]
    fn auto_says_why_it_passed_others_over() {
        let found = DeviceChoice::Auto.find().expect("the processor");
        assert_eq!(found.choice, DeviceChoice::Cpu);
        let passed_over: Vec<String> =
            found.passed_over.iter().map(|error| format!("{}: {}", error.device(), error.reason())).collect();
        assert_eq!(
            passed_over,
            [
                "cuda:0: not compiled in; build with `--features cuda`",
                "metal:0: not compiled in; build with `--features metal`"
            ]
        );
        let named = DeviceChoice::Cpu.find().expect("the processor");
        assert!(named.passed_over.is_empty() && named.choice == DeviceChoice::Cpu);
        assert!(DeviceChoice::Cuda(0).find().is_err(), "what is named is not replaced");
    }

    #[test]
    fn a_device_that_is_not_there_says_what_to_do() {
        let said = |device: DeviceChoice, cause: &str| device.not_there(cause).to_string();
        let cuda = DeviceChoice::Cuda(0);
        assert_eq!(cuda.not_there("no driver").reason(), "no driver; check its driver and number");
        insta::assert_snapshot!(said(cuda, "something else\n  0: backtrace"), @"device `cuda:0` cannot be used: something else; check its driver and number, or use `cpu` or `auto`");
        let driver = r#"DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain.")"#;
        insta::assert_snapshot!(said(cuda, driver), @r#"device `cuda:0` cannot be used: DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain."); the driver is older than the CUDA that this was built with: install a newer one, or use `cpu` or `auto`"#);
        let none = cuda.checked(|| panic!("index out of bounds")).expect_err("no device");
        assert!(none.to_string().contains("no device of this number"), "{none}");
        assert!(DeviceChoice::Cpu.checked(|| Ok(Device::Cpu)).is_ok());
    }

    #[test]
    fn want_of_memory_is_known_by_what_the_drivers_say() {
        let error = |text: &str| candle_core::Error::Msg(text.to_owned()).bt();
        assert!(is_out_of_memory(&error(r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#)));
        assert!(is_out_of_memory(&error("CublasError(CUBLAS_STATUS_ALLOC_FAILED)")));
        assert!(!is_out_of_memory(&error("DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)")));
    }
}
