//! Public data that models are trained on.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Name every source: licence, rows, whether it is there
    List(DataArgs),
    /// Download sources, check their hashes, and turn them into the project's JSON lines
    Fetch(DataFetchArgs),
    /// Check everything that is there: hashes, counts, labels that find their text, prompts kept out of training
    Verify(DataArgs),
    /// Print the fingerprints of rows, in the format of the lists in `datasets/fingerprints`
    Fingerprints(DataFingerprintsArgs),
}

/// Where data and what describes it are.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Folder that data is kept in [default: $XDG_CACHE_HOME/pointsman/data]
    #[arg(long, value_name = "DIR", env = "POINTSMAN_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder with manifests, labels and lists, as in the repository
    #[arg(long, value_name = "DIR", default_value = "datasets")]
    pub(crate) datasets: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DataFetchArgs {
    /// Sources to fetch
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Fetch every source that can be fetched
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) place: DataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DataFingerprintsArgs {
    /// JSON lines with {"id", "text"}, gzipped or not
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}
