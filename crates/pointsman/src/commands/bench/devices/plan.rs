//! Who is measured.

use std::process::Command;

use anyhow::{Context, Result, bail};
use pointsman_classifier::{Arithmetic, DeviceChoice, DeviceError, Engine};
use pointsman_eval::devices::PassedOver;

use super::contender::Contender;
use super::entry::Entry;
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

/// Starts everybody, ours by device, then the peers; and says which devices are not there.
pub(super) fn entries(args: &DevicesArgs, global: &Global) -> Result<(Vec<Entry>, Vec<PassedOver>)> {
    let peers: Vec<(&str, &str)> = args
        .peer
        .iter()
        .map(|peer| peer.split_once('=').context("--peer: write NAME=COMMAND"))
        .collect::<Result<_>>()?;
    let (devices, passed_over) = devices(args, global)?;
    if devices.is_empty() && peers.is_empty() {
        let reasons = passed_over.iter().map(|device| format!("{}: {}", device.name, device.reason));
        bail!("--devices: none of them can be used; {}", reasons.collect::<Vec<_>>().join("; "));
    }
    let mut entries = Vec::new();
    for own in own(&devices, global) {
        entries.push(start(&own, args, global)?);
    }
    for (name, line) in peers {
        entries.push(Entry::new(name, line, || Contender::start(name, line, shell(line))));
    }
    Ok((entries, passed_over))
}

/// Every device: on the processor the engine that was named, else the best of each arithmetic of our kernels; on others candle in the
/// precision that was named, else in half precision and in f32.
fn own(devices: &[DeviceChoice], global: &Global) -> Vec<Own> {
    let mut all = Vec::new();
    for &device in devices {
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
    all
}

/// Those of the wanted devices that are there, and why the others are not.
fn devices(args: &DevicesArgs, global: &Global) -> Result<(Vec<DeviceChoice>, Vec<PassedOver>)> {
    let (mut there, mut not_there) = (Vec::new(), Vec::new());
    for device in wanted(args, global)? {
        match device.find() {
            Ok(found) => {
                there.push(found.choice);
                not_there.extend(found.passed_over);
            }
            Err(error) => not_there.push(error),
        }
    }
    let reason = |error: DeviceError| PassedOver { name: error.device().to_string(), reason: error.reason() };
    Ok((there, not_there.into_iter().map(reason).collect()))
}

/// The devices that were named, else one of each kind.
fn wanted(args: &DevicesArgs, global: &Global) -> Result<Vec<DeviceChoice>> {
    if !args.devices.is_empty() {
        return args.devices.iter().map(|name| name.parse().context("--devices")).collect();
    }
    if let Some(name) = &global.device {
        return Ok(vec![name.parse().context("--device")?]);
    }
    Ok(vec![DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Metal(0)])
}

/// This program as a worker.
fn start(own: &Own, args: &DevicesArgs, global: &Global) -> Result<Entry> {
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
    let name = own.name();
    Ok(Entry::new(&name, &shown, || Contender::start(&name, &shown, command)))
}

/// A command line as a shell reads it.
fn shell(line: &str) -> Command {
    let (program, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(program);
    command.args([option, line]);
    command
}
