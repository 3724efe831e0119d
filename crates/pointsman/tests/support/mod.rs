//! Running the built command as a person runs it.

use std::path::Path;
use std::process::{Command, Output};

/// The command in `folder`, whatever the environment of the tests says about configuration, model, device and engine.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args).current_dir(folder);
    for name in ["CONFIG", "MODEL", "DEVICE", "ENGINE", "PRECISION"] {
        command.env_remove(format!("POINTSMAN_{name}"));
    }
    command
}

/// What comes of running it.
pub(crate) fn pointsman(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
