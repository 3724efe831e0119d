//! The sidecar, and keys for its clients.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: that of the configuration, 127.0.0.1:8484]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Form of the log on standard error; what is logged is chosen by RUST_LOG
    #[arg(long, value_enum, value_name = "FORM", default_value_t = LogForm::Text, env = "POINTSMAN_LOG_FORM")]
    pub(crate) log: LogForm,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// A line for each event
    Text,
    /// Several lines for each event, for people who debug
    Pretty,
    /// A JSON object for each event, for programs
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What the key is called in the configuration, in errors and in logs
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
