//! `[dashboard]`: whether there is one, and for whom.

use pointsman_policy::config::{Diagnostics, Document, Entry};

use super::reading;

/// Settings of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DashboardConfig {
    /// Whether there is one at all.
    pub(crate) enabled: bool,
    /// The environment variable with the key that opens it. Without one it is shown on this machine alone.
    pub(crate) key_env: Option<String>,
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self { enabled: true, key_env: None }
    }
}

const KEYS: [&str; 2] = ["enabled", "key_env"];

impl DashboardConfig {
    pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut config = Self::default();
        for entry in reading::entries(document, "dashboard", diagnostics) {
            config.set(&entry, diagnostics);
        }
        config
    }

    fn set(&mut self, entry: &Entry<'_>, diagnostics: &mut Diagnostics) {
        match entry.name() {
            "enabled" => self.enabled = entry.boolean(diagnostics).unwrap_or(self.enabled),
            "key_env" => self.key_env = reading::variable(entry, diagnostics),
            _ => entry.unknown(&KEYS, diagnostics),
        }
    }
}
