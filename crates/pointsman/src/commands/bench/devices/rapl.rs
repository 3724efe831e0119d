//! Energy of the processor, as Linux tells it (RAPL: Intel's running average power limit, AMD's too).

use std::fs;
use std::path::{Path, PathBuf};

/// Where Linux lists domains of power.
const DOMAINS: &str = "/sys/class/powercap";

/// Counters of energy at a start.
pub(super) struct Meter(Vec<Counter>);

/// A package's counter.
struct Counter {
    domain: PathBuf,
    microjoules: u64,
}

impl Meter {
    /// Reads the counters of all packages, as far as the system lets them be read.
    pub(super) fn start() -> Self {
        Self(packages(Path::new(DOMAINS)))
    }

    /// Joules of all packages since the start; none where the system tells nothing.
    pub(super) fn stop(self) -> Option<f64> {
        let spent: Option<u64> = self.0.iter().map(Counter::spent).sum();
        spent.filter(|_| !self.0.is_empty()).map(|microjoules| microjoules as f64 * 1e-6)
    }
}

/// Packages are `intel-rapl:N`; `intel-rapl:N:M` are parts of them.
fn packages(domains: &Path) -> Vec<Counter> {
    let entries = fs::read_dir(domains).into_iter().flatten().flatten();
    let is_package = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_prefix("intel-rapl:").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let counter = |domain: PathBuf| Some(Counter { microjoules: number(&domain, "energy_uj")?, domain });
    entries.map(|entry| entry.path()).filter(is_package).filter_map(counter).collect()
}

fn number(domain: &Path, name: &str) -> Option<u64> {
    fs::read_to_string(domain.join(name)).ok()?.trim().parse().ok()
}

impl Counter {
    /// Microjoules since it was read. The counter starts anew at a limit of its own.
    fn spent(&self) -> Option<u64> {
        let now = number(&self.domain, "energy_uj")?;
        if now >= self.microjoules {
            return Some(now - self.microjoules);
        }
        Some(number(&self.domain, "max_energy_range_uj")? - self.microjoules + now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_added_up_across_an_overflow() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let set = |name: &str, energy: u64| {
            let domain = folder.path().join(name);
            fs::create_dir_all(&domain).expect("made");
            fs::write(domain.join("energy_uj"), format!("{energy}\n")).expect("written");
            fs::write(domain.join("max_energy_range_uj"), "1000000\n").expect("written");
        };
        [("intel-rapl:0", 100), ("intel-rapl:1", 900_000), ("intel-rapl:0:0", 5), ("dtpm", 5)]
            .into_iter()
            .for_each(|(name, energy)| set(name, energy));
        let meter = Meter(packages(folder.path()));
        assert_eq!(meter.0.len(), 2);
        set("intel-rapl:0", 400_100);
        set("intel-rapl:1", 100_000);
        let joules = meter.stop().expect("told");
        assert!((joules - 0.6).abs() < 1e-9, "{joules}");
        assert_eq!(Meter(packages(&folder.path().join("none"))).stop(), None);
    }
}
