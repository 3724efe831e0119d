//! One who takes part: measured as long as nothing goes wrong, and reported either way.

use anyhow::Result;
use pointsman_eval::devices::{self, CostFit, SpeedFigure};

use super::contender::{Contender, Times};
use super::nvml::Gpus;

/// A contender's line of the report in the making, and its process while that takes part.
pub(super) struct Entry {
    process: Option<Contender>,
    line: devices::Contender,
}

impl Entry {
    /// Whoever `start` starts with the command `shown`. That it does not start is reported in its place.
    pub(super) fn new(name: &str, shown: &str, start: impl FnOnce() -> Result<Contender>) -> Self {
        let line = devices::Contender {
            name: name.to_owned(),
            command: shown.to_owned(),
            load_s: None,
            peak_memory: None,
            gpu_memory: None,
            cosine: None,
            figures: Vec::new(),
            fits: Vec::new(),
            error: None,
        };
        let mut entry = Self { process: None, line };
        match start() {
            Ok(process) => {
                entry.line.load_s = Some(process.load_s);
                entry.process = Some(process);
            }
            Err(error) => entry.line.error = Some(format!("{error:#}")),
        }
        entry
    }

    pub(super) fn name(&self) -> &str {
        &self.line.name
    }

    /// What `work` has of the process; none if it does not take part. What goes wrong ends its part and is reported.
    pub(super) fn ask<T>(&mut self, work: impl FnOnce(&mut Contender) -> Result<T>) -> Option<T> {
        match work(self.process.as_mut()?) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.line.error = Some(format!("{error:#}"));
                self.process = None;
                None
            }
        }
    }

    /// Notes how near its output is to the first one's.
    pub(super) fn compared(&mut self, cosine: Option<f64>) {
        self.line.cosine = cosine;
    }

    /// Notes how long a shape took, if it lasted until the end of all turns.
    pub(super) fn took(&mut self, shape: (usize, usize), times: &Times) {
        if self.process.is_some() {
            let joules = times.joules.unwrap_or_default();
            self.line.figures.extend(SpeedFigure::new(shape, &times.wall, &times.cpu, joules));
        }
    }

    /// Its line of the report.
    pub(super) fn finish(self, gpus: &Gpus) -> devices::Contender {
        let Self { process, mut line } = self;
        if let Some(process) = process {
            line.peak_memory = process.peak_memory();
            line.gpu_memory = gpus.memory_of(&process.process_ids());
        }
        line.fits =
            line.batches().into_iter().filter_map(|batch| CostFit::new(&line.figures, batch)).collect();
        line
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    fn shell(name: &str, script: &str) -> Entry {
        Entry::new(name, script, || {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Contender::start(name, script, command)
        })
    }

    #[test]
    fn what_goes_wrong_ends_the_part_and_keeps_the_figures() {
        let script =
            r#"echo READY x; read q; echo '{"wall": [0.5], "cpu": [0.5]}'; read q; echo oops; read q"#;
        let mut peer = shell("peer", script);
        let times = peer.ask(|process| process.run((2, 8), 1)).expect("times");
        peer.took((2, 8), &times);
        assert!(peer.ask(|process| process.run((2, 16), 1)).is_none());
        assert!(peer.ask(|process| process.run((2, 8), 1)).is_none(), "it is not asked again");
        peer.took((2, 16), &times);
        let line = peer.finish(&Gpus::find());
        let error = line.error.expect("it failed");
        assert!(error.starts_with("peer: `oops` has no times: "), "{error}");
        assert_eq!((line.figures.len(), line.figures[0].p50_s), (1, 0.5));
        assert!(line.load_s.is_some() && line.fits.is_empty());
    }

    #[test]
    fn who_does_not_start_is_reported() {
        let line = shell("gone", "exit 3").finish(&Gpus::find());
        let error = line.error.expect("it is gone");
        assert!(error.starts_with("gone: `exit 3` ended with exit status: 3"), "{error}");
        assert_eq!((line.load_s, line.figures.len()), (None, 0));
    }
}
