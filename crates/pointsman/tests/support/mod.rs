//! Running the built command as a person runs it.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command in `folder`, whatever the environment of the tests says about configuration, model, device and engine.
pub(crate) fn pointsman(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(args)
        .current_dir(folder)
        .env_remove("POINTSMAN_CONFIG")
        .env_remove("POINTSMAN_MODEL")
        .env_remove("POINTSMAN_DEVICE")
        .env_remove("POINTSMAN_ENGINE")
        .output()
        .expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
