//! Energy and memory of NVIDIA GPUs, as the driver tells them (NVML). Its library comes with the driver and is looked for when
//! the program runs; where there is none, nothing is told.

use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::{Device, Nvml};

/// The driver, if there is one.
pub(super) struct Gpus(Option<Nvml>);

impl Gpus {
    /// Looks for the driver.
    pub(super) fn find() -> Self {
        Self(Nvml::init().ok())
    }

    /// Each GPU with its memory and the driver, for people.
    pub(super) fn names(&self) -> Vec<String> {
        let driver = self.0.as_ref().and_then(|nvml| nvml.sys_driver_version().ok()).unwrap_or_default();
        let name = |device: Device<'_>| {
            let gigabytes = device.memory_info().map_or(0, |memory| memory.total >> 30);
            Some(format!("{} {gigabytes} GiB, driver {driver}", device.name().ok()?))
        };
        self.devices().filter_map(name).collect()
    }

    /// Millijoules of all GPUs since the driver was loaded; none if one of them does not tell (before Volta).
    pub(super) fn millijoules(&self) -> Option<u64> {
        let spent = self.devices().map(|device| device.total_energy_consumption().ok());
        let spent: Vec<u64> = spent.collect::<Option<_>>()?;
        (!spent.is_empty()).then(|| spent.iter().sum())
    }

    /// Bytes on GPUs that the processes `pids` hold now; none if they have nothing there or that is not told, as in containers
    /// that number processes anew.
    pub(super) fn memory_of(&self, pids: &[u32]) -> Option<u64> {
        let processes = self.devices().filter_map(|device| device.running_compute_processes().ok()).flatten();
        let held =
            processes.filter(|process| pids.contains(&process.pid)).filter_map(|process| {
                match process.used_gpu_memory {
                    UsedGpuMemory::Used(bytes) => Some(bytes),
                    UsedGpuMemory::Unavailable => None,
                }
            });
        Some(held.sum()).filter(|bytes| *bytes > 0)
    }

    fn devices(&self) -> impl Iterator<Item = Device<'_>> {
        let count = self.0.as_ref().and_then(|nvml| nvml.device_count().ok()).unwrap_or(0);
        (0..count).filter_map(|index| self.0.as_ref()?.device_by_index(index).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_nothing_is_told() {
        let none = Gpus(None);
        assert_eq!((none.millijoules(), none.memory_of(&[1]), none.names()), (None, None, Vec::new()));
        // With one, a process that cannot be there holds nothing.
        assert_eq!(Gpus::find().memory_of(&[u32::MAX]), None);
    }
}
