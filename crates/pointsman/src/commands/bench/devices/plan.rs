//! Who is measured.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use pointsman_classifier::{Arithmetic, DeviceChoice, Engine};

use super::contender::Contender;
use crate::cli::{DevicesArgs, Global};

/// A device with what computes on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    device: DeviceChoice,
    engine: Option<String>,
    precision: Option<String>,
}

impl Own {
    fn name(&self) -> String {
        let how = self.engine.as_deref().or(self.precision.as_deref()).unwrap_or("auto");
        format!("{} {how}", self.device)
    }
}

/// Starts everybody: ours by device, then the peers.
pub(super) fn contenders(args: &DevicesArgs, global: &Global) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for own in own(args, global)? {
        contenders.push(start(&own, args, global)?);
    }
    for peer in &args.peer {
        let (name, line) = peer.split_once('=').context("--peer: write NAME=COMMAND")?;
        contenders.push(Contender::start(name, line, shell(line))?);
    }
    ensure!(!contenders.is_empty(), "--devices: name one at least, or a --peer");
    Ok(contenders)
}

/// Every device: on the processor the engine that was named, else the best of each arithmetic of our kernels; on others candle in the
/// precision that was named, else in half precision and in f32.
fn own(args: &DevicesArgs, global: &Global) -> Result<Vec<Own>> {
    let mut all = Vec::new();
    for device in devices(args, global)? {
        let with = |engine: Option<String>, precision: Option<String>| Own { device, engine, precision };
        if device == DeviceChoice::Cpu {
            match (&global.engine, &global.precision) {
                (None, None) => all.extend(
                    Arithmetic::ALL
                        .into_iter()
                        .filter(|of| *of != Arithmetic::Candle)
                        .filter_map(Engine::best)
                        .map(|engine| with(Some(engine.to_string()), None)),
                ),
                (engine, precision) => all.push(with(engine.clone(), precision.clone())),
            }
        } else {
            match &global.precision {
                Some(precision) => all.push(with(None, Some(precision.clone()))),
                None => all.extend(["auto", "f32"].map(|precision| with(None, Some(precision.to_owned())))),
            }
        }
    }
    Ok(all)
}

/// The devices that were named, else all that are there.
fn devices(args: &DevicesArgs, global: &Global) -> Result<Vec<DeviceChoice>> {
    if !args.devices.is_empty() {
        return args.devices.iter().map(|name| name.parse().context("--devices")).collect();
    }
    if let Some(name) = &global.device {
        return Ok(vec![name.parse().context("--device")?]);
    }
    let all = [DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Metal(0)];
    Ok(all.into_iter().filter(|device| device.open().is_ok()).collect())
}

/// This program as a worker.
fn start(own: &Own, args: &DevicesArgs, global: &Global) -> Result<Contender> {
    let program = std::env::current_exe().context("this program's file cannot be found")?;
    let mut words =
        vec!["bench".to_owned(), "--worker".to_owned(), "--device".to_owned(), own.device.to_string()];
    let options = [
        ("--engine", own.engine.clone()),
        ("--precision", own.precision.clone()),
        ("--model", global.model.clone()),
        ("--config", global.config.as_ref().map(|path| path.display().to_string())),
    ];
    for (name, value) in options {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    }
    let mut command = Command::new(program);
    command.args(&words);
    let mut shown = format!("pointsman {}", words.join(" "));
    if let Some(threads) = args.threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
        shown = format!("RAYON_NUM_THREADS={threads} {shown}");
    }
    Contender::start(&own.name(), &shown, command)
}

/// A command line as a shell reads it.
fn shell(line: &str) -> Command {
    let (program, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(program);
    command.args([option, line]);
    command
}
