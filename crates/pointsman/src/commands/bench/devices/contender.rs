//! A process that is measured.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pointsman_eval::devices::Joules;
use serde::Deserialize;

/// How often a process that says nothing more is looked at, before it counts as living on.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A process that answers `emb` and `run`, see [`mod@super::super::worker`].
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) command: String,
    /// From starting the process until it could be asked, in seconds.
    pub(super) load_s: f64,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Seconds that runs took.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Times {
    pub(super) wall: Vec<f64>,
    pub(super) cpu: Vec<f64>,
    #[serde(skip)]
    pub(super) joules: Option<Joules>,
}

impl Contender {
    /// Starts `command` and waits until it can be asked.
    #[expect(clippy::disallowed_methods, reason = "measuring is what the command is for")]
    pub(super) fn start(name: &str, shown: &str, mut command: Command) -> Result<Self> {
        let began = Instant::now();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: `{shown}` cannot be started"))?;
        let questions = process.stdin.take().context("a process without input")?;
        let answers = BufReader::new(process.stdout.take().context("a process without output")?);
        let (name, command) = (name.to_owned(), shown.to_owned());
        let mut contender = Self { name, command, load_s: 0.0, process, questions, answers };
        // Other programs print what they like before they are ready.
        while !contender.line()?.starts_with("READY") {}
        contender.load_s = began.elapsed().as_secs_f64();
        Ok(contender)
    }

    /// Its output for the first prompt of a shape.
    pub(super) fn embed(&mut self, (batch, length): (usize, usize)) -> Result<Vec<f32>> {
        let answer = self.ask(&format!("emb {batch} {length}"))?;
        serde_json::from_str(&answer)
            .with_context(|| format!("{}: `{answer}` is no list of numbers", self.name))
    }

    /// Lets it run a shape `runs` times.
    pub(super) fn run(&mut self, (batch, length): (usize, usize), runs: usize) -> Result<Times> {
        let answer = self.ask(&format!("run {batch} {length} {runs}"))?;
        let times: Times = serde_json::from_str(&answer)
            .with_context(|| format!("{}: `{answer}` has no times", self.name))?;
        let found = times.wall.len();
        ensure!(found == runs, "{}: it answered {found} times where {runs} were asked for", self.name);
        Ok(times)
    }

    fn ask(&mut self, question: &str) -> Result<String> {
        let asked = writeln!(self.questions, "{question}").and_then(|()| self.questions.flush());
        if asked.is_err() {
            return Err(self.gone());
        }
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(self.gone()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => bail!("{}: its answer cannot be read: {error}", self.name),
        }
    }

    fn gone(&mut self) -> anyhow::Error {
        let ended = match self.ended() {
            Some(status) => format!("ended with {status}"),
            None => "closed its output".to_owned(),
        };
        anyhow!("{}: `{}` {ended}; what it printed above says why", self.name, self.command)
    }

    /// How the process ended; nothing if it lives on.
    fn ended(&mut self) -> Option<ExitStatus> {
        for _ in 0..LOOKS {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        None
    }

    /// The numbers that the system knows it by, with those of the processes that it started.
    pub(super) fn process_ids(&self) -> Vec<u32> {
        tree(self.process.id())
    }

    /// The most memory that the process had in use, in bytes, with that of the processes that it started: a shell's is next
    /// to nothing.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let told: Vec<u64> = self.process_ids().into_iter().filter_map(peak_memory).collect();
        (!told.is_empty()).then(|| told.iter().sum())
    }
}

/// The process, and those that it started, and those that these started. Systems that do not tell leave them out.
fn tree(process: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.unwrap_or_default();
    let below = children.split_whitespace().filter_map(|id| id.parse().ok()).flat_map(tree);
    [process].into_iter().chain(below).collect()
}

fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

impl Drop for Contender {
    fn drop(&mut self) {
        // A blank line asks it to end; if it does not listen any more, it is gone already.
        let _ = writeln!(self.questions).and_then(|()| self.questions.flush());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Contender> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contender::start("peer", script, command)
    }

    #[test]
    fn a_process_is_asked_when_it_is_ready() {
        let script = r#"echo loading; echo READY peer; read q; echo '[0.5, 1]'; read q; echo '{"wall": [0.1], "cpu": [0.2]}'; read q"#;
        let mut peer = shell(script).expect("starts");
        assert_eq!(peer.embed((1, 8)).expect("an output"), [0.5, 1.0]);
        assert_eq!(peer.run((1, 8), 1).expect("times").wall, [0.1]);
        #[cfg(target_os = "linux")]
        assert!(peer.peak_memory().is_some_and(|bytes| bytes > 0));
        #[cfg(target_os = "linux")]
        {
            // A shell within the shell is the process that is counted besides.
            let nested = shell(r#"sh -c 'echo READY x; read q'; true"#).expect("starts");
            assert!(nested.peak_memory() > peer.peak_memory());
        }
    }

    #[test]
    fn a_process_that_ends_is_named() {
        let error = shell("exec >&-; read q").err().expect("no worker").to_string();
        assert!(error.contains("closed its output"), "{error}");
        let error = shell("exit 3").err().expect("no worker").to_string();
        assert!(error.starts_with("peer: `exit 3` ended with exit status: 3"), "{error}");
        let mut peer = shell("echo READY x; read q; echo oops; read q").expect("starts");
        let error = peer.run((1, 8), 1).expect_err("no times").to_string();
        assert_eq!(error, "peer: `oops` has no times");
        let mut peer =
            shell(r#"echo READY x; read q; echo '{"wall": [], "cpu": []}'; read q"#).expect("starts");
        let error = peer.run((1, 8), 2).expect_err("too few").to_string();
        assert_eq!(error, "peer: it answered 0 times where 2 were asked for");
    }
}
